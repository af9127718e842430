"""The map of a library: where each track lies in the plane of each part.

Made at the end of an indexing run (``layout``), kept in ``atlas/<model digest>.npz`` beside the
tables. A map is a picture and no more: that it cannot be made never fails a run, and a library
without one gets it at the next run or when it is first asked for.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from partwise.atomic import replacing
from partwise.library.map.layout import lay_out
from partwise.library.tables.reader import Store, TrackTable
from partwise.parts import PARTS

# For all five parts; what is not laid out by then shows its principal components. 50,000 tracks
# take about 35 s of one core.
LIMIT_S = 180.0


@dataclass(frozen=True)
class Atlas:
    """Five planes of the same tracks.

    track_ids : n content hashes. xy : float32 [n, parts=5, 2], in -1..1, NaN where absent.
    version : differs when the tracks or their vectors do.
    """

    track_ids: list[str]
    xy: np.ndarray
    version: str


def atlas_file(store: Store) -> Path:
    """Where the map of the active model's tracks is kept."""
    return store.folder / "atlas" / f"{store.digest}.npz"


def read_atlas(store: Store) -> Atlas | None:
    """The map as it was last made, perhaps of an earlier state; None when there is none."""
    try:
        with open(atlas_file(store), "rb") as raw, np.load(raw, allow_pickle=False) as file:
            atlas = Atlas(file["track_ids"].tolist(), file["xy"], str(file["version"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return atlas if atlas.xy.shape == (len(atlas.track_ids), len(PARTS), 2) else None


def make_atlas(store: Store, limit_s: float = LIMIT_S) -> bool:
    """Make the map unless it is up to date; True when it was made. Raises OSError."""
    tracks = store.track_vectors()
    version = version_of(tracks)
    known = read_atlas(store)
    if known is not None and known.version == version:
        return False
    file = atlas_file(store)
    xy = project(tracks, limit_s)
    file.parent.mkdir(exist_ok=True)
    ids = np.array(tracks.track_ids, dtype=np.str_)
    with replacing(file) as out:
        np.savez(out, track_ids=ids, xy=xy, version=np.array(version))
    for other in file.parent.glob("*.npz"):
        if other != file:  # of a model that was replaced
            with suppress(OSError):
                os.unlink(other)
    return True


def project(tracks: TrackTable, limit_s: float = LIMIT_S) -> np.ndarray:
    """float32 [n, parts=5, 2]: each part's tracks laid out among themselves, NaN where absent."""
    xy = np.full((len(tracks), len(PARTS), 2), np.nan, np.float32)
    started = time.monotonic()
    for part in PARTS:
        vectors = tracks.vectors[:, part.index]
        present = np.flatnonzero(vectors.any(axis=1))
        until_s = started + limit_s * (part.index + 1) / len(PARTS)
        xy[present, part.index] = lay_out(np.ascontiguousarray(vectors[present]), until_s)
    return xy


def version_of(tracks: TrackTable) -> str:
    """A hash of the tracks and their vectors."""
    digest = hashlib.blake2b("\n".join(tracks.track_ids).encode(), digest_size=12)
    digest.update(np.ascontiguousarray(tracks.vectors).data)
    return digest.hexdigest()
