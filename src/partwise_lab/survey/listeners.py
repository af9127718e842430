"""The people who take part: who they are to the test (nobody), in what order they are asked, and
what they answered.

A listener is a random number. The code that the browser keeps in a cookie, and with which one can
go on elsewhere, is stored as a hash only. Order and sides are drawn from the listener's number, so
they need not be stored to be the same after an interruption.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from partwise.errors import PartwiseError
from partwise_lab.survey.testfile import ASPECTS, TestFile, now_text, transaction

CHOICES = ("A+", "A-", "B-", "B+")
NAME_LENGTH = 40
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that can be taken for another
_CODE_LENGTH = 12  # 58 bits
_LONGEST_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Listener:
    """Someone who agreed to take part. level_set : whether the volume has been set."""

    listener: str
    name: str | None
    level_set: bool


@dataclass(frozen=True)
class Turn:
    """A trial as one listener meets it.

    trial : its number in the test. swapped : A is heard as B and B as A.
    number, of : the how manieth of how many, from 1.
    """

    trial: int
    swapped: bool
    number: int
    of: int


@dataclass(frozen=True)
class Said:
    """An answer as the listener saw the sides.

    choices : "total" and perhaps aspects -> one of ``CHOICES``. plays : of X, A and B.
    """

    choices: Mapping[str, str]
    choice_time_ms: int
    plays: tuple[int, int, int]


def join(test: TestFile, name: str | None = None) -> tuple[Listener, str]:
    """Someone agrees and takes part; also the code with which to come back."""
    listener = Listener(secrets.token_hex(6), (name or "").strip()[:NAME_LENGTH] or None, False)
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    with test.connect() as connection, transaction(connection):
        connection.execute(
            "INSERT INTO listeners VALUES (?, ?, ?, ?, NULL)",
            (listener.listener, _hash(code), listener.name, now_text()),
        )
    return listener, code


def come_back(test: TestFile, code: str) -> Listener | None:
    """Who has this code; None for nobody."""
    with test.connect() as connection:
        found = connection.execute(
            "SELECT listener, name, level_set_at FROM listeners WHERE code_hash = ?",
            (_hash(code),),
        ).fetchone()
    return Listener(found[0], found[1], found[2] is not None) if found else None


def _hash(code: str) -> str:
    return hashlib.sha256(plain_code(code).encode()).hexdigest()


def plain_code(code: str) -> str:
    """A code as it was made, however it was typed."""
    return "".join(c for c in code.upper() if c in _LETTERS)


def shown_code(code: str) -> str:
    """A plain code in groups of four, to be written down."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def set_level(test: TestFile, listener: Listener) -> None:
    """The listener has set the volume."""
    with test.connect() as connection, transaction(connection):
        connection.execute(
            "UPDATE listeners SET level_set_at = ? WHERE listener = ?",
            (now_text(), listener.listener),
        )


def withdraw(test: TestFile, listener: Listener) -> None:
    """Delete a listener and all answers, also from what lies on the disk."""
    with test.connect() as connection:
        with transaction(connection):
            connection.execute("DELETE FROM listeners WHERE listener = ?", (listener.listener,))
        # The write-ahead log still holds them until it is folded into the file.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def questions(test: TestFile, listener: Listener) -> list[Turn]:
    """All questions in this listener's order: part after part, parts and questions shuffled."""
    draw = random.Random(f"{test.about.test_id} {listener.listener}")
    parts = list(test.about.parts)
    draw.shuffle(parts)
    order = list(range(len(test.trials)))
    draw.shuffle(order)
    order.sort(key=lambda trial: parts.index(test.trials[trial].part))
    of = len(order)
    return [Turn(t, draw.random() < 0.5, number + 1, of) for number, t in enumerate(order)]


def next_question(test: TestFile, listener: Listener) -> Turn | None:
    """The first that is not answered; None when all are."""
    with test.connect() as connection:
        rows = connection.execute(
            "SELECT trial FROM answers WHERE listener = ?", (listener.listener,)
        )
        answered = {trial for (trial,) in rows}
    return next((q for q in questions(test, listener) if q.trial not in answered), None)


def token(test: TestFile, listener: Listener, trial: int, what: str) -> str:
    """An address part that tells nothing: of a question, or of what is heard in one."""
    message = f"{listener.listener} {trial} {what}".encode()
    return hmac.new(test.secret, message, hashlib.sha256).hexdigest()[:32]


def keep_answer(test: TestFile, listener: Listener, turn: Turn, said: Said) -> bool:
    """Store an answer, A and B as in the test; False if the question had been answered before.

    Raises PartwiseError for an answer that is incomplete or makes no sense.
    """
    _check(test, said)
    choices = {
        aspect: _turned(choice) if turn.swapped else choice
        for aspect, choice in said.choices.items()
    }
    plays_x, *plays = said.plays
    if turn.swapped:
        plays.reverse()
    row = (
        listener.listener,
        turn.trial,
        choices["total"],
        *(choices.get(aspect) for aspect in ASPECTS),
        turn.swapped,
        said.choice_time_ms,
        plays_x,
        *plays,
        now_text(),
    )
    with test.connect() as connection, transaction(connection):
        try:
            done = connection.execute(
                f"INSERT INTO answers VALUES ({', '.join('?' * len(row))}) "
                "ON CONFLICT (listener, trial) DO NOTHING",
                row,
            )
        except sqlite3.IntegrityError:  # withdrawn in another window
            raise PartwiseError("you have withdrawn from this test: nothing was stored") from None
    return done.rowcount == 1


def _check(test: TestFile, said: Said) -> None:
    for aspect in ("total", *test.about.aspects):
        if said.choices.get(aspect) not in CHOICES:
            raise PartwiseError("please choose one of the four answers to each question")
    if unknown := set(said.choices) - {"total", *test.about.aspects}:
        raise PartwiseError(f"this test does not ask for {min(unknown)}")
    if min(said.plays) < 1:
        raise PartwiseError("please listen to X, A and B before you answer")
    if not 0 <= said.choice_time_ms <= _LONGEST_MS or max(said.plays) > 10_000:
        raise PartwiseError("the times or counts that the page sent make no sense")


def _turned(choice: str) -> str:
    return {"A": "B", "B": "A"}[choice[0]] + choice[1]
