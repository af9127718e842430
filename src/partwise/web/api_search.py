"""``/api/v1``: search, and moments of one hit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from partwise.errors import PartwiseError
from partwise.hearing.child import cores
from partwise.library.search import many
from partwise.library.search.conditions import check_one_piece
from partwise.library.search.hits import Hit
from partwise.library.search.options import SearchOptions
from partwise.library.search.query import Query, Seed, Source
from partwise.library.tables.reader import quoted
from partwise.parts import PARTS, PartWeights, by_part
from partwise.web.responses import Refused, json_response
from partwise.web.schemas import (
    JSON_ERRORS,
    SMALLEST_WEIGHT,
    Filter,
    Found,
    FoundMany,
    Moments,
    MomentsAsked,
    QueryAsked,
    SearchAsked,
    SearchesAsked,
    error_answers,
)
from partwise.web.server import OneServer, Server
from partwise.web.uploads import UPLOAD_PREFIX

# Searches are work for the processor: more at a time than cores would only interrupt one another.
TURNS = threading.Semaphore(cores())

router = APIRouter(prefix="/api/v1", tags=["search"])


@router.post("/search", response_model=Found, responses=error_answers(404, *JSON_ERRORS))
def search(asked: SearchAsked, server: OneServer) -> Response:
    """Rank the library by how alike the wanted parts sound, best first.

    Hits in which every wanted part is present come first. A hit's score is
    sum_p w_p s_p / sum_p w_p over its similarities, so a page can re-rank while a fader moves.
    """
    with TURNS:
        return json_response(_answers(server, [asked])[0])


@router.post("/search/many", response_model=FoundMany, responses=error_answers(404, *JSON_ERRORS))
def search_many(asked: SearchesAsked, server: OneServer) -> Response:
    """Many searches at once, which are compared with the library together.

    An error is of all of them, and says in which it is.
    """
    with TURNS:
        return json_response({"answers": _answers(server, asked.searches)})


@router.post("/moments", response_model=Moments, responses=error_answers(404, *JSON_ERRORS))
def moments(asked: MomentsAsked, server: OneServer) -> Response:
    """Where one track of the library sounds most like the query, best first."""
    question = ask(server, asked)
    track = server.track(asked.track_id)
    found = server.library.searcher.moments(
        question.query, question.weights, track.track_id, asked.count
    )
    return json_response({"moments": [moment.to_json(question.ids) for moment in found]})


def _answers(server: Server, searches: Sequence[SearchAsked]) -> list[dict[str, Any]]:
    """See ``schemas.Found``; each took an even share of the time."""
    started = time.perf_counter()
    questions, asked = [], []
    for number, one in enumerate(searches, 1):
        try:
            question = ask(server, one, one.skip_absent)
            questions.append(question)
            asked.append((question.query, question.weights, options_of(server, one)))
        except PartwiseError as error:
            if len(searches) == 1:
                raise
            raise Refused(getattr(error, "status", 422), f"search {number}: {error}") from None
    answers = [
        {
            "query": query_json(question),
            "weights": by_part(question.weights.values),
            "model": server.library.store.digest,
            "took_ms": 0.0,
            "hits": hits_json(server, question, hits),
        }
        for question, hits in zip(
            questions, many.search_many(server.library.searcher, asked), strict=True
        )
    ]
    took_ms = round(1000 * (time.perf_counter() - started) / len(answers), 2)
    return [{**answer, "took_ms": took_ms} for answer in answers]


@dataclass(frozen=True)
class Question:
    """A query, the weights asked for, and the ids of its songs by the names that stand in it."""

    query: Query
    weights: PartWeights
    ids: dict[str, str]


def ask(server: Server, asked: QueryAsked, skip_absent: bool = False) -> Question:
    """The question of a request. Raises NotHere, and PartwiseError where it makes no sense.

    skip_absent : leave out weights of parts that the query lacks; where none is left, all parts
    that it has count the same.

    Songs are ids or names (``Server.id_of``), never paths. Those of the same title get a number
    behind it, so that a name tells them apart as well.
    """
    server.check()
    seeds: dict[str, Seed] = {}
    ids: dict[str, str] = {}
    unwanted = [less.song for less in asked.less_like]
    names = (*asked.songs, *asked.per_part_of.values(), *unwanted)
    found = {name: server.id_of(name) for name in names}
    for song_id in dict.fromkeys(found.values()):
        title = name = server.title(song_id)
        number = 1
        while name in ids:
            number += 1
            name = f"{title} ({number})"
        ids[name] = song_id
        track_id = song_id
        if song_id.startswith(UPLOAD_PREFIX):
            track_id = server.uploads.check_model(song_id, server.library.store.digest)
        seeds[song_id] = Seed.of(server.segments(song_id), name, track_id)
    if asked.range is not None:
        query = Query.of_passage(seeds[found[asked.songs[0]]], *asked.range)
    else:
        parts = {part: seeds[found[name]] for part, name in asked.per_part_of.items()}
        query = Query.of([seeds[found[name]] for name in asked.songs], parts)
    query = query.less_like(
        [
            Source(
                tuple(p for p in PARTS if p in (less.parts or PARTS)), (seeds[found[less.song]],)
            )
            for less in asked.less_like
        ]
    )
    weights = None
    if asked.weights is not None:
        given = {p: w for p, w in asked.weights.items() if w >= SMALLEST_WEIGHT}
        if skip_absent:
            given = {part: weight for part, weight in given.items() if part in query.parts}
        if given or not skip_absent:
            weights = PartWeights.of(given)
    return Question(query, query.weights(weights), ids)


def options_of(server: Server, asked: SearchAsked) -> SearchOptions:
    """A search's options, by the names that its request has for them."""
    names = {field.name for field in fields(SearchOptions)}.intersection(SearchAsked.model_fields)
    given: dict[str, Any] = {name: getattr(asked, name) for name in names}
    given["where"] = condition(asked.where, asked.filter)
    return SearchOptions(**given, among=among(server, asked.filter))


