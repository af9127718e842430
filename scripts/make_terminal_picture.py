"""Makes the picture of a terminal in the guide for listeners: what `partwise like` prints, as SVG.

usage: python scripts/make_terminal_picture.py [--out docs/like.svg]

Hears the demo library, asks one question through the same code as the command, and keeps what it
prints. The one liberty taken: the demo's files are shown as if they lay in ~/Music.
"""

from __future__ import annotations

import argparse
import io
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from partwise.commands.answers import print_hits
from partwise.demo.asking import hear
from partwise.demo.groups import load_groups
from partwise.library.library import Library
from partwise.library.search.query import Query
from partwise.parts import PartWeights

SONG, PARTS_ASKED, TOP = "Broken Terrace", "guitar", 3
COLUMNS = 80


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=Path("docs/like.svg"))
    out = options.parse_args().out

    groups = load_groups()
    piece = next(piece for piece in groups.pieces if piece.title == SONG)
    weights = PartWeights.parse(PARTS_ASKED)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        library = Library(folder)
        hear(library, groups)
        query = library.query(groups.path(piece))
        hits = library.search(query, weights=weights, top=TOP)
        shown_query = Query.of([replace(query.seeds[0], name=_home(piece.file))])
        command = f"partwise like {_home(piece.file)} --parts {PARTS_ASKED} --top {TOP}"
        console.print(Text.assemble(("$ ", "bold green"), command), soft_wrap=True)
        print_hits(
            console,
            shown_query,
            weights,
            [replace(hit, path=Path(_home(hit.path.name))) for hit in hits],
        )
    svg = console.export_svg(title="partwise", unique_id="partwise")
    # Rich asks a server for its font; any monospaced font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(svg, encoding="utf-8")
    print(f"wrote {out} ({len(svg) / 1000:.0f} kB)")


def _home(name: str) -> str:
    return f"~/Music/{name}"


if __name__ == "__main__":
    main()
