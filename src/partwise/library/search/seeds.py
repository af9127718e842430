"""From what a person names to a song of a query: a library track, or a file heard on the spot."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.search.matcher import Matcher
from partwise.library.search.query import Query, Seed, Source, parse_range
from partwise.library.tables.catalogue import Track, read_catalogue
from partwise.library.tables.ledger import State
from partwise.parts import PARTS, Part
from partwise.paths import absolute, brief, hash_content, shown, typed

if TYPE_CHECKING:
    from partwise.audio.decode import Audio
    from partwise.embedding.encoder import Encoder
    from partwise.library.search.searcher import Searcher
    from partwise.library.tables.reader import Store

# What may be named as a song, and as several: see ``build_query``.
Song: TypeAlias = "str | Path | PartEmbeddings | np.ndarray | Audio"
Songs: TypeAlias = "Song | Sequence[Song]"

_CANDIDATES_SHOWN = 5


def build_query(
    searcher: Searcher,
    songs: Songs | Query | None,
    *,
    at: str | tuple[float, float] | None = None,
    per_part_of: Mapping[Part, Song] | None = None,
    less_like: Songs | Mapping[Part, Songs] | None = None,
    model: str | Path | None = None,
) -> Query:
    """A query from songs as people name them.

    songs : a file, a track of the library (its path, its id, or as much of its names as means only
        it), samples (``partwise.Audio``, which tells their rate), embeddings or a vector [parts=5,
        dim] made by the library's model, several of these, or a finished query. Of a vector each
        part's direction counts; it has no time, so moments have it from 0 to 0 s.
    at : range of the one song that counts, as text (``"1:10-1:30"``) or in seconds.
    per_part_of : songs that single parts are taken from instead.
    less_like : songs that hits are to be less like (``search.less``), in all parts that they have;
        or for single parts, ``{"drums": "song.mp3"}``.
    model : ONNX file with which to hear files that are not in the library; None = shipped.

    Raises PartwiseError when a song is not found, cannot be heard or is ambiguous, and when the
    library holds nothing.
    """
    if searcher.store.count() == 0:
        raise PartwiseError(
            f"the library at {searcher.store.folder} holds no tracks yet:"
            " run `partwise index FOLDER`"
        )
    finder = _Finder(searcher, model)
    if isinstance(less_like, Mapping):
        apart = [((Part.parse(part),), _songs(some)) for part, some in less_like.items()]
    else:
        apart = [(PARTS, [song]) for song in _songs(less_like)]
    less = [Source(parts, tuple(map(finder.seed, some))) for parts, some in apart]
    if isinstance(songs, Query):
        if at is not None or per_part_of:
            raise PartwiseError("a finished query takes no range and no songs for single parts")
        return songs.less_like(less)
    seeds = [finder.seed(song) for song in _songs(songs)]
    part_seeds = {Part(part): finder.seed(song) for part, song in (per_part_of or {}).items()}
    if at is None:
        return Query.of(seeds, part_seeds).less_like(less)
    if len(seeds) != 1 or part_seeds:
        raise PartwiseError("a range of time belongs to one song: name exactly one")
    start_s, end_s = parse_range(at) if isinstance(at, str) else at
    return Query.of_passage(seeds[0], start_s, end_s).less_like(less)


def _songs(songs: Songs | None) -> list[Song]:
    if songs is None:
        return []
    several = isinstance(songs, Sequence) and not isinstance(songs, str)
    return list(songs) if several else [songs]  # type: ignore[list-item]


class _Finder:
    """Finds songs, each once."""

    def __init__(self, searcher: Searcher, model: str | Path | None) -> None:
        self._searcher = searcher
        self._store = searcher.store
        self._model = model
        self._found: dict[str, Seed] = {}
        self._given = 0

    def seed(self, song: Song) -> Seed:
        if not isinstance(song, (str, os.PathLike)):
            self._given += 1
            number = f" ({self._given})" if self._given > 1 else ""
            kind, heard = self._without_a_name(song)
            return Seed.of(heard, f"the given {kind}{number}")
        name = os.fspath(song)
        if name not in self._found:
            self._found[name] = self._named(name)
        return self._found[name]

    def _without_a_name(
        self, song: PartEmbeddings | np.ndarray | Audio
    ) -> tuple[str, PartEmbeddings]:
        """What kind of thing it is, and what is heard in it."""
        if isinstance(song, PartEmbeddings):
            if song.dim != self._store.dim:
                raise PartwiseError(
                    f"these embeddings have {song.dim} dimensions per part, and those of the"
                    f" library at {self._store.folder} have {self._store.dim}"
                )
            return "embeddings", song
        if isinstance(song, np.ndarray):
            return "vector", _of_vector(song, self._store.dim)
        from partwise.audio.decode import Audio

        if not isinstance(song, Audio):
            raise PartwiseError(
                "a song is a file, a name, samples (partwise.Audio), embeddings or a vector,"
                f" not {type(song).__name__}"
            )
        active = self._store.active
        encoder = self._encoder("this song")
        return "samples", encoder.embed(
            song.samples, song.sample_rate_hz, active.segment_s, active.hop_s
        )

    def _named(self, name: str) -> Seed:
        found = track_named(self._searcher, name)
        if found is not None:
            return self._stored(*found)
        path = absolute(name)
        if os.path.exists(path):
            return self._heard(path)
        raise PartwiseError(
            f"{shown(name)} is no file, and no track of the library at {self._store.folder}"
            " has it in its names or path"
        )

    def _stored(self, track_id: str, name: str) -> Seed:
        segments = self._store.segments_of([track_id]).get(track_id)
        if segments is None:  # removed between two reads
            raise PartwiseError(f"{shown(name)} has just been removed from the library")
        return Seed.of(segments, shown(name), track_id)

    def _heard(self, path: str) -> Seed:
        """A file that is not in the library, embedded as the library's tracks were."""
        active, encoder = self._store.active, self._encoder(shown(path))
        return Seed.of(encoder.embed_file(path, active.segment_s, active.hop_s), shown(path))

    def _encoder(self, name: str) -> Encoder:
        """That of the library's model, to hear a song that is not in the library."""
        from partwise.embedding.encoder import load_encoder

        active = self._store.active
        encoder = load_encoder(self._model)
        if encoder.digest != active.digest:
            raise PartwiseError(
                f"{name} is not in the library, and cannot be compared with it: the library"
                f" was made by the model {active.digest}, and this is {encoder.digest};"
                " run `partwise index` with this model first, or name the other with --model"
            )
        return encoder


