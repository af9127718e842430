"""A listening test as one SQLite file: its questions, their sounds, and all that is answered.

What is asked and heard is fixed when the file is made, so the test does not need the library any
more and every listener hears the same. Answers are written one transaction each, in SQLite's
write-ahead log: a crash loses none, and several people can listen at once.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from partwise import __version__
from partwise.audio.decode import RecordingError
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.tables.catalogue import existing
from partwise.parts import Part
from partwise.paths import hash_content
from partwise_lab.survey.sound import equally_loud, excerpt, level_check, to_flac
from partwise_lab.survey.trials import Place, Trial, clip_s, draw_trials

FORMAT = 1
ASPECTS = ("timbre", "rhythm", "melody")
ROLES = ("x", "a", "b")
_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE test (about TEXT NOT NULL, secret BLOB NOT NULL, level BLOB NOT NULL);
CREATE TABLE trials (
    trial INTEGER PRIMARY KEY, part TEXT NOT NULL, catch INTEGER NOT NULL,
    score_a REAL NOT NULL, score_b REAL NOT NULL
);
CREATE TABLE sounds (
    trial INTEGER NOT NULL REFERENCES trials, role TEXT NOT NULL, track_id TEXT NOT NULL,
    segment INTEGER NOT NULL, start_s REAL NOT NULL, end_s REAL NOT NULL, flac BLOB NOT NULL,
    PRIMARY KEY (trial, role)
);
CREATE TABLE listeners (
    listener TEXT PRIMARY KEY, code_hash TEXT NOT NULL UNIQUE, name TEXT, agreed_at TEXT NOT NULL,
    level_set_at TEXT
);
CREATE TABLE answers (
    listener TEXT NOT NULL REFERENCES listeners ON DELETE CASCADE,
    trial INTEGER NOT NULL REFERENCES trials,
    total TEXT NOT NULL, timbre TEXT, rhythm TEXT, melody TEXT,
    swapped INTEGER NOT NULL, choice_time_ms INTEGER NOT NULL,
    plays_x INTEGER NOT NULL, plays_a INTEGER NOT NULL, plays_b INTEGER NOT NULL,
    answered_at TEXT NOT NULL,
    PRIMARY KEY (listener, trial)
);
"""


@dataclass(frozen=True)
class About:
    """What is fixed for the whole test. aspects : asked for besides the whole, of ``ASPECTS``."""

    test_id: str
    made_at: str
    partwise: str
    model: str
    seed: int
    parts: tuple[Part, ...]
    aspects: tuple[str, ...]
    clip_s: float
    format: int = FORMAT


