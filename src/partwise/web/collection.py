"""Artists and albums, as players browse them: grouped from what the tags of a catalogue say.

Ids are hashes of names as they are compared (``matcher.name_key``), so that they stay the same
when files are moved, indexed anew or written otherwise. Tags name no album artist, so whose an
album is follows from its songs in one folder:

- an artist of three songs or more is no guest. One such artist who has most of the album has all
  of it; several share its name, each with an album of their own;
- where most songs are by artists of one or two, it is an album of various artists.

Albums of one name and one artist are one album, in how many folders they may lie.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.audio.tags import Tags
from partwise.library.search.matcher import Matcher, name_key
from partwise.library.tables.catalogue import Track

if TYPE_CHECKING:
    from partwise.library.tables.reader import Store

NO_ARTIST = "[Unknown artist]"
NO_ALBUM = "[Unknown album]"
VARIOUS = "Various artists"
ARTIST_PREFIX = "ar-"
ALBUM_PREFIX = "al-"
# Words that do not count when names are put in order.
ARTICLES = "The El La Los Las Le Les"

_GUEST_SONGS = 2
_DISC = re.compile(r"(cd|dis[ck]|vol(ume)?)[ ._-]*\d+\b.*", re.IGNORECASE)
# "07 Name", "1-07 Name", "A1 Name" is none.
_NUMBER = re.compile(r"(?:(\d{1,2})[-.])?(\d{1,3})(?=[\s._)-]|$)")
_ARTICLE = re.compile(rf"({'|'.join(ARTICLES.split())})\s+(?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Artist:
    """Whoever a song names, or an album is by. album_ids : theirs first, then those with a song."""

    artist_id: str
    name: str
    album_ids: tuple[str, ...]
    track_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Album:
    """track_ids : in the order of the files' names. added_s : when the first was, since 1970."""

    album_id: str
    name: str
    artist_id: str
    artist: str
    year: int | None
    duration_s: float
    added_s: float
    track_ids: tuple[str, ...]


