"""Record what client libraries of other people get from the demo library, for docs/players.md.

    pip install -c constraints.txt py-sonic py-opensonic
    npm install --no-save subsonic-api@3.3.1
    python scripts/record_clients.py            ask, write the record and the table
    python scripts/record_clients.py --table    the table alone, from the record

The tests ask again, and compare with the record.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from client_asks import refused, serving
from client_libraries import LIBRARIES, NOT_IN_IT, RECORDED
from partwise.atomic import write_whole
from partwise.web.subsonic.routes import NO_SUCH_METHOD

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "players.md"
_PLACE = re.compile(r"(?<=<!-- clients: table -->\n).*?(?=<!-- end -->)", re.DOTALL)
_NO_SUCH = refused(NO_SUCH_METHOD)

Record = dict[str, dict[str, Any]]


def ask_all() -> Record:
    """By library: its version, and what each ask got."""
    record = {}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        for library in LIBRARIES:
            if missing := library.missing():
                sys.exit(missing)
            record[library.name] = {"version": library.version(), "got": library.ask(url)}
    return record


def table(record: Record) -> str:
    """Markdown: a row for each ask, and one for all that the server does not have."""
    heads = [f"{name} {one['version']}" for name, one in record.items()]
    lines = [_row(["", *heads]), _row(["---"] * (len(heads) + 1))]
    not_here = []
    for ask in next(iter(record.values()))["got"]:
        cells = [one["got"][ask] for one in record.values()]
        if set(cells) <= {_NO_SUCH, NOT_IN_IT}:
            not_here.append(f"`{ask}`")
        else:
            lines.append(_row([f"`{ask}`", *("–" if c == NOT_IN_IT else c for c in cells)]))
    lines.append(_row([", ".join(not_here), *([_NO_SUCH] * len(heads))]))
    return "\n".join(lines) + "\n"


def page(record: Record) -> str:
    """docs/players.md with the table of a record."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return _PLACE.sub(lambda _: table(record), text)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="client libraries, for docs/players.md")
    parser.add_argument("--table", action="store_true", help="from the record, without asking")
    if not parser.parse_args().table:
        text = json.dumps(ask_all(), indent=1, ensure_ascii=False) + "\n"
        write_whole(RECORDED, text.encode())
    record = json.loads(RECORDED.read_text(encoding="utf-8"))
    write_whole(DOCUMENT, page(record).encode())


if __name__ == "__main__":
    main()
