"""Songs and artists that sound alike, and paths between songs.

Specification: https://opensubsonic.netlify.app/docs/extensions/sonicsimilarity/,
.../endpoints/getsonicsimilartracks/, .../endpoints/findsonicpath/, .../responses/sonicmatch/,
.../endpoints/getsimilarsongs2/, .../endpoints/getartistinfo2/

There similarity is 1.0 for the same song and 0.0 for the most different. Scores of this library
are -1..1, and one below 0 means no more than "nothing alike"; so similarity is the score, or 0
when that is less. It is 1.0 for a song and itself under any weights.

Every method takes ``parts``, an addition of this server, as part weights: ``drums=2,bass``.
"""

from __future__ import annotations

from functools import partial

from partwise.library.search.hits import Hit
from partwise.library.search.journey import DEFAULT_COUNT, MAX_COUNT, Step
from partwise.library.search.options import SearchOptions
from partwise.library.search.query import Query, Seed
from partwise.library.tables.catalogue import Track
from partwise.parts import PartWeights
from partwise.web.collection import Artist, Collection
from partwise.web.server import Server
from partwise.web.subsonic.entries import Entries
from partwise.web.subsonic.requests import Params, number, part_weights, required
from partwise.web.subsonic.responses import Answer, Code, Failure, there

MOST_SIMILAR = 500
# Of an artist or an album so many songs are asked about: ids are hashes, so they are drawn at
# random, and the same ones every time.
MOST_SEEDS = 40
# How many songs are looked at for each similar artist, at least.
_SONGS_PER_ARTIST = 10


def get_sonic_similar_tracks(server: Server, params: Params) -> Answer:
    """``id``, ``count`` (10), and ``parts``; most similar first.

    Which tracks: those that a search gives. Tracks that lack a wanted part come up only when there
    are not enough that have it, but in the answer they stand where their similarity puts them.
    """
    hits = _hits(server, params, default_count=10)
    hits.sort(key=lambda hit: -hit.score)
    return _matches(server, [(hit, hit.score) for hit in hits])


def find_sonic_path(server: Server, params: Params) -> Answer:
    """``startSongId``, ``endSongId``, ``count`` (25), and ``parts``; similarity is to the start."""
    ends = [required(params, name) for name in ("startSongId", "endSongId")]
    count = number(params, "count", DEFAULT_COUNT, least=2, most=MAX_COUNT)
    weights = part_weights(params)
    for song_id in ends:
        there(server.collection.catalogue.get(song_id), "song")
    steps = server.library.journey(*ends, count=count, weights=weights)
    return _matches(server, [(step, step.similarity) for step in steps])


def _matches(server: Server, found: list[tuple[Hit, float]] | list[tuple[Step, float]]) -> Answer:
    entries = Entries(server)
    return {
        "sonicMatch": [
            {"entry": entries.song(_track(one)), "similarity": similarity_of(score)}
            for one, score in found
        ]
    }


def get_similar_songs(server: Server, params: Params, name: str) -> Answer:
    """For players that know no more: the same songs, without numbers.

    ``id`` is a song's, an album's or an artist's, whose songs are then asked about together.
    """
    hits = _hits(server, params, default_count=50)
    return {name: {"song": Entries(server).songs(map(_track, hits))}}


def get_artist_info(server: Server, params: Params, name: str, by_tags: bool) -> Answer:
    """Artists whose songs sound like theirs, by their most similar song.

    ``id`` is an artist's, or an album's or a song's, which then means its artist.
    """
    entries = Entries(server)
    artist = _artist(entries.collection, required(params, "id"))
    count = number(params, "count", 20, least=0, most=MOST_SIMILAR)
    weights = part_weights(params)
    make = entries.artist if by_tags else entries.folder_of_artist
    found = _similar_artists(server, entries.collection, artist, count, weights) if count else []
    return {name: {"similarArtist": [make(one) for one in found]}}


def _similar_artists(
    server: Server,
    collection: Collection,
    artist: Artist,
    count: int,
    weights: PartWeights | None,
) -> list[Artist]:
    query = _query(server, artist.track_ids, artist.name)
    options = SearchOptions(
        top=min(_SONGS_PER_ARTIST * count, MOST_SIMILAR),
        moments=0,
        max_per_artist=1,
    )
    if weights is None and not query.parts:
        return []  # nothing can be heard in their songs: nobody sounds like that
    hits = server.library.searcher.search(query, query.weights(weights), options)
    ids = dict.fromkeys(one_id for hit in hits for one_id, _ in collection.artists_of(_track(hit)))
    found = [collection.artists[one] for one in ids if one in collection.artists]
    return [one for one in found if one.artist_id != artist.artist_id][:count]


def similarity_of(score: float) -> float:
    """Our score, -1..1, as the specification's similarity, 0..1."""
    return round(min(max(score, 0.0), 1.0), 6)


def _hits(server: Server, params: Params, default_count: int) -> list[Hit]:
    some_id = required(params, "id")
    count = number(params, "count", default_count, least=1, most=MOST_SIMILAR)
    asked = part_weights(params)
    collection = server.collection
    songs = there(collection.songs(some_id), "song, album or artist")
    query = _query(server, songs, _name(collection, some_id))
    options = SearchOptions(top=count, moments=0)
    return server.library.searcher.search(query, query.weights(asked), options)


def _query(server: Server, track_ids: tuple[str, ...], name: str) -> Query:
    """Whole songs, at most ``MOST_SEEDS`` of them, as one query."""
    chosen = sorted(track_ids)[:MOST_SEEDS]
    heard = server.library.searcher.segments_of(chosen)
    seeds = [Seed.of(heard[one], name, one) for one in chosen if one in heard]
    if not seeds:
        raise Failure(Code.NOT_FOUND, "There is no song with this id in the library any more.")
    return Query.of(seeds)


def _name(collection: Collection, some_id: str) -> str:
    if some_id in collection.catalogue:
        return collection.catalogue[some_id].title
    return (collection.artists.get(some_id) or collection.albums[some_id]).name


def _artist(collection: Collection, some_id: str) -> Artist:
    if some_id in collection.albums:
        some_id = collection.albums[some_id].artist_id
    elif some_id in collection.catalogue:
        some_id = collection.artists_of(collection.catalogue[some_id])[0][0]
    return there(collection.artists.get(some_id), "artist")


def _track(found: Hit | Step) -> Track:
    """From what was found alone: the catalogue may have changed since."""
    return Track(found.track_id, (str(found.path),), found.tags, found.duration_s)


METHODS = {
    "getSonicSimilarTracks": get_sonic_similar_tracks,
    "findSonicPath": find_sonic_path,
    "getSimilarSongs": partial(get_similar_songs, name="similarSongs"),
    "getSimilarSongs2": partial(get_similar_songs, name="similarSongs2"),
    "getArtistInfo": partial(get_artist_info, name="artistInfo", by_tags=False),
    "getArtistInfo2": partial(get_artist_info, name="artistInfo2", by_tags=True),
}
