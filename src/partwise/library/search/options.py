"""What a search is asked for besides its query and the weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from partwise.errors import PartwiseError


@dataclass(frozen=True)
class SearchOptions:
    """Which of the ranked tracks are answers; every way to search takes these, by these names.

    top : at most so many hits.
    moments : how many of the first hits are searched for moments; None for all.
    max_per_artist : at most so many tracks by any one artist (``Tags.artists``); None for no limit.
    max_per_album : at most so many of any one album (``conditions.album_key``); None for no limit.
    include_duplicates : keep near-duplicates (``duplicates.alike``) of hits and of the query.
    where : SQL condition over what files say and what was heard (``search.conditions``):
        ``"has_piano AND NOT has_drums AND enters_guitar > 60 AND genre LIKE '%Jazz%'"``.
    artists, not_artists : only tracks by one of these artists; none by any of these.
    among : ids of the only tracks that may be hits; None for all.

    Raises PartwiseError for a number that makes no sense.
    """

    top: int = 10
    moments: int | None = None
    max_per_artist: int | None = None
    max_per_album: int | None = None
    include_duplicates: bool = False
    where: str | None = None
    artists: Sequence[str] = ()
    not_artists: Sequence[str] = ()
    among: Collection[str] | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise PartwiseError(f"the number of hits must be at least 1, not {self.top}")
        limits = (("artist", self.max_per_artist), ("album", self.max_per_album))
        for what, most in limits:
            if most is not None and most < 1:
                raise PartwiseError(f"the limit per {what} must be at least 1, not {most}")
