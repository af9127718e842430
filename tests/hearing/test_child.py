"""A child process, its limits, and what is said between it and its parent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from partwise.hearing.child import Child, Dead, Late, Limits, death_text, environment, pack, unpack

ECHO = """
import os
from partwise.hearing.child import Parent
parent = Parent()
print("noise")
while True:
    asked = parent.receive()
    parent.answer(nice=os.nice(0), **asked)
"""
POOL = """
import signal, subprocess, time
from concurrent.futures import ProcessPoolExecutor
from partwise.hearing.child import end_with_parent, ended_with_parent
if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored
    with ProcessPoolExecutor(3, initializer=end_with_parent) as pool:
        sleepers = [pool.submit(time.sleep, 600) for _ in range(2)]
        program = ["sh", "-c", "echo started; exec sleep 600"]
        pool.submit(subprocess.run, ended_with_parent(program))
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


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, for the program")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_pool_and_its_programs_end_with_the_parent(name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", POOL],
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"started\n"
            parent.send_signal(getattr(signal, name))
            parent.communicate(timeout=20)  # once all have ended that have the pipe open
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
    assert parent.returncode == -getattr(signal, name)
