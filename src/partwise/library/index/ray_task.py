"""What a worker of a Ray cluster does: hear a block of files, knowing nothing of the library.

The worker stays light and hears through a process of its own, as a run on one machine does, so a
decoder that crashes or hangs takes along neither the worker nor the other files of its block. That
process keeps its model from block to block; nothing else is kept, so any block can be heard again
anywhere.
"""

from __future__ import annotations

import atexit
import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from partwise.hearing.worker import Outcome, Settings
from partwise.hearing.worker_process import KILLED, HearingProcess, WorkersUnfit
from partwise.library.index.wire import outcomes_to_arrow
from partwise.paths import FoundFile

# A process that is killed was perhaps in the way of another program's memory.
_ATTEMPTS = 3


@dataclass(frozen=True)
class Shared:
    """What all blocks of a run have in common.

    settings, digest : how to hear, and the name of the model; ``settings.model`` is not used.
    model : reference to (network, description), the bytes of the model's two files.
    known : reference to the sorted names of contents that need no hearing, bytes [contents].
    """

    settings: Settings
    digest: str
    model: Any
    known: Any


def hear_block(files: pa.Table, shared: Shared) -> pa.Table:
    """Hear files, columns ``path``, ``size`` and ``mtime_ns``; see ``outcome_table.SCHEMA``."""
    import ray

    known: np.ndarray = ray.get(shared.known)
    outcomes: list[Outcome | WorkersUnfit] = []
    for row in files.to_pylist():
        try:
            outcomes.append(_hear(FoundFile(**row), shared, known))
        except WorkersUnfit as error:
            outcomes.append(error)
            break
    return outcomes_to_arrow(outcomes, socket.gethostname())


def version() -> str:
    """The partwise of this node."""
    import partwise

    return partwise.__version__


def contents_array(names: set[str]) -> np.ndarray:
    """Names of contents (ASCII) sorted, bytes [contents]: shared by all workers of a machine."""
    return np.array(sorted(names), dtype=np.bytes_)


def _hear(file: FoundFile, shared: Shared, known: np.ndarray) -> Outcome:
    def is_wanted(_: str, content: str) -> bool:
        name = content.encode()
        place = int(np.searchsorted(known, name)) if len(known) else 0
        return place == len(known) or known[place] != name

    for _ in range(_ATTEMPTS - 1):
        outcome = _ears.hear(file, shared, is_wanted)
        if outcome.failure != KILLED:
            return outcome
    return _ears.hear(file, shared, is_wanted)


class _Ears:
    """The process through which this worker hears. Ray gives a worker one block at a time."""

    def __init__(self) -> None:
        self._process: HearingProcess | None = None
        self._made_for: tuple[Settings, str] | None = None

    def hear(self, file: FoundFile, shared: Shared, is_wanted: Any) -> Outcome:
        process = self._ready(shared)
        outcome, alive = process.hear(file, is_wanted)
        if not alive:
            self.close()
        return outcome

    def _ready(self, shared: Shared) -> HearingProcess:
        wanted = (shared.settings, shared.digest)
        if self._process is not None and self._made_for == wanted:
            return self._process
        self.close()
        process = HearingProcess()
        try:
            with tempfile.TemporaryDirectory(prefix="partwise-model-") as folder:
                path = _write_model(Path(folder), shared.model)
                process.get_ready(replace(shared.settings, model=str(path)), shared.digest)
        except OSError as error:
            process.end()
            raise WorkersUnfit(f"the model cannot be written: {error.strerror}") from None
        self._process, self._made_for = process, wanted
        return process

    def close(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def _write_model(folder: Path, model: Any) -> Path:
    import ray

    network, description = ray.get(model)
    path = folder / "model.onnx"
    path.write_bytes(network)
    path.with_suffix(".json").write_bytes(description)
    return path


_ears = _Ears()
atexit.register(_ears.close)