class Collection:
    """The artists and albums of one catalogue.

    catalogue : tracks by id. added_s : when a track was added, seconds since 1970, by id.

    ``artists`` and ``albums`` are by id, in the order of their names.
    """

    def __init__(self, catalogue: Mapping[str, Track], added_s: Mapping[str, float]) -> None:
        self.catalogue = catalogue
        self.made_s = time.time()
        self.added_s = added_s
        self._named: dict[str | None, tuple[tuple[str, str], ...]] = {}
        self._spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.albums: dict[str, Album] = {}
        self.album_of: dict[str, str] = {}
        self._make_albums()
        self.artists = self._make_artists()

    # --- reading it

    def artists_of(self, track: Track) -> tuple[tuple[str, str], ...]:
        """(id, name) of everybody whom a track names; of nobody's, the artist for those."""
        text = track.tags.artist
        found = self._named.get(text)
        if found is None:
            names = track.tags.artists or (NO_ARTIST,)
            found = tuple((artist_id(name), name) for name in names)
            self._named[text] = found
        return found

    def tracks(self, track_ids: Iterable[str]) -> list[Track]:
        """Those of some tracks that are there."""
        found = (self.catalogue.get(track_id) for track_id in track_ids)
        return [track for track in found if track is not None]

    def named(self, name: str) -> Artist | None:
        """The artist of a name, however it is written."""
        return self.artists.get(artist_id(name))

    def albums_with(self, tracks: Iterable[Track]) -> list[Album]:
        """The albums that some tracks are on, each once."""
        found = dict.fromkeys(self.album_of[track.track_id] for track in tracks)
        return [self.albums[album_id] for album_id in found]

    def songs(self, some_id: str) -> tuple[str, ...] | None:
        """Ids of the tracks of an artist, of an album, or of a track; None for no such id."""
        if some_id in self.catalogue:
            return (some_id,)
        found = self.artists.get(some_id) or self.albums.get(some_id)
        return None if found is None else found.track_ids

    def find_artists(self, text: str, limit: int, offset: int) -> list[Artist]:
        """Artists in whose name a text is found, best first; all for an empty text."""
        found = self._artist_matcher.find(text, limit, offset) if text else None
        return _page(self.artists, found, limit, offset)

    def find_albums(self, text: str, limit: int, offset: int) -> list[Album]:
        """Albums in whose name, or artist's name, a text is found; all for an empty text."""
        found = self._album_matcher.find(text, limit, offset) if text else None
        return _page(self.albums, found, limit, offset)

    @cached_property
    def genres(self) -> dict[str, tuple[str, tuple[Track, ...]]]:
        """Genres in the order of their names: by ``name_key``, how they are written, and tracks."""
        spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
        members: defaultdict[str, list[Track]] = defaultdict(list)
        keys: dict[str, str] = {}
        for track in self.in_order:
            for name in track.tags.genres:
                if name not in keys:
                    keys[name] = name_key(name)
                spelt[keys[name]][name] += 1
                members[keys[name]].append(track)
        return {key: (_most(spelt[key]), tuple(members[key])) for key in sorted(members)}

    def of_genre(self, name: str) -> tuple[Track, ...]:
        """The tracks of a genre, however it is written."""
        return self.genres.get(name_key(name), ("", ()))[1]

    @cached_property
    def in_order(self) -> list[Track]:
        """All tracks by their first file: players copy a whole library so, page after page."""
        return sorted(self.catalogue.values(), key=lambda track: track.paths)

    @cached_property
    def _artist_matcher(self) -> Matcher:
        return _matcher((one.artist_id, one.name, None) for one in self.artists.values())

    @cached_property
    def _album_matcher(self) -> Matcher:
        return _matcher((one.album_id, one.name, one.artist) for one in self.albums.values())

    # --- making it

    def _make_albums(self) -> None:
        folders: defaultdict[tuple[str, str], list[Track]] = defaultdict(list)
        keys: dict[str, str] = {}
        homes: dict[str, str] = {}
        members: defaultdict[tuple[str, str], list[Track]] = defaultdict(list)
        names: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for track in self.catalogue.values():
            for one_id, name in self.artists_of(track):
                self._spelt[one_id][name] += 1
            album = track.tags.album
            if not album:
                members["", self.artists_of(track)[0][0]].append(track)
                continue
            if album not in keys:
                keys[album] = name_key(album)
            folder = os.path.dirname(track.paths[0])
            if folder not in homes:
                homes[folder] = _without_disc(folder)
            folders[homes[folder], keys[album]].append(track)
        for (_, key), tracks in folders.items():
            for track, owner in zip(tracks, self._owners(tracks), strict=True):
                members[key, owner].append(track)
                names[key, owner][track.tags.album or ""] += 1
        made = [
            self._album(key, owner, _most(names[key, owner]), tracks)
            for (key, owner), tracks in members.items()
        ]
        made.sort(key=lambda album: (sort_key(album.name), sort_key(album.artist)))
        self.albums = {album.album_id: album for album in made}
        for album in made:
            self.album_of.update(dict.fromkeys(album.track_ids, album.album_id))

    def _owners(self, tracks: Sequence[Track]) -> list[str]:
        """Of each track of an album in one folder, the id of the artist whose album it is on."""
        mains = [self.artists_of(track)[0][0] for track in tracks]
        counts = Counter(mains)
        if len(counts) == 1:
            return mains
        no_guests = [main for main, count in counts.items() if count > _GUEST_SONGS]
        theirs = sum(counts[main] for main in no_guests)
        if 2 * theirs < len(tracks) or not no_guests:
            return [artist_id(VARIOUS)] * len(tracks)
        return mains if len(no_guests) > 1 else no_guests * len(tracks)

    def _album(self, key: str, owner: str, name: str, tracks: list[Track]) -> Album:
        tracks.sort(key=_file_order)
        ids = tuple(track.track_id for track in tracks)
        years = Counter(track.tags.year for track in tracks if track.tags.year)
        return Album(
            album_id=_hashed(ALBUM_PREFIX, f"{key}\n{owner}"),
            name=name or NO_ALBUM,
            artist_id=owner,
            artist=self._name(owner),
            year=years.most_common(1)[0][0] if years else None,
            duration_s=sum(track.duration_s for track in tracks),
            added_s=min(self.added_s.get(one, self.made_s) for one in ids),
            track_ids=ids,
        )

    def _make_artists(self) -> dict[str, Artist]:
        own: defaultdict[str, dict[str, None]] = defaultdict(dict)
        heard_on: defaultdict[str, dict[str, None]] = defaultdict(dict)
        track_ids: defaultdict[str, list[str]] = defaultdict(list)
        for album in self.albums.values():
            own[album.artist_id][album.album_id] = None
            for track_id in album.track_ids:
                for one_id, _ in self.artists_of(self.catalogue[track_id]):
                    track_ids[one_id].append(track_id)
                    heard_on[one_id][album.album_id] = None
        made = []
        for one_id in own.keys() | heard_on.keys():
            albums = list(own[one_id]) + [one for one in heard_on[one_id] if one not in own[one_id]]
            if one_id not in track_ids:  # various artists: the songs of their albums
                track_ids[one_id] = [s for one in albums for s in self.albums[one].track_ids]
            made.append(Artist(one_id, self._name(one_id), tuple(albums), tuple(track_ids[one_id])))
        made.sort(key=lambda artist: (sort_key(artist.name), artist.artist_id))
        return {artist.artist_id: artist for artist in made}

    def _name(self, one_id: str) -> str:
        spelt = self._spelt.get(one_id)
        return VARIOUS if spelt is None else _most(spelt)