class TestFile:
    """An existing test. Raises PartwiseError when ``path`` is none, or one of a newer partwise."""

    __test__ = False  # not one of pytest's

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise PartwiseError(f"there is no listening test at {path}")
        try:
            with self.connect() as connection:
                text, self.secret, self._level = connection.execute("SELECT * FROM test").fetchone()
                about = json.loads(text)
                rows = connection.execute("SELECT * FROM trials ORDER BY trial").fetchall()
                sounds = connection.execute(
                    "SELECT trial, role, track_id, segment, start_s, end_s FROM sounds"
                ).fetchall()
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise PartwiseError(f"{path} is no listening test: {error}") from None
        if about["format"] != FORMAT:
            raise PartwiseError(
                f"{path} is a listening test of partwise {about['partwise']}, which has another "
                "format: use that version"
            )
        about["parts"] = tuple(Part(name) for name in about["parts"])
        about["aspects"] = tuple(about["aspects"])
        self.about = About(**about)
        places = {(trial, role): Place(*place) for trial, role, *place in sounds}
        self.trials: list[Trial] = []
        for number, part, catch, score_a, score_b in rows:
            x, a, b = (places[number, role] for role in ROLES)
            self.trials.append(Trial(Part(part), bool(catch), x, a, b, score_a, score_b))

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection whose block is one transaction: all of it is kept, or nothing."""
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # who withdraws is gone from the disk
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        finally:
            connection.close()

    def flac(self, trial: int, role: str) -> bytes:
        """The sound of X, A or B of a trial."""
        with self.connect() as connection:
            return connection.execute(
                "SELECT flac FROM sounds WHERE trial = ? AND role = ?", (trial, role)
            ).fetchone()[0]

    def level_flac(self) -> bytes:
        """The sound to set the volume by."""
        return self._level


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Writes of the block take effect together; waits for other writers."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def make_test(
    path: Path,
    library: Library,
    parts: Sequence[Part],
    count: int,
    *,
    seed: int = 0,
    aspects: Sequence[str] = (),
    progress: Callable[[float, float], object] = lambda done, total: None,
) -> TestFile:
    """Draw a test and cut its sounds; the file is there when all of it is.

    Songs that cannot be heard as they were indexed are left out, and others drawn in their place.
    Raises PartwiseError as ``draw_trials`` does, for unknown aspects, and where nothing can be
    written.
    """
    if unknown := [name for name in aspects if name not in ASPECTS]:
        raise PartwiseError(f"unknown aspect {unknown[0]!r}: choose from {', '.join(ASPECTS)}")
    sounds: dict[Place, np.ndarray] = {}
    lost: set[str] = set()
    while True:
        trials = draw_trials(library, parts, count, seed=seed, without=lost)
        places = dict.fromkeys(place for t in trials for place in (t.x, t.a, t.b))
        for number, place in enumerate(places):
            progress(number, len(places))
            if place not in sounds:
                try:
                    sounds[place] = excerpt(
                        _file_of(library, place.track_id), place.start_s, place.end_s
                    )
                except (RecordingError, OSError):
                    lost.add(place.track_id)
        if not lost & {place.track_id for place in places}:
            break
    about = About(
        test_id=secrets.token_hex(4),
        made_at=now_text(),
        partwise=__version__,
        model=library.store.digest,
        seed=seed,
        parts=tuple(parts),
        aspects=tuple(aspects),
        clip_s=clip_s(library.store.active.segment_s),
    )
    try:
        _write(path, about, trials, sounds)
    except (OSError, sqlite3.Error) as error:
        raise PartwiseError(f"the test {path} cannot be written: {error}") from None
    return TestFile(path)


def _write(
    path: Path, about: About, trials: Sequence[Trial], sounds: dict[Place, np.ndarray]
) -> None:
    temporary = path.parent / f".{path.name[:40]}.{os.getpid()}.{secrets.token_hex(4)}"
    connection = sqlite3.connect(temporary, isolation_level=None)
    try:
        connection.executescript(_SCHEMA)
        with transaction(connection):
            connection.execute(
                "INSERT INTO test VALUES (?, ?, ?)",
                (json.dumps(asdict(about)), secrets.token_bytes(32), to_flac(level_check())),
            )
            for number, trial in enumerate(trials):
                connection.execute(
                    "INSERT INTO trials VALUES (?, ?, ?, ?, ?)",
                    (number, trial.part, trial.catch, trial.score_a, trial.score_b),
                )
                places = (trial.x, trial.a, trial.b)
                clips = equally_loud([sounds[place] for place in places])
                connection.executemany(
                    "INSERT INTO sounds VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (number, role, *astuple(place), to_flac(clip))
                        for role, place, clip in zip(ROLES, places, clips, strict=True)
                    ],
                )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        os.replace(temporary, path)
    except BaseException:
        connection.close()
        with suppress(OSError):
            temporary.unlink()
        raise


def _file_of(library: Library, track_id: str) -> Path:
    """A file that still holds what was indexed. Raises FileNotFoundError."""
    for path in existing(library.catalogue[track_id].paths):
        if hash_content(path) == track_id:
            return Path(path)
    raise FileNotFoundError(track_id)


def now_text() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
