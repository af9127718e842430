"""Libraries of a few tracks whose vectors are written by hand: what a test asks is what is there.

The files are stand-ins (their names in bytes); nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.library import Library
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.writer import NewTrack, Writer, open_or_create
from partwise.parts import PARTS, Part
from partwise.paths import hash_content, path_to_text

DIM = 8
DIGEST = "0123456789abcdef"
SEGMENT_S, HOP_S = 10.0, 5.0


def angle(degrees: float) -> np.ndarray:
    """A unit vector [DIM] in the plane of the first two axes: similarities are cosines."""
    vector = np.zeros(DIM, np.float32)
    vector[0], vector[1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


@dataclass
class Piece:
    """A track to be: for each part the angle of its sound, one per segment or one for all.

    A part that is left out is absent; None in a list is a segment without that part. presence is
    0.9 of the parts that are there, or what is given; below 0.5 the sound of a part is not kept.
    """

    name: str
    sounds: Mapping[Part, float | Sequence[float | None]]
    segments: int = 1
    tags: Tags = field(default_factory=Tags)
    duration_s: float | None = None
    copies: Sequence[str] = ()
    presence: Mapping[Part, float] = field(default_factory=dict)

    def embeddings(self) -> PartEmbeddings:
        vectors = np.zeros((self.segments, len(PARTS), DIM), np.float32)
        presence = np.full((self.segments, len(PARTS)), 0.1, np.float32)
        for part, sound in self.sounds.items():
            angles = [sound] * self.segments if isinstance(sound, (int, float)) else sound
            for segment, degrees in enumerate(angles):
                if degrees is not None:
                    surely = presence[segment, part.index] = self.presence.get(part, 0.9)
                    vectors[segment, part.index] = angle(degrees) if surely >= 0.5 else 0
        start_s = HOP_S * np.arange(self.segments)
        end_s = start_s + SEGMENT_S
        seconds = float(end_s[-1]) if self.duration_s is None else self.duration_s
        return PartEmbeddings(vectors, presence, start_s, end_s, seconds)


def make_library(folder: Path, pieces: Sequence[Piece], digest: str = DIGEST) -> Library:
    """A library in ``folder/library`` of files in ``folder/music``."""
    model = ModelInfo(digest, DIM, (0.5,) * len(PARTS), SEGMENT_S, HOP_S)
    home = folder / "library"
    home.mkdir(parents=True, exist_ok=True)
    writer = Writer(open_or_create(home, model), model)
    add_pieces(writer, folder / "music", pieces)
    return Library.open(home)


def add_pieces(writer: Writer, music: Path, pieces: Sequence[Piece]) -> None:
    """Write stand-in files and what was heard in them."""
    tracks, rows = [], []
    for piece in pieces:
        for name in (piece.name, *piece.copies):
            path = music / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"stand-in " + repr(piece.name).encode())
            status = path.stat()
            track_id = hash_content(str(path))
            rows.append(
                LedgerRow(
                    path_to_text(path),
                    status.st_size,
                    status.st_mtime_ns,
                    track_id,
                    State.INDEXED,
                    None,
                    0.1,
                    writer.model.digest,
                    now(),
                )
            )
        tracks.append(NewTrack(track_id, piece.embeddings(), piece.tags))
    writer.add(tracks, rows)
