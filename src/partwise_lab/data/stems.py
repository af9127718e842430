"""Folders of stems: every layout that partwise knows, behind one call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from partwise.errors import PartwiseError
from partwise_lab.data.any_stems import any_pieces
from partwise_lab.data.moisesdb import is_moisesdb, moisesdb_pieces
from partwise_lab.data.musdb import is_musdb, musdb_pieces
from partwise_lab.data.piece import OnSkip, Recording, StemPiece
from partwise_lab.data.slakh import is_slakh, slakh_pieces

__all__ = ["Recording", "StemPiece", "data_digest", "find_pieces"]

# How a data set is recognised, and how it is read; what none of them knows is any folder of stems.
_LAYOUTS = (
    (is_slakh, slakh_pieces),
    (is_musdb, musdb_pieces),
    (is_moisesdb, moisesdb_pieces),
)


def find_pieces(
    folder: Path, *, on_skip: OnSkip | None = None, manifest: Path | None = None
) -> list[StemPiece]:
    """All pieces of a stems folder, by name: Slakh2100, MUSDB18(-HQ), MoisesDB, or any other.

    on_skip : called with what was left out (a piece, stem or file) and why.
    manifest : which file is which part, where the names do not tell; see `any_stems`.
    Raises PartwiseError when the folder is missing or nothing in it can be used.
    """
    if not folder.is_dir():
        raise PartwiseError(f"stems folder {folder} does not exist")
    skipped: list[tuple[str, str]] = []

    def note(what: str, reason: str) -> None:
        skipped.append((what, reason))
        if on_skip is not None:
            on_skip(what, reason)

    known = () if manifest else (read for knows, read in _LAYOUTS if knows(folder))
    read = next(iter(known), None)
    pieces = read(folder, note) if read else any_pieces(folder, note, manifest)
    if not pieces:
        first = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise PartwiseError(f"no piece with stems below {folder}{first}")
    return sorted(pieces, key=lambda piece: piece.name)


def data_digest(pieces: Sequence[StemPiece]) -> str:
    """12 hex digits that name a set of pieces: their names, stems and sizes."""
    digest = hashlib.blake2b(digest_size=6)
    for piece in pieces:
        for part, stem in sorted(piece.stems.items()):
            sizes = "+".join(str(recording.size) for recording in stem)
            digest.update(f"{piece.name}/{part}/{sizes}\n".encode())
    return digest.hexdigest()
