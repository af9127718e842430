"""Which tracks may be hits: those for which a condition in SQL holds, by some artists or by none.

A condition is over what files say of themselves (``FILTER_COLUMNS``) and over what was heard in
them: for each part ``has_piano`` (it can be heard in the track as a whole), ``presence_piano`` (how
surely, 0 to 1) and ``enters_piano`` (the second at which the first segment with it starts, null
where there is none). Those are read only when a condition names them.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.search.matcher import name_key
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS
from partwise.paths import path_to_text

if TYPE_CHECKING:
    from lancedb.table import Table

    from partwise.library.search.heard import Heard
    from partwise.library.search.options import SearchOptions

FILTER_COLUMNS = ("title", "artist", "album", "year", "genre", "duration_s", "path")
# Columns of what was heard by their names: the kind (see ``Heard.column``) and the part's place.
HEARD_COLUMNS = {
    f"{kind}_{part}": (kind, part.index) for kind in ("has", "presence", "enters") for part in PARTS
}
_KNOWN_TEXT = f"{', '.join(FILTER_COLUMNS)} and has_, presence_ or enters_ with a part"
# Faders ask the same condition again and again.
_KEPT_ANSWERS, _KEPT_TABLES = 16, 4
# SQL text, piece by piece; ``odd`` is what can hide the rest or makes LanceDB panic: comments,
# placeholders, strings of another notation.
_SQL_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|(?P<odd>--|/\*|[$?]|\b[bnr]['"])|\w+|\S""",
    re.IGNORECASE,
)
_DISC = re.compile(r"(?i)(cd|dis[ck])\W*\d+")

# Tracks by id, each with the files that may stand for it.
Chosen = dict[str, tuple[str, ...]]