def among(server: Server, wanted: Filter | None) -> set[str] | None:
    """Ids of the tracks that the text of a filter finds; None where there is none."""
    if wanted is None or not wanted.text:
        return None
    return {track.track_id for track in server.library.matcher.find(wanted.text)}


def condition(where: str | None, wanted: Filter | None) -> str | None:
    """SQL for ``Searcher.search``: what the client wrote, and what else its filter says."""
    terms = [] if wanted is None else list(_terms(wanted))
    if where is not None and where.strip():
        check_one_piece(where)
        terms.append(f"({where})" if terms else where)
    return " AND ".join(terms) or None


def _terms(wanted: Filter) -> Iterable[str]:
    if wanted.artist:
        yield _holds("artist", wanted.artist)
    if wanted.album:
        yield _holds("album", wanted.album)
    if wanted.genre:
        yield _holds("genre", wanted.genre)
    yield from (f"has_{part}" for part in wanted.has)
    yield from (f"NOT has_{part}" for part in wanted.has_not)
    yield from (f"enters_{part} >= {time_s!r}" for part, time_s in wanted.enters_after_s.items())
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


def query_json(question: Question) -> dict[str, Any]:
    """See ``schemas.QuerySeen``."""
    plain = question.query.to_json()
    plain["range"] = plain.pop("passage")
    for song in (*plain["songs"], *plain["less_like"]):
        del song["track_id"]
        song["song_id"] = question.ids[song["name"]]
    return plain


def hits_json(server: Server, question: Question, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """See ``schemas.Hit``; plain values, because 500 models a search would take their time."""
    heard = frozenset(question.query.parts)
    has_cover = server.covers.of([(hit.track_id, hit.path) for hit in hits])
    return [
        {**hit.to_json(heard, question.ids), "has_cover": hit.track_id in has_cover} for hit in hits
    ]
