"""From a request to a ``Query`` of the library, and from its answers to what a client gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.library.search.hits import Hit
from partwise.library.search.moments import Moment
from partwise.library.search.query import Query, Seed
from partwise.library.tables.reader import quoted
from partwise.parts import PARTS, Part, PartWeights
from partwise.paths import path_to_text, shown
from partwise.web.known_covers import KnownCovers
from partwise.web.schemas import SMALLEST_WEIGHT, Filter, QueryAsked
from partwise.web.server import UPLOAD_PREFIX, NotHere, Server
from partwise.web.uploads import Uploads

# Plain text: an answer of 500 hits holds thousands of them, and an enum costs each time.
_NAMES: dict[Part, str] = {part: part.value for part in PARTS}


@dataclass(frozen=True)
class Question:
    """A query, and the ids of its songs by the names that stand in it."""

    query: Query
    ids: dict[str, str]


def ask(server: Server, uploads: Uploads, asked: QueryAsked) -> Question:
    """The query that a request describes. Raises NotHere, and PartwiseError where it has no sense.

    Only ids are looked up, never paths. Songs of the same title get a number behind it, so that
    a name tells them apart as well.
    """
    seeds: dict[str, Seed] = {}
    ids: dict[str, str] = {}
    for song_id in (*asked.songs, *asked.per_part_of.values()):
        if song_id in seeds:
            continue
        title = name = title_of(server, song_id)
        number = 1
        while name in ids:
            number += 1
            name = f"{title} ({number})"
        ids[name] = song_id
        track_id = song_id
        if song_id.startswith(UPLOAD_PREFIX):
            track_id = uploads.check_model(song_id, server.library.store.digest)
        seeds[song_id] = Seed.of(server.segments(song_id), name, track_id)
    if asked.range is not None:
        return Question(Query.of_passage(seeds[asked.songs[0]], *asked.range), ids)
    listed = [seeds[song_id] for song_id in asked.songs]
    parts = {part: seeds[song_id] for part, song_id in asked.per_part_of.items()}
    return Question(Query.of(listed, parts), ids)


def weights_of(query: Query, asked: QueryAsked) -> PartWeights:
    """The weights asked for, or the query's own. Raises PartwiseError where a part is not there."""
    if asked.weights is None:
        return query.weights()
    weights = {part: w for part, w in asked.weights.items() if w >= SMALLEST_WEIGHT}
    return query.weights(PartWeights.of(weights))


def title_of(server: Server, song_id: str) -> str:
    """A song's title, whether or not its file can be played. Raises NotHere."""
    if song_id.startswith(UPLOAD_PREFIX):
        return server.song(song_id).title
    track = server.library.catalogue.get(song_id)
    if track is None:
        raise NotHere("there is no such song in the library")
    return track.title


def among(server: Server, wanted: Filter | None) -> set[str] | None:
    """Ids of the tracks that the text of a filter finds; None where there is none."""
    if wanted is None or not wanted.text:
        return None
    return {track.track_id for track in server.library.matcher.find(wanted.text)}


def condition(where: str | None, wanted: Filter | None) -> str | None:
    """SQL for ``Searcher.search``: what the client wrote, and what else its filter says."""
    terms = [] if wanted is None else list(_terms(wanted))
    if where is not None and where.strip():
        terms.append(f"({where})")
    return " AND ".join(terms) or None


def _terms(wanted: Filter) -> Iterable[str]:
    if wanted.artist:
        yield _holds("artist", wanted.artist)
    if wanted.album:
        yield _holds("album", wanted.album)
    for column, sign, value in (
        ("year", ">=", wanted.year_from),
        ("year", "<=", wanted.year_to),
        ("duration_s", ">=", wanted.duration_from_s),
        ("duration_s", "<=", wanted.duration_to_s),
    ):
        if value is not None:
            yield f"{column} {sign} {value!r}"


def _holds(column: str, text: str) -> str:
    return f"coalesce(strpos(lower({column}), {quoted(text.lower())}) > 0, false)"


def by_part(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Five numbers by the names of the parts."""
    return {name: float(values[at]) for at, name in enumerate(_NAMES.values())}


def moment_json(moment: Moment, ids: dict[str, str]) -> dict[str, Any]:
    """See ``schemas.Moment``."""
    return {
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "score": moment.score,
        "query": [
            {
                "song_id": ids[side.name],
                "parts": [_NAMES[part] for part in side.parts],
                "start_s": side.start_s,
                "end_s": side.end_s,
            }
            for side in moment.query
        ],
    }


def hits_json(question: Question, hits: Sequence[Hit], covers: KnownCovers) -> list[dict[str, Any]]:
    """See ``schemas.Hit``; plain values, because 500 models a search would take their time."""
    heard = set(question.query.parts)
    names = tuple(_NAMES.values())
    has_cover = covers.of([(hit.track_id, hit.path) for hit in hits])
    return [
        {
            "rank": hit.rank,
            "score": hit.score,
            "track_id": hit.track_id,
            "title": hit.tags.title or shown(hit.path.stem),
            "artist": hit.tags.artist,
            "album": hit.tags.album,
            "year": hit.tags.year,
            "duration_s": hit.duration_s,
            "paths": [path_to_text(path) for path in hit.paths],
            "similarities": {
                name: hit.similarities[at] if part in hit.parts and part in heard else None
                for at, (part, name) in enumerate(_NAMES.items())
            },
            "presence": dict(zip(names, hit.presence, strict=True)),
            "parts": [_NAMES[part] for part in hit.parts],
            "moments": [moment_json(moment, question.ids) for moment in hit.moments],
            "alike": [shown(path) for path in hit.alike],
            "has_cover": hit.track_id in has_cover,
        }
        for hit in hits
    ]


def query_json(question: Question) -> dict[str, Any]:
    """See ``schemas.QuerySeen``."""
    query = question.query
    return {
        "songs": [
            {
                "song_id": question.ids[seed.name],
                "name": seed.name,
                "parts": source.parts,
                "duration_s": seed.duration_s,
            }
            for source in query.sources
            for seed in source.seeds
        ],
        "parts": query.parts,
        "presence": by_part(query.presence),
        "range": query.passage,
    }
