"""What is known of each track besides its sound: files, tags and length, and filters over them."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.tables.ledger import State
from partwise.paths import is_there, path_to_text, shown, text_to_path

if TYPE_CHECKING:
    from lancedb.table import Table

    from partwise.library.tables.reader import Store

FILTER_COLUMNS = ("title", "artist", "album", "year", "duration_s", "path")
# SQL text, piece by piece; ``odd`` is what can hide the rest or makes LanceDB panic: comments,
# placeholders, strings of another notation.
_SQL_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|(?P<odd>--|/\*|[$?]|\b[bnr]['"])|\w+|\S""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Track:
    """One track: its files as the last run saw them, its tags, and its length in seconds."""

    track_id: str
    paths: tuple[str, ...]
    tags: Tags
    duration_s: float

    @property
    def title(self) -> str:
        """From the tags, else the file's name without its ending, printable."""
        return self.tags.title or shown(Path(self.paths[0]).stem)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """``paths`` as objects, made once: answers of hundreds of tracks share them."""
        return tuple(map(Path, self.paths))

    def to_json(self) -> dict[str, Any]:
        """Plain values, by the names of the HTTP API; paths as in ``paths.path_to_text``."""
        return {
            "track_id": self.track_id,
            **vars(self.tags),
            "title": self.title,
            "duration_s": self.duration_s,
            "paths": [path_to_text(path) for path in self.paths],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Track:
        """The reverse of ``to_json``."""
        paths = tuple(text_to_path(path) for path in value["paths"])
        # A title that is only the file's name is none of the tags.
        named = bool(paths) and value["title"] == shown(Path(paths[0]).stem)
        title = None if named else value["title"]
        tags = Tags(title, value["artist"], value["album"], value["year"])
        return cls(value["track_id"], paths, tags, value["duration_s"])


def read_catalogue(store: Store, state: State = State.INDEXED) -> dict[str, Track]:
    """The tracks of the active model that have a file in some state, by id."""
    columns = store.about_tracks().values()
    paths = store.live_paths(state)
    return {
        track_id: Track(track_id, tuple(paths[track_id]), Tags(*tags), duration_s)
        for track_id, duration_s, *tags in zip(*columns, strict=True)
        if track_id in paths
    }


def select(catalogue: Mapping[str, Track], where: str) -> dict[str, tuple[str, ...]]:
    """The tracks that satisfy a condition, each with the files that do.

    where : SQL as LanceDB takes it, over ``FILTER_COLUMNS`` (``path`` is text as in
    ``paths.path_to_text``). However Unicode writes a letter, it is the same letter.

    Raises PartwiseError when it is no such condition.
    """
    import lancedb
    import pyarrow as pa

    where = _composed(where)
    check_one_piece(where)
    files = [(track, path) for track in catalogue.values() for path in track.paths]
    table = pa.table(
        {
            **{
                name: pa.array(
                    [_composed(getattr(track.tags, name) or "") or None for track, _ in files],
                    pa.string(),
                )
                for name in ("title", "artist", "album")
            },
            "year": pa.array([track.tags.year for track, _ in files], pa.int32()),
            "duration_s": pa.array([track.duration_s for track, _ in files], pa.float64()),
            "path": pa.array([_composed(path_to_text(path)) for _, path in files], pa.string()),
            "_file": pa.array(range(len(files)), pa.int64()),
        }
    )
    # Tables in memory: the condition means exactly what it means to LanceDB, and can name the
    # path, which the tables on disk keep apart from the tags.
    memory = lancedb.connect("memory://")
    empty = memory.create_table("empty", schema=table.schema)
    files_table = memory.create_table("files", table)
    try:
        empty.search().where(where).to_arrow()
        # LanceDB reads one expression and ignores what follows it, but not between brackets.
        found = files_table.search().where(f"({where})").select(["_file"]).to_arrow()
    except Exception as error:  # a ValueError or RuntimeError with a Rust message
        rest = _ignored(empty, where)
        raise _refusal(where, f"what is {rest!r}?" if rest else _cause(str(error))) from None
    chosen: dict[str, tuple[str, ...]] = {}
    for number in sorted(found.column("_file").to_pylist()):
        track, path = files[number]
        chosen[track.track_id] = (*chosen.get(track.track_id, ()), path)
    return chosen


def check_one_piece(where: str) -> None:
    """Raise PartwiseError when brackets around ``where`` would not hold all of it."""
    depth = 0
    for token in _SQL_TOKENS.finditer(where):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0 or token["odd"]:
            raise _refusal(where, f"what is {where[token.start() :]!r}?")


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
    return PartwiseError(
        f"--where {where!r} is not a condition over {', '.join(FILTER_COLUMNS)}: {why}"
    )


def _cause(message: str) -> str:
    """The telling part of LanceDB's message, on one line, without source locations."""
    line = " ".join(message.split())
    for prefix in ("Invalid input, ", "lance error: ", "Schema error: ", "Invalid user input: "):
        line = line.removeprefix(prefix)
    line = line.split(" Valid fields are")[0].split(", /")[0]
    if "sql parser error: " in line:
        line = line.split("sql parser error: ", 1)[1].removesuffix(")")
    return line.rstrip(". ")


def existing(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those files that are there now; the ledger tells only what the last run saw.

    Of songs on a server nothing else tells, so these are there.
    """
    return tuple(filter(is_there, paths))


class Existing:
    """``existing``, asking the disk about a file once in a while only.

    A server answers with hundreds of files at a time: asking about each lets another thread go
    first each time, and sixteen such answers would wait for one another for a second.
    """

    def __init__(self, fresh_s: float = 20.0) -> None:
        self._fresh_s = fresh_s
        self._known: dict[str, tuple[float, bool]] = {}

    def __call__(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        now_s = time.monotonic()
        return tuple(path for path in paths if self._there(path, now_s))

    def _there(self, path: str, now_s: float) -> bool:
        known = self._known.get(path)
        if known is None or now_s > known[0]:
            known = (now_s + self._fresh_s, is_there(path))
            self._known[path] = known
        return known[1]
