"""Slow work that several requests may want at once: done once, and dropped when nobody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# How often a waiting request looks whether its client is still there.
_LOOK_S = 0.25


class ClientGone(Exception):
    """The client left before the work was done."""


@dataclass
class _Task(Generic[T]):
    future: Future[T]
    stop: threading.Event
    waiting: int = 0


class SharedWork:
    """Two threads that work through what requests ask for.

    No more, because decoding is what they are used for, and the cores also answer searches; not
    one, because a wave is a matter of moments and need not wait for a copy of three hours.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="partwise-media")
        self._tasks: dict[str, _Task] = {}  # touched in the event loop's thread alone

    async def result(
        self,
        key: str,
        work: Callable[[threading.Event], T],
        client_gone: Callable[[], Awaitable[bool]],
    ) -> T:
        """What ``work`` returns; a second request with the same key waits for the same work.

        work : gets an event that is set once every client that waits has gone; it should then
            end early, with an exception. Raises ClientGone, and what ``work`` raises.
        """
        task = self._tasks.get(key)
        if task is None or task.stop.is_set():
            stop = threading.Event()
            task = self._tasks[key] = _Task(self._pool.submit(work, stop), stop)
        task.waiting += 1
        try:
            waiting = asyncio.wrap_future(task.future)
            waiting.add_done_callback(_seen)
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=_LOOK_S)
                if done:
                    return waiting.result()
                if await client_gone():
                    raise ClientGone
        finally:
            task.waiting -= 1
            if not task.waiting:
                task.stop.set()
                task.future.cancel()  # if it has not begun
                if self._tasks.get(key) is task:
                    del self._tasks[key]


def _seen(future: asyncio.Future) -> None:
    """Take note of an error that nobody waits for any more: asyncio would print it."""
    if not future.cancelled():
        future.exception()
