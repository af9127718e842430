"""What goes in and out of ``/api/v1``: pydantic models, strict enough that the rest can trust them.

Times are seconds. Mappings by part in answers hold all five parts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from partwise.parts import Part
from partwise.web.schema_types import SMALLEST_WEIGHT as SMALLEST_WEIGHT
from partwise.web.schema_types import (
    TEXT,
    Answer,
    Asked,
    Count,
    Error,
    Named,
    Seconds,
    SongId,
    Text,
    TrackId,
    Weights,
    Year,
)


class Filter(Asked):
    """Conditions that a hit must satisfy, all of them."""

    text: Text | None = Field(None, description="words of title, artist, album or file name")
    artist: Text | None = Field(None, description="in the artist's name, any case")
    album: Text | None = Field(None, description="in the album's name, any case")
    genre: Text | None = Field(None, description="in the genre's name, any case")
    has: list[Part] = Field([], max_length=5, description="parts that must be heard in the track")
    has_not: list[Part] = Field([], max_length=5, description="parts that must not be heard")
    enters_after_s: dict[Part, Seconds] = Field(
        {}, description="parts that are heard in it, and not before so many seconds"
    )
    year_from: Year | None = None
    year_to: Year | None = None
    duration_from_s: Seconds | None = None
    duration_to_s: Seconds | None = None


class LessLike(Asked):
    """A song that hits are to be less like."""

    song: Named
    parts: list[Part] | None = Field(
        None, min_length=1, max_length=5, description="null: all that it has"
    )


class QueryAsked(Asked):
    """What is asked: songs alike in all parts, with single parts taken from other songs."""

    songs: list[Named] = Field(
        [], max_length=20, description="ids, or names that mean one track; averaged when several"
    )
    per_part_of: dict[Part, Named] = Field({}, description="songs for single parts instead")
    less_like: list[LessLike] = Field(
        [], max_length=20, description="hits fall the more, the more they sound like these"
    )
    weights: Weights | None = Field(
        None,
        description='by part, or text such as "drums=2,bass"; null: the parts asked for by name,'
        " else all that are heard",
    )
    range: tuple[Seconds, Seconds] | None = Field(
        None, description="only this passage of the one song counts"
    )

    @model_validator(mode="after")
    def _has_a_song(self) -> QueryAsked:
        if not self.songs and not self.per_part_of:
            raise ValueError("name a song, or a song for a part")
        if self.range is not None and (len(self.songs) != 1 or self.per_part_of):
            raise ValueError("a range of time belongs to one song: name exactly one")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("the range must end after it starts")
        return self


class SearchAsked(QueryAsked):
    """A search."""

    top: int = Field(10, strict=True, ge=1, le=500)
    moments: int = Field(10, strict=True, ge=0, le=50, description="first hits that carry moments")
    skip_absent: bool = Field(
        False, strict=True, description="weights of parts that the query lacks count as none"
    )
    max_per_artist: Count | None = None
    max_per_album: Count | None = None
    artists: list[Text] = Field([], max_length=50, description="only tracks by one of these")
    not_artists: list[Text] = Field([], max_length=50, description="no track by any of these")
    include_duplicates: bool = Field(False, strict=True)
    where: Annotated[str, StringConstraints(pattern=TEXT, max_length=1000)] | None = Field(
        None,
        description="SQL condition over title, artist, album, year, genre, duration_s and path, and"
        " has_, presence_ or enters_ with a part",
    )
    filter: Filter | None = None


class SearchesAsked(Asked):
    """Many searches."""

    searches: list[SearchAsked] = Field(min_length=1, max_length=50)


class MomentsAsked(QueryAsked):
    """Where one track sounds most like the query."""

    track_id: TrackId
    count: int = Field(3, strict=True, ge=1, le=10)


class PlaylistAsked(Asked):
    """A playlist of library tracks."""

    track_ids: list[TrackId] = Field(min_length=1, max_length=1000)
    format: Literal["m3u8", "xspf"]
    title: Text | None = Field(None, description="null: what the question says")
    question: QueryAsked | None = Field(None, description="that these tracks answer")
    paths: Literal["absolute", "relative"] | None = Field(
        None,
        description="relative to the folder that holds all music of the library; null: absolute for"
        " a page on the server's own machine, else relative",
    )


class IndexAsked(Asked):
    """An indexing run."""

    folders: list[
        Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=TEXT)]
    ] = Field(min_length=1, max_length=50, description="folders or files on the server's machine")
    retry_failed: bool = Field(False, strict=True)
    prune: bool = Field(False, strict=True)
    tags: bool = Field(False, strict=True, description="read tags again, without hearing")
    prune_anyway: bool = Field(False, strict=True)


class EmbedAsked(Asked):
    """A song to give the embeddings of."""

    song_id: SongId


class Track(Answer):
    """A track of the library, or an upload (``upload-…``, without paths)."""

    track_id: str
    title: str
    artist: str | None
    album: str | None
    year: int | None
    genre: str | None
    duration_s: float
    paths: list[str]
    parts: list[Part]
    presence: dict[Part, float]
    has_cover: bool


class Tracks(Answer):
    """A page of the library. total : of all that match."""

    total: int
    tracks: list[Track]


class QueryMoment(Answer):
    """The query's side of a moment."""

    song_id: str
    parts: list[Part]
    start_s: float
    end_s: float


