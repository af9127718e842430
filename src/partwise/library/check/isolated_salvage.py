"""Reading damaged tables in a process of its own.

One flipped bit in a thousand makes LanceDB ask for more memory than there is, and Rust then ends
the process. So that ``partwise check`` survives that and names the table, it reads through a child.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError
from partwise.library.check.salvage import Damage, Rows, examine, mend

if TYPE_CHECKING:
    import pyarrow as pa

# Address space that a child may take besides a multiple of the table: far more than it needs.
_MOST_BYTES = 16 << 30
_TABLE_SHARE = 8
_PROGRAM = "from partwise.library.check.isolated_salvage import main; main()"


def examine_isolated(folder: Path, name: str, tell: Rows = lambda _: None) -> Damage | None:
    """``lance_salvage.examine``, in a child."""
    for answer in _ask(folder, name, ["examine"]):
        if "rows" in answer:
            tell(answer["rows"])
        elif "damage" in answer:
            return None if answer["damage"] is None else Damage(**answer["damage"])
        elif "died" in answer:
            return Damage(name, f"reading it ends the process ({answer['died']})", None)
    raise AssertionError("a child gives an answer or dies")


def mend_isolated(folder: Path, name: str, schema: pa.Schema) -> str:
    """``lance_salvage.mend``, in a child; when that dies, with less and less that is read."""
    text = base64.b64encode(schema.serialize().to_pybytes()).decode()
    for effort in ("all", "versions", "nothing"):
        for answer in _ask(folder, name, ["mend", text, effort]):
            if "mended" in answer:
                return answer["mended"]
    raise PartwiseError(f"the table {name} at {folder} cannot be mended: remove {name}.lance")


def _ask(folder: Path, name: str, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The answers of a child; the last one may be that it died. Raises PartwiseError."""
    import partwise

    source = str(Path(partwise.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", _PROGRAM, str(folder), name, *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    ) as child:
        answered = False
        for line in child.stdout or ():
            answer = json.loads(line)
            if "refused" in answer:
                raise PartwiseError(answer["refused"])
            answered = answered or "rows" not in answer
            yield answer
    if not answered:
        status = child.returncode
        yield {"died": signal.Signals(-status).name if status < 0 else f"exit status {status}"}


def main() -> None:
    """The child: FOLDER NAME examine, or FOLDER NAME mend SCHEMA EFFORT."""
    import pyarrow as pa

    folder, name, task, *rest = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up between the answers

    def answer(**values: Any) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    _limit_memory(Path(folder) / f"{name}.lance")
    try:
        if task == "examine":
            damage = examine(Path(folder), name, lambda rows: answer(rows=rows))
            answer(damage=damage and asdict(damage))
        else:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(rest[0])))
            answer(mended=mend(Path(folder), name, schema, rest[1]))
    except PartwiseError as error:
        answer(refused=str(error))


def _limit_memory(home: Path) -> None:
    try:
        import resource
    except ImportError:  # not on every platform; the child may then be ended by the system
        return
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    most = _MOST_BYTES + _TABLE_SHARE * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
