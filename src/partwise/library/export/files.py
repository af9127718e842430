"""Vectors into a file, piece by piece and all or nothing: Parquet, or NumPy's NPZ.

What the file's ending says is what it becomes. A file of columns (NPZ) is made of one array after
another, so what comes row by row is put aside beside it first; memory holds one piece at a time.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from partwise.atomic import followed, is_plain, replacing
from partwise.errors import PartwiseError
from partwise.parts import PART_NAMES
from partwise.paths import path_to_text, shown

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.library.export.embeddings import LibraryEmbeddings

FORMATS = ("parquet", "npz")
_BLOCK = 1 << 22

# Arrays by name, of which the next piece has further rows.
Piece = Mapping[str, np.ndarray]


def format_of(out: Path, option: str, wanted: str | None = None) -> str:
    """What a file is to be, "parquet" or "npz".

    option : that names it, for messages. wanted : what was asked for; None for what the ending
    says.

    A pipe has no ending that counts: it gets what was asked for, else an NPZ. Raises PartwiseError
    where the ending says something else, or nothing.
    """
    ending = out.suffix.lower().removeprefix(".")
    if not is_plain(out):
        return wanted or (ending if ending in FORMATS else "npz")
    if ending not in FORMATS:  # a link may have none, and lead to a file that has
        ending = Path(str(followed(out))).suffix.lower().removeprefix(".")
    if wanted is not None and ending != wanted:
        raise PartwiseError(f"{option} {shown(out)}: the file's name must end in .{wanted}")
    if ending not in FORMATS:
        raise PartwiseError(
            f"{option} {shown(out)}: the name's ending says what it becomes:"
            " .parquet (a table) or .npz (NumPy arrays)"
        )
    return ending


def write_parquet(out: Path, tables: Iterable[pa.Table], option: str) -> int:
    """Write Arrow tables of one schema, at least one, as a Parquet file; returns its bytes.

    Raises PartwiseError when it cannot be written; ``out`` is what it was then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _told(out, option), replacing(out) as file, ExitStack() as stack:
        writer = None
        for table in tables:
            if writer is None:
                # Numbers hardly ever repeat: a dictionary of them only costs.
                text = [field.name for field in table.schema if pa.types.is_string(field.type)]
                options: dict[str, Any] = {"compression": "zstd", "use_dictionary": text}
                writer = stack.enter_context(pq.ParquetWriter(file, table.schema, **options))
            writer.write_table(table)
        stack.close()  # writes the footer
        return file.tell()


def write_npz(
    out: Path, pieces: Iterable[Piece], others: Mapping[str, np.ndarray], option: str
) -> int:
    """Write arrays that come in pieces, and ``others`` as they are then; returns the file's bytes.

    others : read after the last piece, so that they can be gathered meanwhile.

    Raises PartwiseError when it cannot be written; ``out`` is what it was then.
    """
    with _told(out, option), replacing(out) as file, ExitStack() as stack:
        columns: dict[str, _Column] = {}
        folder = os.path.dirname(str(followed(out))) if is_plain(out) else None
        for piece in pieces:
            for name, rows in piece.items():
                if name not in columns:
                    aside = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                    columns[name] = _Column(aside, rows.dtype, rows.shape[1:])
                columns[name].add(rows)
        # As NumPy writes it: not compressed, which vectors hardly are.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, column in columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    column.write(entry)
            for name, array in others.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    npy.write_array(entry, np.asanyarray(array), allow_pickle=False)
        return file.tell()


def npz_of_library(pieces: Iterable[LibraryEmbeddings]) -> tuple[Iterator[Piece], dict[str, Any]]:
    """For ``write_npz``: rows in pieces, and an array each of what is known of their tracks.

    Names of files are long, and a track has many segments: ``track`` says which track a row is of.
    """
    tracks: list[Any] = []
    others: dict[str, Any] = {}

    def rows() -> Iterator[Piece]:
        for piece in pieces:
            others["model_digest"] = np.array(piece.model_digest)
            yield {
                "track": piece.track + len(tracks),
                "start_s": piece.start_s,
                "end_s": piece.end_s,
                "embeddings": piece.embeddings,
                "presence": piece.presence,
            }
            tracks.extend(piece.tracks)
        others["track_id"] = np.array([track.track_id for track in tracks])
        others["path"] = np.array([path_to_text(track.paths[0]) for track in tracks])
        for name in ("title", "artist", "album", "genre"):
            others[name] = np.array([getattr(track.tags, name) or "" for track in tracks])
        others["year"] = np.array([track.tags.year or 0 for track in tracks], np.int32)
        others["duration_s"] = np.array([track.duration_s for track in tracks])
        others["parts"] = np.array(PART_NAMES)

    return rows(), others


class _Column:
    """The rows of one array, put aside in a file without a name."""

    def __init__(self, aside: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self._aside, self._dtype, self._shape = aside, dtype, shape
        self._rows = 0

    def add(self, rows: np.ndarray) -> None:
        self._aside.write(np.ascontiguousarray(rows, self._dtype).data)
        self._rows += len(rows)

    def write(self, entry: IO[bytes]) -> None:
        """As a ``.npy`` file: what it is, then the bytes."""
        header = {
            "descr": npy.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._rows, *self._shape),
        }
        npy.write_array_header_1_0(entry, header)
        self._aside.seek(0)
        while block := self._aside.read(_BLOCK):
            entry.write(block)


@contextmanager
def _told(out: Path, option: str) -> Iterator[None]:
    """What the system says of a file that cannot be written, as a sentence."""
    try:
        yield
    except BrokenPipeError:  # whoever reads a pipe has gone: no fault of the file
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise PartwiseError(f"{option} {shown(out)} cannot be written ({why})") from None
