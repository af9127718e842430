"""Folders of stems: `<piece>/stems/<part>.flac`, as `partwise render` writes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part


@dataclass(frozen=True)
class StemPiece:
    """One piece of a stems folder and the stems it has."""

    name: str
    title: str
    stems: dict[Part, Path]

    def read(self, part: Part, sample_rate_hz: int) -> np.ndarray:
        """The stem as float32 mono [samples] at `sample_rate_hz`.

        Raises PartwiseError when the file cannot be read.
        """
        path = self.stems[part]
        try:
            samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise PartwiseError(f"stem {path} cannot be read: {error}") from None
        mono = samples.mean(axis=1)
        return mono if rate_hz == sample_rate_hz else soxr.resample(mono, rate_hz, sample_rate_hz)


def find_pieces(folder: Path) -> list[StemPiece]:
    """All pieces of a stems folder, by name.

    Raises PartwiseError when the folder is missing or holds no piece.
    """
    if not folder.is_dir():
        raise PartwiseError(f"stems folder {folder} does not exist")
    pieces = []
    for place in sorted(p for p in folder.iterdir() if (p / "stems").is_dir()):
        stems = {part: place / "stems" / f"{part}.flac" for part in PARTS}
        found = {part: path for part, path in stems.items() if path.exists()}
        if not found:
            continue
        record = place / "metadata.json"
        title = json.loads(record.read_text())["title"] if record.exists() else place.name
        pieces.append(StemPiece(place.name, title, found))
    if not pieces:
        raise PartwiseError(f"no <piece>/stems/<part>.flac below {folder}")
    return pieces


def data_digest(pieces: list[StemPiece]) -> str:
    """12 hex digits that name a set of pieces: their names, stems and sizes."""
    digest = hashlib.blake2b(digest_size=6)
    for piece in pieces:
        for part, path in sorted(piece.stems.items()):
            digest.update(f"{piece.name}/{part}/{path.stat().st_size}\n".encode())
    return digest.hexdigest()