class Moment(Answer):
    """A passage of a hit and what it resembles in the query."""

    start_s: float
    end_s: float
    score: float
    query: list[QueryMoment]


class Moments(Answer):
    """Best first."""

    moments: list[Moment]


class Hit(Track):
    """One answer. similarities : null where the part is absent from query or hit."""

    rank: int
    score: float
    similarities: dict[Part, float | None]
    moments: list[Moment]
    alike: list[str]


class QuerySong(Answer):
    """A song of the query, and the parts that it gives."""

    song_id: str
    name: str
    parts: list[Part]
    duration_s: float


class QueryLess(Answer):
    """A song that hits are to be less like, in these parts."""

    song_id: str
    name: str
    parts: list[Part]


class QuerySeen(Answer):
    """The query as it was understood."""

    songs: list[QuerySong]
    parts: list[Part]
    presence: dict[Part, float]
    range: tuple[float, float] | None
    less_like: list[QueryLess]


class Found(Answer):
    """Hits, best first: those in which every wanted part is present, then the others.

    A hit's score is ``sum_p w_p s_p / sum_p w_p`` over its similarities.
    """

    query: QuerySeen
    weights: dict[Part, float]
    model: str
    took_ms: float
    hits: list[Hit]


class FoundMany(Answer):
    """What each of the searches found, in their order."""

    answers: list[Found]


class Segment(Answer):
    """One segment's embeddings; zeros where a part is absent."""

    start_s: float
    end_s: float
    presence: dict[Part, float]
    embedding: dict[Part, list[float]]


class Embedded(Answer):
    """The embeddings of a song, as a whole and by segment."""

    model: str
    dim: int
    duration_s: float
    presence_threshold: dict[Part, float]
    presence: dict[Part, float]
    embedding: dict[Part, list[float]]
    segments: list[Segment]


class Failure(Answer):
    """A file that could not be heard."""

    path: str
    reason: str


class Failures(Answer):
    """At most 1000 of ``total``."""

    failures: list[Failure]
    total: int


class Forgotten(Answer):
    """What left the library: ledger rows of files, and tracks that no file is left of."""

    files: int
    tracks: int


class Job(Answer):
    """An indexing run that the server does or did, or that it takes a folder out."""

    job_id: str
    kind: Literal["index", "forget"]
    state: Literal["running", "done", "stopped", "failed"]
    folders: list[str]
    files_done: int
    files_total: int
    audio_s: float
    rate: float
    left_s: float | None
    elapsed_s: float
    message: str
    summary: dict[str, Any] | None
    forgotten: Forgotten | None
    failures: list[Failure]


class JobSeen(Answer):
    """The last run, null when there was none."""

    job: Job | None


class Status(Answer):
    """What the library holds. model : digest, null while there is no library."""

    version: str
    name: str
    model: str | None
    tracks: int
    segments: int
    audio_s: float
    files_indexed: int
    failed: int
    missing: int
    parts: list[Part]
    job: Job | None
    can_index: bool


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route: the errors that it may answer with."""
    texts = {
        202: "being made: ask again in a moment",
        400: "not readable as a request",
        403: "not allowed",
        404: "no such song",
        408: "the request took too long to arrive",
        409: "an indexing run is under way",
        413: "too large or too long",
        415: "not audio, or not the content type that is needed",
        416: "the range lies beyond the end",
        422: "it makes no sense; the sentence says why",
        429: "too many at a time: try again a little later",
        503: "too busy: try again a little later",
    }
    return {status: {"model": Error, "description": texts[status]} for status in statuses}


JSON_ERRORS = (400, 408, 413, 422)


def content(
    description: str, *media_types: str, binary: bool = True
) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route that answers with something else than JSON."""
    schema = {"type": "string", "format": "binary"} if binary else {"type": "string"}
    kinds = {media_type: {"schema": schema} for media_type in media_types}
    return {200: {"description": description, "content": kinds}}


MULTIPART_BODY: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "string",
                    "format": "binary",
                    "description": "a recording, at most 200 MB and 30 minutes",
                }
            },
        }
    }
}
