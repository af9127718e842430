"""Songs that sound alike, and paths between songs: the extension ``sonicSimilarity``, version 1.

Specification: https://opensubsonic.netlify.app/docs/extensions/sonicsimilarity/,
.../endpoints/getsonicsimilartracks/, .../endpoints/findsonicpath/, .../responses/sonicmatch/

There similarity is 1.0 for the same song and 0.0 for the most different. Scores of this library
are -1..1, and one below 0 means no more than "nothing alike"; so similarity is the score, or 0
when that is less. It is 1.0 for a song and itself under any weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partwise.library.search.hits import Hit
from partwise.library.search.journey import DEFAULT_COUNT, MAX_COUNT, Step
from partwise.library.search.query import Query, Seed
from partwise.library.search.searcher import SearchOptions
from partwise.library.tables.catalogue import Track
from partwise.web.server import Server
from partwise.web.subsonic.params import number, part_weights, required
from partwise.web.subsonic.responses import Code, Failure
from partwise.web.subsonic.songs import child

MAX_SIMILAR = 500


def get_sonic_similar_tracks(server: Server, params: Mapping[str, str]) -> dict[str, Any]:
    """``id``, ``count`` (10), and ``parts`` as part weights; most similar first.

    Which tracks: those that a search gives. Tracks that lack a wanted part come up only when there
    are not enough that have it, but in the answer they stand where their similarity puts them.
    """
    hits = _hits(server, params, default_count=10)
    hits.sort(key=lambda hit: -hit.score)
    return {
        "sonicMatch": [
            {"entry": _entry(hit), "similarity": similarity_of(hit.score)} for hit in hits
        ]
    }


def find_sonic_path(server: Server, params: Mapping[str, str]) -> dict[str, Any]:
    """``startSongId``, ``endSongId``, ``count`` (25), and ``parts``; similarity is to the start."""
    ends = [required(params, name) for name in ("startSongId", "endSongId")]
    count = number(params, "count", DEFAULT_COUNT, least=2, most=MAX_COUNT)
    weights = part_weights(params)
    for song_id in ends:
        _known(server, song_id)
    steps = server.library.journey(*ends, count=count, weights=weights)
    return {
        "sonicMatch": [
            {"entry": _entry(step), "similarity": similarity_of(step.similarity)} for step in steps
        ]
    }


def get_similar_songs(server: Server, params: Mapping[str, str], name: str) -> dict[str, Any]:
    """For players that know no more: the same songs, without numbers. ``id`` is a song's."""
    hits = _hits(server, params, default_count=50)
    return {name: {"song": [_entry(hit) for hit in hits]}}


def similarity_of(score: float) -> float:
    """Our score, -1..1, as the specification's similarity, 0..1."""
    return round(min(max(score, 0.0), 1.0), 6)


def _hits(server: Server, params: Mapping[str, str], default_count: int) -> list[Hit]:
    song_id = required(params, "id")
    count = number(params, "count", default_count, least=1, most=MAX_SIMILAR)
    asked = part_weights(params)
    track = _known(server, song_id)
    query = Query.of([Seed.of(server.segments(song_id), track.title, song_id)])
    searcher = server.library.searcher
    return searcher.search(query, query.weights(asked), SearchOptions(top=count, moments=0))


def _known(server: Server, song_id: str) -> Track:
    track = server.library.catalogue.get(song_id)
    if track is None:
        raise Failure(Code.NOT_FOUND, "There is no song with this id in the library.")
    return track


def _entry(found: Hit | Step) -> dict[str, Any]:
    """From what was found alone: the catalogue may have changed since."""
    return child(Track(found.track_id, (str(found.path),), found.tags, found.duration_s))
