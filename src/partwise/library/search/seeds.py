"""From what a person names to a song of a query: a library track, or a file heard on the spot."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.search.query import Query, Seed, parse_range
from partwise.library.tables.catalogue import Track
from partwise.parts import Part
from partwise.paths import absolute, shown

if TYPE_CHECKING:
    from partwise.library.search.searcher import Searcher

# What may be named as a song, and as several.
Song = str | Path | PartEmbeddings
Songs = Song | Sequence[Song]

_CANDIDATES_SHOWN = 5


def build_query(
    searcher: Searcher,
    songs: Songs | Query | None,
    *,
    at: str | tuple[float, float] | None = None,
    per_part_of: Mapping[Part, Song] | None = None,
    model: str | Path | None = None,
) -> Query:
    """A query from songs as people name them.

    songs : a file, a track of the library (its path, or any part of its path or title that only
        it has), embeddings made by the same model, several of these, or a finished query.
    at : range of the one song that counts, as text (``"1:10-1:30"``) or in seconds.
    per_part_of : songs that single parts are taken from instead.
    model : ONNX file with which to hear files that are not in the library; None = shipped.

    Raises PartwiseError when a song is not found, cannot be heard or is ambiguous, and when the
    library holds nothing.
    """
    if searcher.store.count() == 0:
        raise PartwiseError(
            f"the library at {searcher.store.folder} holds no tracks yet:"
            " run `partwise index FOLDER`"
        )
    if isinstance(songs, Query):
        if at is not None or per_part_of:
            raise PartwiseError("a finished query takes no range and no songs for single parts")
        return songs
    if songs is None:
        listed = []
    elif isinstance(songs, (str, Path, PartEmbeddings)):
        listed = [songs]
    else:
        listed = list(songs)
    finder = _Finder(searcher, model)
    seeds = [finder.seed(song) for song in listed]
    part_seeds = {Part(part): finder.seed(song) for part, song in (per_part_of or {}).items()}
    if at is None:
        return Query.of(seeds, part_seeds)
    if len(seeds) != 1 or part_seeds:
        raise PartwiseError("a range of time belongs to one song: name exactly one")
    start_s, end_s = parse_range(at) if isinstance(at, str) else at
    return Query.of_passage(seeds[0], start_s, end_s)


class _Finder:
    """Finds songs, each once."""

    def __init__(self, searcher: Searcher, model: str | Path | None) -> None:
        self._searcher = searcher
        self._store = searcher.store
        self._model = model
        self._found: dict[str, Seed] = {}

    def seed(self, song: Song) -> Seed:
        if isinstance(song, PartEmbeddings):
            dim = song.embeddings.shape[-1]
            if dim != self._store.dim:
                raise PartwiseError(
                    f"these embeddings have {dim} dimensions per part, and those of the library"
                    f" at {self._store.folder} have {self._store.dim}"
                )
            return Seed.of(song, "the given embeddings")
        name = os.fspath(song)
        if name not in self._found:
            self._found[name] = self._named(name)
        return self._found[name]

    def _named(self, name: str) -> Seed:
        path = absolute(name)
        if os.path.isdir(path):
            raise PartwiseError(f"{shown(name)} is a folder: name a song in it")
        if os.path.exists(path):
            if not os.path.isfile(path):
                raise PartwiseError(f"{shown(name)} is not a regular file")
            track_id = self._track_of_file(path)
            return self._heard(path) if track_id is None else self._stored(track_id, name)
        track_id = self._store.find(name)
        if track_id is None:
            track = self._matching(name)
            return self._stored(track.track_id, track.paths[0])
        return self._stored(track_id, name)

    def _stored(self, track_id: str, name: str) -> Seed:
        segments = self._store.segments_of([track_id]).get(track_id)
        if segments is None:  # removed between two reads
            raise PartwiseError(f"{shown(name)} has just been removed from the library")
        return Seed.of(segments, shown(name), track_id)

    def _track_of_file(self, path: str) -> str | None:
        """The track with the content that the file has now; None when the library has none."""
        from partwise.paths import hash_content

        try:
            status = os.stat(path)
            track_id = None
            for row in self._store.rows_of_file(path):
                if (row.size, row.mtime_ns) == (status.st_size, status.st_mtime_ns):
                    track_id = row.content_hash
            if track_id is None:
                track_id = hash_content(path)
        except OSError as error:
            raise PartwiseError(
                f"{shown(path)}: {(error.strerror or str(error)).lower()}"
            ) from None
        return track_id if self._store.has(track_id) else None

    def _heard(self, path: str) -> Seed:
        """A file that is not in the library, embedded as the library's tracks were."""
        from partwise.embedding.encoder import load_encoder

        active = self._store.active
        encoder = load_encoder(self._model)
        if encoder.digest != active.digest:
            raise PartwiseError(
                f"{shown(path)} is not in the library, and cannot be compared with it: the library"
                f" was made by the model {active.digest}, and this is {encoder.digest};"
                " run `partwise index` with this model first, or name the other with --model"
            )
        return Seed.of(encoder.embed_file(path, active.segment_s, active.hop_s), shown(path))

    def _matching(self, text: str) -> Track:
        """The one track of the library with ``text`` in a path or title, ignoring case."""
        wanted = text.casefold()
        found = [
            track
            for track in self._searcher.catalogue.values()
            if wanted in (track.tags.title or "").casefold()
            or any(wanted in shown(path).casefold() for path in track.paths)
        ]
        if len(found) > 1:
            exact = [track for track in found if wanted in _names(track)]
            found = exact if len(exact) == 1 else found
        if not found:
            raise PartwiseError(
                f"{shown(text)} is no file, and no track of the library at {self._store.folder}"
                " has it in its path or title"
            )
        if len(found) > 1:
            lines = sorted(_label(track) for track in found)
            more = len(lines) - _CANDIDATES_SHOWN
            listing = "; ".join(lines[:_CANDIDATES_SHOWN]) + (
                f"; and {more} more" if more > 0 else ""
            )
            raise PartwiseError(f"{shown(text)} could be any of {len(found)} tracks: {listing}")
        return found[0]


def _names(track: Track) -> set[str]:
    """Whole names of a track in lower case: its title, its files' with and without ending."""
    names = {Path(path).name for path in track.paths} | {Path(path).stem for path in track.paths}
    return {shown(name).casefold() for name in names} | {(track.tags.title or "").casefold()}


def _label(track: Track) -> str:
    path = shown(track.paths[0])
    return f"{path} ({track.tags.title})" if track.tags.title else path