class Conditions:
    """Chooses among the tracks of one catalogue.

    heard : makes, when a condition first asks for it, what is heard in the tracks of these ids;
    None where nothing but ``FILTER_COLUMNS`` is known.
    """

    def __init__(
        self,
        catalogue: Mapping[str, Track],
        heard: Callable[[list[str]], Heard] | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._make_heard = heard
        self._guard = threading.Lock()
        self._tables: dict[frozenset[str], tuple[Table, Table]] = {}
        self._answers: dict[str, Chosen] = {}

    def select(self, where: str) -> Chosen:
        """The tracks that satisfy a condition, each with the files that do.

        where : SQL as LanceDB takes it, over ``FILTER_COLUMNS`` (``path`` is text as in
        ``paths.path_to_text``) and ``HEARD_COLUMNS``. However Unicode writes a letter, it is the
        same letter.

        Raises PartwiseError when it is no such condition.
        """
        where = _composed(where)
        check_one_piece(where)
        with self._guard:
            if where not in self._answers:
                _make_room(self._answers, _KEPT_ANSWERS)
                self._answers[where] = self._select(where)
            return self._answers[where]

    def chosen(self, options: SearchOptions) -> Chosen | None:
        """The tracks that may be hits; None for all.

        Raises PartwiseError for a condition that makes no sense.
        """
        chosen = None if options.where is None else self.select(options.where)
        among = options.among
        if options.artists:
            found = self.by_artists(options.artists)
            among = found if among is None else found.intersection(among)
        out = self.by_artists(options.not_artists)
        if chosen is None:
            if among is None and not out:
                return None
            chosen = {one: track.paths for one, track in self.catalogue.items()}
        return {
            one: paths
            for one, paths in chosen.items()
            if one not in out and (among is None or one in among)
        }

    def by_artists(self, names: Collection[str]) -> set[str]:
        """Ids of the tracks by any of these artists (``Tags.artists``), in any case and accents."""
        return {one for name in names for one in self._by_artist.get(name_key(name), ())}

    @cached_property
    def _by_artist(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for track_id, track in self.catalogue.items():
            for artist in track.tags.artists:
                found.setdefault(name_key(artist), []).append(track_id)
        return found

    @cached_property
    def _files(self) -> list[tuple[Track, str]]:
        return [(track, path) for track in self.catalogue.values() for path in track.paths]

    @cached_property
    def _heard(self) -> Heard | None:
        return None if self._make_heard is None else self._make_heard(list(self.catalogue))

    @cached_property
    def _known(self) -> dict[str, Any]:
        """The columns ``FILTER_COLUMNS``, a row for each file, and its number."""
        import pyarrow as pa

        tags = [track.tags for track, _ in self._files]
        texts = ("title", "artist", "album", "genre")
        durations_s = [track.duration_s for track, _ in self._files]
        return {
            **{
                name: pa.array(
                    [_composed(getattr(one, name) or "") or None for one in tags], pa.string()
                )
                for name in texts
            },
            "year": pa.array([one.year for one in tags], pa.int32()),
            "duration_s": pa.array(durations_s, pa.float64()),
            "path": pa.array(
                [_composed(path_to_text(path)) for _, path in self._files], pa.string()
            ),
            "_file": pa.array(range(len(self._files)), pa.int64()),
        }

    def _tables_for(self, where: str) -> tuple[Table, Table]:
        """An empty table and that of all files, with what the condition is about.

        Tables in memory: the condition means exactly what it means to LanceDB, and can name the
        path, which the tables on disk keep apart from the tags.
        """
        import lancedb
        import pyarrow as pa

        named = {token[0].strip('"`').lower() for token in _SQL_TOKENS.finditer(where)}
        columns = frozenset(named & HEARD_COLUMNS.keys())
        if columns not in self._tables:
            rows = {track_id: row for row, track_id in enumerate(self.catalogue)}
            owners = np.array([rows[track.track_id] for track, _ in self._files], np.int64)
            heard: dict[str, Any] = {}
            if columns and (told := self._heard) is not None:
                for name in sorted(columns):
                    kind, part = HEARD_COLUMNS[name]
                    values = told.column(kind)[owners, part]
                    heard[name] = pa.array(values, from_pandas=True)  # NaN is null
            table = pa.table({**self._known, **heard})
            memory = lancedb.connect("memory://")
            empty = memory.create_table("empty", schema=table.schema)
            _make_room(self._tables, _KEPT_TABLES)
            self._tables[columns] = empty, memory.create_table("files", table)
        return self._tables[columns]

    def _select(self, where: str) -> Chosen:
        empty, files = self._tables_for(where)
        try:
            empty.search().where(where).to_arrow()
            # LanceDB reads one expression and ignores what follows it, but not between brackets.
            found = files.search().where(f"({where})").select(["_file"]).to_arrow()
        except Exception as error:  # a ValueError or RuntimeError with a Rust message
            rest = _ignored(empty, where)
            raise _refusal(where, f"what is {rest!r}?" if rest else _cause(str(error))) from None
        chosen: dict[str, tuple[str, ...]] = {}
        for number in sorted(found.column("_file").to_pylist()):
            track, path = self._files[number]
            chosen[track.track_id] = (*chosen.get(track.track_id, ()), path)
        return chosen


def album_key(track: Track) -> tuple[str, str] | None:
    """The same for tracks of one album; None for a track of none.

    Many albums are called "Live" or "Greatest Hits": one is the tracks of that name in one folder,
    or in one folder for each disc. Who sings does not count: in a DJ's mix it is somebody else each
    time.
    """
    if not track.tags.album:
        return None
    folder, last = os.path.split(os.path.dirname(track.paths[0]))
    return name_key(track.tags.album), folder if _DISC.fullmatch(last) else f"{folder}/{last}"


def check_one_piece(where: str) -> None:
    """Raise PartwiseError when brackets around ``where`` would not hold all of it."""
    depth = 0
    for token in _SQL_TOKENS.finditer(where):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0 or token["odd"]:
            raise _refusal(where, f"what is {where[token.start() :]!r}?")


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _ignored(empty: Table, where: str) -> str:
    """What follows the condition that LanceDB takes ``where`` for; nothing when it takes none."""

    def taken(condition: str) -> bool:
        try:
            empty.search().where(condition).to_arrow()
        except Exception:
            return False
        return True

    if not taken(where):
        return ""
    ends = [*(token.start() for token in _SQL_TOKENS.finditer(where)), len(where)]
    return next((where[end:] for end in reversed(ends) if taken(f"({where[:end]})")), "")


def _refusal(where: str, why: str) -> PartwiseError:
    return PartwiseError(f"--where {where!r} is not a condition over {_KNOWN_TEXT}: {why}")


def _cause(message: str) -> str:
    """The telling part of LanceDB's message, on one line, without source locations."""
    line = " ".join(message.split())
    for prefix in ("Invalid input, ", "lance error: ", "Schema error: ", "Invalid user input: "):
        line = line.removeprefix(prefix)
    line = line.split(" Valid fields are")[0].split(", /")[0]
    if "sql parser error: " in line:
        line = line.split("sql parser error: ", 1)[1].removesuffix(")")
    return line.rstrip(". ")