def read_added_s(store: Store) -> dict[str, float]:
    """When each track was added, in seconds since 1970: its first file, as the ledger knows it."""
    rows = store.ledger_table.search().select(["content_hash", "updated_at"]).to_arrow()
    columns = (rows.column(name).to_pylist() for name in ("content_hash", "updated_at"))
    added: dict[str, float] = {}
    for track_id, at_s in zip(*columns, strict=True):
        added[track_id] = min(at_s, added.get(track_id, at_s))
    return added


def artist_id(name: str) -> str:
    """The id of an artist of that name."""
    return _hashed(ARTIST_PREFIX, name_key(name))


def sort_key(name: str) -> str:
    """What a name is put in order by: without an article in front."""
    return name_key(_ARTICLE.sub("", name, count=1) if _ARTICLE.match(name) else name)


def letter(name: str) -> str:
    """Under which letter an artist stands: ``A``, and ``#`` for what begins with none."""
    first = sort_key(name)[:1].upper()
    return first if first.isalpha() else "#"


def number_of(track: Track) -> tuple[int | None, int | None]:
    """(disc, number) that a file's name begins with, as in ``1-07 Name.flac``; None where none."""
    found = _NUMBER.match(Path(track.paths[0]).stem)
    if found is None:
        return None, None
    disc, number = found.groups()
    return (int(disc) if disc else None), int(number)


def _file_order(track: Track) -> tuple[str, int, int, str]:
    folder, name = os.path.split(track.paths[0])
    disc, number = number_of(track)
    return folder, disc or 0, number or 0, name


def _without_disc(folder: str) -> str:
    above, name = os.path.split(folder)
    return above if _DISC.fullmatch(name) else folder


def _hashed(prefix: str, text: str) -> str:
    return prefix + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _most(spelt: Counter[str]) -> str:
    """The most frequent spelling; of those, the first of the alphabet."""
    return min(spelt, key=lambda name: (-spelt[name], name), default="")


def _matcher(named: Iterable[tuple[str, str, str | None]]) -> Matcher:
    """Finds names as those of tracks are found."""
    return Matcher(
        {one_id: Track(one_id, (name,), Tags(name, artist), 0.0) for one_id, name, artist in named}
    )


def _page(every: Mapping, found: list[Track] | None, limit: int, offset: int) -> list:
    if found is None:
        return list(every.values())[offset : offset + limit]
    return [every[track.track_id] for track in found]
