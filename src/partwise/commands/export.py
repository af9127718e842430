"""``partwise export``: the library's vectors as a Parquet or a NumPy file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.atomic import is_stdout
from partwise.commands.console import LIBRARY, Printer, check_out
from partwise.errors import PartwiseError
from partwise.paths import shown

if TYPE_CHECKING:
    from partwise.library.export.embeddings import LibraryEmbeddings


class Of(StrEnum):
    """What a row is."""

    TRACKS = "tracks"
    SEGMENTS = "segments"


def export(
    parquet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a table, a row for each track or segment."),
    ] = None,
    npz: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write NumPy arrays instead.")
    ] = None,
    of: Annotated[Of, typer.Option("--of", help="Whole tracks, or their segments.")] = Of.TRACKS,
    library: Path | None = LIBRARY,
) -> None:
    """Write the library's vectors with ids, files and tags.

    partwise export --of segments --parquet segments.parquet

    Each row has track_id, path, title, artist, album, genre, year, duration_s, start_s, end_s,
    presence (0 to 1) and embeddings (unit norm, or zeros where the part is absent) of the five
    parts, and model_digest. In Parquet each part has columns of its own (presence_drums,
    embedding_drums); an NPZ has presence [n, 5] and embeddings [n, 5, dim], and track [n], the
    place of the row's track in track_id, path, title and so on.

    Tracks whose files were all gone in the last run are left out.
    """
    from partwise.library.export import files
    from partwise.library.export.embeddings import batches
    from partwise.library.library import Library

    if (parquet is None) == (npz is None):
        raise PartwiseError("name one file to write: --parquet FILE or --npz FILE")
    out, option, kind = (
        (npz, "--npz", "npz") if parquet is None else (parquet, "--parquet", "parquet")
    )
    assert out is not None
    check_out(out)
    files.format_of(out, option, kind)
    opened = Library.open(library)
    if not opened.catalogue:
        raise PartwiseError(f"the library at {shown(opened.path)} holds no tracks with a file")
    with Printer() as printer:
        told = _Told(printer, len(opened.catalogue))
        pieces = told.listened(batches(opened.store, of.value))
        if kind == "parquet":
            size = files.write_parquet(out, (piece.to_arrow() for piece in pieces), option)
        else:
            rows, others = files.npz_of_library(pieces)
            size = files.write_npz(out, rows, others, option)
    segments = f"segments {told.rows}, " if of is Of.SEGMENTS else ""
    said = f"wrote {shown(out)}: {segments}tracks {told.tracks}, {size / 1e6:.1f} MB"
    print(said, file=sys.stderr if is_stdout(out) else sys.stdout)


class _Told:
    """Counts what goes by, and tells how far it is."""

    def __init__(self, printer: Printer, total: int) -> None:
        self.rows = self.tracks = 0
        self._printer, self._total = printer, total
        self._began_s = time.monotonic()

    def listened(self, pieces: Iterator[LibraryEmbeddings]) -> Iterator[LibraryEmbeddings]:
        from partwise.library.reports import Stage

        for piece in pieces:
            yield piece
            self.rows += len(piece)
            self.tracks += len(piece.tracks)
            elapsed_s = time.monotonic() - self._began_s
            self._printer.update(Stage("writing", self.tracks, self._total, "tracks", elapsed_s))
