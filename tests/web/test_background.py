"""Work beside the answers: what several requests wait for, and covers."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from partwise.web import background
from partwise.web.background import KnownCovers, SharedWork
from partwise.web.responses import ClientGone

TRACKS = [("a", Path("/music/a.mp3")), ("b", Path("/music/b.mp3")), ("c", Path("/music/c.mp3"))]


def test_what_there_is_no_time_for_is_known_the_next_time(monkeypatch: pytest.MonkeyPatch):
    def slow(path: Path) -> bool:
        time.sleep(0.05)
        return path.stem != "b"

    monkeypatch.setattr(background, "has_cover", slow)
    covers = KnownCovers()
    assert covers.of(TRACKS) == {"a"}  # after the first, the time is up
    until_s = time.monotonic() + 5
    while covers.of(TRACKS) != {"a", "c"} and time.monotonic() < until_s:
        time.sleep(0.02)
    assert covers.of(TRACKS) == {"a", "c"}


def test_what_was_found_long_ago_is_looked_at_again(monkeypatch: pytest.MonkeyPatch):
    has = {"value": True}
    monkeypatch.setattr(background, "has_cover", lambda path: has["value"])
    monkeypatch.setattr(background, "FRESH_S", 0.0)
    covers = KnownCovers()
    assert covers.of(TRACKS) == {"a", "b", "c"}
    has["value"] = False
    until_s = time.monotonic() + 5
    while covers.of(TRACKS) and time.monotonic() < until_s:
        time.sleep(0.02)
    assert covers.of(TRACKS) == set()


# --- shared work


async def _here() -> bool:
    return False


async def _gone() -> bool:
    return True


def test_two_requests_share_the_work() -> None:
    calls = []
    begin = threading.Event()

    def work(stop: threading.Event) -> str:
        calls.append(stop)
        begin.wait(10)
        return "done"

    async def both() -> list[str]:
        shared = SharedWork()
        tasks = [asyncio.create_task(shared.result("a", work, _here)) for _ in range(2)]
        await asyncio.sleep(0.05)
        begin.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(both()) == ["done", "done"]
    assert len(calls) == 1


def test_work_goes_on_while_one_client_waits_and_ends_with_the_last() -> None:
    stopped = threading.Event()

    def work(stop: threading.Event) -> str:
        if stop.wait(10):
            stopped.set()
            raise ClientGone
        return "done"

    async def run() -> None:
        shared = SharedWork()
        staying = asyncio.create_task(shared.result("a", work, _here))
        leaving = asyncio.create_task(shared.result("a", work, _gone))
        with pytest.raises(ClientGone):
            await leaving
        assert not stopped.is_set() and not staying.done()
        staying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staying
        await asyncio.to_thread(stopped.wait, 10)

    asyncio.run(run())
    assert stopped.is_set()


def test_what_goes_wrong_reaches_everyone_who_waits() -> None:
    def work(stop: threading.Event) -> str:
        raise ValueError("no")

    async def both() -> list[object]:
        shared = SharedWork()
        tasks = [shared.result("a", work, _here) for _ in range(2)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(error) for error in asyncio.run(both())] == ["no", "no"]