def _of_vector(vector: np.ndarray, dim: int) -> PartEmbeddings:
    """One segment without a place in time, of length 1 per part that is not zeros."""
    if vector.shape != (len(PARTS), dim):
        hint = ""
        if vector.ndim == 1:
            hint = "; samples are given as partwise.Audio(samples, sample_rate_hz)"
        elif vector.shape[1:] == (len(PARTS), dim):
            hint = "; search_many takes several"
        raise PartwiseError(
            f"a vector of this library has the shape {(len(PARTS), dim)}, not {vector.shape}{hint}"
        )
    vector = vector.astype(np.float64)
    if not np.isfinite(vector).all():
        raise PartwiseError("a vector must hold finite numbers")
    norm = np.linalg.norm(vector, axis=1, keepdims=True)
    unit = np.divide(vector, norm, out=np.zeros_like(vector), where=norm > 0)
    nowhere = np.zeros(1)
    return PartEmbeddings(
        embeddings=unit[None].astype(np.float32),
        presence=(norm > 0).T.astype(np.float32),
        start_s=nowhere,
        end_s=nowhere,
        seconds=0.0,
    )


def track_named(searcher: Searcher, name: str) -> tuple[str, str] | None:
    """The id of the track that people mean, and what to call it; None when the library has none.

    name : a file that is there, then a track's id or a path that the library knows, then a text
        (``Matcher.meant``), for which the track is called by its file.

    Raises PartwiseError for a folder, a file that cannot be read, where several can be meant, and
    for a track whose files were all gone in the last run.
    """
    path = absolute(name)
    if os.path.isdir(path):
        raise PartwiseError(f"{shown(name)} is a folder: name a song in it")
    if os.path.exists(path):
        track_id = _track_of_file(searcher.store, path)
        return None if track_id is None else (track_id, name)
    track_id = searcher.store.find(name)
    if track_id is not None:
        return track_id, name
    found = track_meant(searcher, typed(name))
    return None if found is None else (found.track_id, found.paths[0])


def track_meant(searcher: Searcher, text: str) -> Track | None:
    """The track that a text means (``Matcher.meant``); None when the library has none.

    Raises PartwiseError where several can be meant, naming the first of them, and for a track whose
    files were all gone in the last run.
    """
    found = searcher.matcher.meant(text)
    if len(found) > 1:
        raise PartwiseError(f"{shown(text)} could be any of {len(found)} tracks: {_listing(found)}")
    if found:
        return found[0]
    lost = Matcher(read_catalogue(searcher.store, State.MISSING)).meant(text)
    if lost:
        raise away(text, f" ({_listing(lost)})")
    return None


def away(name: str, files: str = "") -> PartwiseError:
    """What to raise where a song is known, and cannot be had."""
    return PartwiseError(
        f"{shown(name)} is known, but its file is not there{files}: is the disk mounted?"
        " `partwise index` finds files that have moved"
    )


def _track_of_file(store: Store, path: str) -> str | None:
    """The track with the content that the file has now; None when the library has none."""
    if not os.path.isfile(path):
        raise PartwiseError(f"{shown(path)} is not a regular file")
    try:
        status = os.stat(path)
        track_id = None
        for row in store.rows_of_file(path):
            if (row.size, row.mtime_ns) == (status.st_size, status.st_mtime_ns):
                track_id = row.content_hash
        if track_id is None:
            track_id = hash_content(path)
    except OSError as error:
        raise PartwiseError(f"{shown(path)}: {(error.strerror or str(error)).lower()}") from None
    return track_id if store.has(track_id) else None


def _listing(tracks: Sequence[Track]) -> str:
    labels = sorted(map(_label, tracks))
    more = len(labels) - _CANDIDATES_SHOWN
    return "; ".join(labels[:_CANDIDATES_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _label(track: Track) -> str:
    path = shown(track.paths[0])
    return f"{path} ({brief(track.tags.title)})" if track.tags.title else path
