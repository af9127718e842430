"""The three requests that plugins of other servers make for what sounds alike.

The plugin of AudioMuse-AI for Navidrome, and its siblings, ask ``/api/similar_tracks``,
``/api/similar_artists`` and ``/api/find_path`` by the ids of the server that they live in. Here the
same answers come from a library that was filled from that server (``partwise index --from``), so a
plugin that is given this address needs nothing else. The address may name parts:
``http://host:8321/for/drums=2,bass``.

Nobody reads the errors of a plugin, so of the parts in an address those count that a song has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from fastapi import Query as Asked

from partwise.library.search.hits import Hit
from partwise.library.search.journey import DEFAULT_COUNT, MAX_COUNT
from partwise.library.search.matcher import name_key
from partwise.library.search.options import SearchOptions
from partwise.library.search.query import Query, Seed
from partwise.parts import PartWeights
from partwise.web.api_explore import journey
from partwise.web.responses import NotHere, Refused
from partwise.web.schemas import error_answers
from partwise.web.server import OneServer, Server

router = APIRouter(tags=["plugins"])

_ERRORS = error_answers(400, 404, 422)
MOST = 500
# What "eliminate duplicates" means to those who ask so: no artist fills the mix.
_PER_ARTIST = 3
# Of an artist so many songs are asked about: ids are hashes, so they are drawn at random.
_SEEDS = 20
_SONGS_PER_ARTIST = 10
# An artist counts by so many songs, and so many of each side are named.
_BEST = 3

Flag = Literal["true", "false", "True", "False", "1", "0", ""]
Number = Annotated[int, Asked(ge=-1_000_000, le=1_000_000)]
Text = Annotated[str, Asked(max_length=1000)]


@dataclass(frozen=True)
class _Names:
    """How songs are called in an answer: as the asked one was.

    root : the server whose ids they are; None for the library's own.
    """

    server: Server
    root: str | None

    def __call__(self, track_id: str) -> str | None:
        if self.root is None:
            return track_id
        return self.server.library.searcher.server_ids.song_id(self.root, track_id)

    @property
    def among(self) -> set[str] | None:
        """The only tracks that can be named; None for all."""
        if self.root is None:
            return None
        return self.server.library.searcher.server_ids.tracks_on(self.root)

    def artists(self, hit: Hit) -> list[tuple[str | None, str]]:
        """(id, name) of a hit's artists; the id is None where the server told none."""
        if self.root is not None:
            ids = self.server.library.searcher.server_ids
            if found := ids.artists_of(self.root, hit.track_id):
                return [(artist_id or None, name) for artist_id, name in found]
        return [(None, name) for name in hit.tags.artists]


# --- songs


@router.get("/api/similar_tracks", responses=_ERRORS)
@router.get("/for/{parts}/api/similar_tracks", responses=_ERRORS)
def similar_tracks(
    server: OneServer,
    parts: str = "",
    item_id: Text = "",
    title: Text = "",
    artist: Text = "",
    n: Number = 10,
    eliminate_duplicates: Flag = "true",
) -> list[dict[str, Any]]:
    """Songs that sound like one, most similar first; ``distance`` is 1 less the score, 0 to 1.

    ``item_id``, or ``title`` and ``artist``. ``eliminate_duplicates`` leaves out near-duplicates,
    and all but three songs of each artist. Other parameters are of no meaning here.
    """
    weights = _weights(parts)
    track_id, names = _song(server, item_id, title, artist)
    seed = Seed.of(server.segments(track_id), server.title(track_id), track_id)
    strict = _is_true(eliminate_duplicates)
    options = SearchOptions(
        top=min(max(n, 1), MOST),
        moments=0,
        max_per_artist=_PER_ARTIST if strict else None,
        include_duplicates=not strict,
        among=names.among,
    )
    hits = _search(server, Query.of([seed]), weights, options)
    hits.sort(key=lambda hit: -hit.score)
    return [_entry(names, hit) | {"distance": _distance(hit.score)} for hit in hits]


