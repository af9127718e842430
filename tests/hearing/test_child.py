"""A child process, its limits, and what is said between it and its parent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from partwise.hearing.child import Child, Dead, Late, Limits, death_text, pack, unpack

ECHO = """
import os
from partwise.hearing.child import Parent
parent = Parent()
print("noise")
while True:
    asked = parent.receive()
    parent.answer(nice=os.nice(0), **asked)
"""
Start = Any  # program, limits -> Child


@pytest.fixture
def start() -> Iterator[Start]:
    children: list[Child] = []

    def run(program: str, limits: Limits = Limits()) -> Child:
        children.append(Child(program, limits))
        return children[-1]

    yield run
    for child in children:
        child.end()


def test_messages_are_json_and_arrays() -> None:
    message = {"a": [1, None, "ü\udce9"], "b": np.eye(3, dtype=np.float32), "c": np.zeros((0, 5))}
    back = unpack(pack(message))
    assert back["a"] == message["a"]
    for name in ("b", "c"):
        assert back[name].dtype == message[name].dtype  # type: ignore[union-attr]
        np.testing.assert_array_equal(back[name], message[name])
    with pytest.raises((ValueError, TypeError)):
        unpack(pack({"objects": np.array([print], object)}))


def test_a_conversation_and_its_end(start: Start) -> None:
    child = start(ECHO, Limits(nice=3))
    for number in range(3):
        child.tell(number=number, array=np.full(200_000, number))
        answer = child.answer()
        assert (answer["number"], answer["nice"]) == (number, os.nice(0) + 3)
        assert answer["array"].sum() == 200_000 * number
    with pytest.raises(Late):
        child.answer(time.monotonic() + 0.1)
    threading.Timer(0.2, child.kill).start()
    with pytest.raises(Dead):
        child.answer()
    assert death_text(child.death()) == "SIGKILL"
    assert child.last_words() == "noise"


def test_nobody_waits_any_more(start: Start) -> None:
    gone = threading.Event()
    threading.Timer(0.2, gone.set).start()
    with pytest.raises(Late):
        start("import time; time.sleep(60)").answer(gone=gone)


@pytest.mark.parametrize(
    ("program", "limits", "death"),
    [
        ("from partwise.hearing.child import Parent; Parent(); bytearray(4 << 30)", 2 << 30, "1"),
        ("raise SystemExit(3)", 0, "3"),
    ],
)
def test_a_death_has_a_name(start: Start, program: str, limits: int, death: str) -> None:
    child = start(program, Limits(memory_bytes=limits))
    with pytest.raises(Dead):
        child.answer()
    assert death_text(child.death()) == f"exit status {death}"


def test_an_answer_that_is_too_large_is_no_answer(start: Start) -> None:
    child = start(ECHO, Limits(file_bytes=1 << 20))
    child.tell(array=np.zeros(1 << 20))
    with pytest.raises(Dead):
        child.answer()
