"""What kinds of drums, bass, ... a library holds: its tracks in clusters, by how one part sounds.

The vectors of whole tracks in one subspace are grouped by spherical k-means (``map.kmeans``).
Within a cluster the typical track is the one that is most like the others in the mean (the medoid),
and the rest follow in this order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.map.kmeans import group
from partwise.library.search.duplicates import alike
from partwise.library.search.searcher import Searcher
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.rows import columns, unpack
from partwise.library.tables.catalogue import Track
from partwise.parts import Part

MAX_COUNT = 200
# By default no more than a page can show.
MAX_DEFAULT = 24
_NAMES = 3


@dataclass(frozen=True)
class Member:
    """A track of a cluster. typicality : its mean similarity to all tracks of it, -1..1."""

    track: Track
    typicality: float

    def to_json(self) -> dict[str, Any]:
        """Plain values: as in the HTTP API, and of ``partwise clusters --json``."""
        return {**self.track.to_json(), "typicality": self.typicality}


@dataclass(frozen=True)
class Cluster:
    """Tracks in which one part sounds alike.

    members : all of them, the most typical first. typical : the first of them that are no
    near-duplicates of each other, at most three; the cluster is named after these. size : how
    many tracks it has, also where a server gave only the first of them.
    """

    part: Part
    size: int
    members: tuple[Member, ...]
    typical: tuple[Track, ...]

    @property
    def medoid(self) -> Track:
        """The track that is most like the others."""
        return self.typical[0]

    @property
    def name(self) -> str:
        """The titles of its typical tracks."""
        return ", ".join(track.title for track in self.typical)

    def to_json(self, most: int | None = None) -> dict[str, Any]:
        """Plain values. most : at most so many members."""
        return {
            "name": self.name,
            "size": self.size,
            "typical": [track.to_json() for track in self.typical],
            "members": [member.to_json() for member in self.members[:most]],
        }

    @classmethod
    def from_json(cls, part: Part, value: Mapping[str, Any]) -> Cluster:
        """From what the HTTP API answers, with as many members as it holds."""
        members = tuple(
            Member(Track.from_json(member), member["typicality"]) for member in value["members"]
        )
        return cls(part, value["size"], members, tuple(map(Track.from_json, value["typical"])))


def usual_count(tracks: int) -> int:
    """How many clusters tracks come in when nobody says: the root of their number, at most 24.

    So there are about as many clusters as each has tracks: 6 of 35 tracks, 10 of 100.
    """
    return min(max(1, round(sqrt(tracks))), MAX_DEFAULT)


def find_clusters(searcher: Searcher, part: Part | str, count: int | None = None) -> list[Cluster]:
    """The tracks in which a part is present, in clusters by how alike it sounds; largest first.

    count : of clusters, 1 to 200, or fewer where fewer tracks differ; None: see ``usual_count``.

    Deterministic. Tracks without a file are left out; none where no track has the part. Raises
    PartwiseError for another part or count, and when the library holds nothing.
    """
    part = Part.parse(part)
    if count is not None and not 1 <= count <= MAX_COUNT:
        raise PartwiseError(f"tracks come in 1 to {MAX_COUNT} clusters, not {count}")
    catalogue = searcher.catalogue
    if not catalogue:
        raise PartwiseError(
            f"the library at {searcher.store.folder} holds no tracks yet:"
            " run `partwise index FOLDER`"
        )
    ids, vectors, presence = _heard(searcher, part, catalogue)
    if not ids:
        return []
    own = np.ascontiguousarray(vectors[:, part.index])
    labels, centres = group(own, count or usual_count(len(ids)))
    clusters = []
    for label in range(len(centres)):
        rows = np.flatnonzero(labels == label)
        # The mean of a track's similarities to all is its similarity to their mean.
        typicality = own[rows] @ own[rows].mean(axis=0)
        order = np.argsort(-typicality, kind="stable")
        rows, typicality = rows[order], typicality[order]
        tracks = [catalogue[ids[row]] for row in rows]
        members = tuple(map(Member, tracks, typicality.tolist()))
        typical = _typical(tracks, vectors[rows], presence[rows])
        clusters.append(Cluster(part, len(members), members, typical))
    return sorted(clusters, key=lambda cluster: (-cluster.size, cluster.medoid.track_id))


def _heard(
    searcher: Searcher, part: Part, catalogue: Mapping[str, Track]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Ids, vectors [n, parts=5, dim] and presence [n, parts=5] of tracks that have the part, by id:
    the order of rows must not matter."""
    index = searcher.index("tracks")
    if isinstance(index, ExactIndex):
        ids, vectors, presence = (
            index.track_ids_at(np.arange(index.rows)),
            index.vectors,
            index.presence,
        )
    else:
        rows = searcher.store.tracks.fetch(columns=columns(timed=False))
        ids, vectors, presence, _ = unpack(rows, timed=False)
    has = np.any(vectors[:, part.index], axis=-1)
    there = sorted((one, row) for row, one in enumerate(ids) if has[row] and one in catalogue)
    order = [row for _, row in there]
    return [one for one, _ in there], vectors[order], presence[order]


def _typical(
    tracks: Sequence[Track], vectors: np.ndarray, presence: np.ndarray
) -> tuple[Track, ...]:
    """The first few that are no near-duplicates of each other."""
    durations_s = np.array([track.duration_s for track in tracks])
    free = np.ones(len(tracks), dtype=bool)
    chosen: list[Track] = []
    while free.any() and len(chosen) < _NAMES:
        at = int(np.argmax(free))
        chosen.append(tracks[at])
        free &= ~alike(vectors[at], durations_s[at], vectors, durations_s, presence[at], presence)
        free[at] = False
    return tuple(chosen)