@router.get("/api/find_path", responses=_ERRORS)
@router.get("/for/{parts}/api/find_path", responses=_ERRORS)
def find_path(
    server: OneServer,
    parts: str = "",
    start_song_id: Text = "",
    end_song_id: Text = "",
    max_steps: Number = DEFAULT_COUNT,
) -> dict[str, Any]:
    """Songs that lead evenly from one to another, both included, at most ``max_steps``."""
    weights = _weights(parts)
    start, names = _song(server, start_song_id)
    end, others = _song(server, end_song_id)
    if names.root != others.root:
        raise Refused(400, "both ends of a path have to be songs of one server")
    ends = [Seed.of(server.segments(one), server.title(one), one) for one in (start, end)]
    shared = [part for part in ends[0].parts if part in ends[1].parts]
    count = min(max(max_steps, 2), MAX_COUNT)
    steps = journey(server, start, end, count, _there(weights, shared))
    found = [_entry(names, step) for step in steps if names(step.track_id) is not None]
    return {"path": found, "total_distance": _distance(steps[-1].similarity)}


# --- artists


@router.get("/api/similar_artists", responses=_ERRORS)
@router.get("/for/{parts}/api/similar_artists", responses=_ERRORS)
def similar_artists(
    server: OneServer,
    parts: str = "",
    artist: Text = "",
    artist_id: Text = "",
    n: Number = 10,
    include_component_matches: Flag = "false",
) -> list[dict[str, Any]]:
    """Artists whose songs sound like those of one; ``divergence`` is 1 less the mean score of the
    three songs of theirs that do most.

    ``artist`` is an id or a name. With ``include_component_matches`` the songs of both are named.
    """
    weights = _weights(parts)
    asked, track_ids, names = _artist(server, artist_id or artist)
    chosen = track_ids[:_SEEDS]
    heard = server.library.searcher.segments_of(chosen)
    seeds = [Seed.of(heard[one], server.title(one), one) for one in chosen if one in heard]
    if not seeds:
        raise NotHere(f"nothing of {asked!r} is in the library any more")
    count = min(max(n, 1), MOST // _SONGS_PER_ARTIST)
    among = names.among
    own = set(track_ids)
    hits = _search(
        server,
        Query.of(seeds),
        weights,
        SearchOptions(top=min(MOST, _SONGS_PER_ARTIST * count + len(own)), moments=0, among=among),
    )
    found: dict[tuple[str | None, str], list[Hit]] = {}
    for hit in hits:
        for one in names.artists(hit):
            if hit.track_id not in own and name_key(one[1]) != name_key(asked):
                found.setdefault(one, []).append(hit)
    lowest = min((hit.score for hit in hits), default=0.0)
    scores = {one: _mean_of_best(songs, lowest) for one, songs in found.items()}
    best = sorted(found, key=lambda one: (-scores[one], one[1]))[:count]
    answer = [
        {"artist": name, "artist_id": theirs, "divergence": _distance(scores[theirs, name])}
        for theirs, name in best
    ]
    if _is_true(include_component_matches):
        for entry, one in zip(answer, best, strict=True):
            entry["component_matches"] = [_matches(server, names, seeds, found[one][:_BEST])]
    if not answer:
        raise NotHere(f"nobody in the library sounds like {asked!r}")
    return answer


def _mean_of_best(hits: Sequence[Hit], lowest: float) -> float:
    """Whose songs are not all among the hits has others, that are less alike than any of them."""
    scores = sorted((hit.score for hit in hits), reverse=True)[:_BEST]
    return sum(scores + [lowest] * (_BEST - len(scores))) / _BEST


def _matches(
    server: Server, names: _Names, seeds: Sequence[Seed], hits: Sequence[Hit]
) -> dict[str, Any]:
    """The songs of the one artist that are most like these of the other, and these."""
    heard = server.library.searcher.segments_of([hit.track_id for hit in hits])
    theirs = np.array([one.track()[0] for one in heard.values()])  # [songs, parts=5, dim]
    alike = np.zeros(len(seeds))
    if len(theirs):
        alike = np.einsum("spd,hpd->s", np.array([seed.vector for seed in seeds]), theirs)
    ours = [seeds[at] for at in np.argsort(-alike, kind="stable")[:_BEST]]
    return {
        "artist1_representative_songs": _songs(names, ((s.track_id or "", s.name) for s in ours)),
        "artist2_representative_songs": _songs(names, ((h.track_id, _title(h)) for h in hits)),
    }


def _songs(names: _Names, songs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    named = ((names(track_id), title) for track_id, title in songs)
    return [{"item_id": item_id, "title": title} for item_id, title in named if item_id]


# --- what is asked


def _weights(parts: str) -> PartWeights | None:
    return PartWeights.parse(parts) if parts else None


def _there(weights: PartWeights | None, parts: Collection[Any]) -> PartWeights | None:
    """The weights of those parts that are there; as they were asked where none is, to be refused
    in words."""
    if weights is None or not any(part in parts for part in weights.wanted):
        return weights
    return PartWeights.of({p: weights.values[p.index] for p in weights.wanted if p in parts})


def _search(
    server: Server, query: Query, weights: PartWeights | None, options: SearchOptions
) -> list[Hit]:
    chosen = query.weights(_there(weights, query.parts))
    return server.library.searcher.search(query, chosen, options)


def _song(server: Server, item_id: str, title: str = "", artist: str = "") -> tuple[str, _Names]:
    """The track that is asked about. Raises Refused where nothing is asked, and NotHere."""
    server.check()
    if not item_id and not (title and artist):
        raise Refused(400, "name a song by item_id, or by title and artist")
    found = server.library.searcher.server_ids.find_song(item_id)
    if found is not None:
        return found[1], _Names(server, found[0])
    if item_id:
        if item_id in server.library.catalogue:
            return item_id, _Names(server, None)
        raise NotHere(
            f"no song of the library is called {item_id!r}: hear that server's songs with"
            " `partwise index --from`"
        )
    for track in server.library.matcher.find(f"{title} {artist}"):
        same = name_key(track.title) == name_key(title)
        if same and name_key(artist) in map(
            name_key, (track.tags.artist or "", *track.tags.artists)
        ):
            return track.track_id, _Names(server, None)
    raise NotHere(f"there is no {title!r} by {artist!r} in the library")


def _artist(server: Server, asked: str) -> tuple[str, tuple[str, ...], _Names]:
    """An artist's name and songs. Raises Refused where nobody is asked for, and NotHere."""
    server.check()
    if not asked:
        raise Refused(400, "name an artist by artist, or by artist_id")
    found = server.library.searcher.server_ids.find_artist(asked)
    if found is not None:
        root, artist = found
        return artist.name, artist.track_ids, _Names(server, root)
    key = name_key(asked)
    tracks = [
        track_id
        for track_id, track in sorted(server.library.catalogue.items())
        if key and key in map(name_key, track.tags.artists)
    ]
    if not tracks:
        raise NotHere(f"there is no artist {asked!r} in the library")
    return asked, tuple(tracks), _Names(server, None)


def _entry(names: _Names, found: Any) -> dict[str, Any]:
    """A Hit or a Step."""
    return {
        "item_id": names(found.track_id),
        "title": _title(found),
        "author": found.tags.artist or "",
        "album": found.tags.album or "",
    }


def _title(found: Any) -> str:
    return found.tags.title or found.path.stem.encode("utf-8", "replace").decode()


def _distance(score: float) -> float:
    return round(1.0 - min(max(score, 0.0), 1.0), 6)


def _is_true(flag: str) -> bool:
    return flag.lower() in ("true", "1", "")
