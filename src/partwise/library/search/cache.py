"""What a search keeps in memory: made once, made anew when the tables have changed.

A command makes it before it answers. A server (``resident``) goes on answering from what it has
while a thread of its own reads what is new, so that nobody waits for an indexing run's writes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# A server looks for changes at most this often, and reads at most this share of the time.
LOOK_EVERY_S = 1.0
READING_SHARE = 0.02

# (digest of the model, versions of tables): the first decides whether old answers may be given.
Key = tuple[Any, ...]


class Same:
    """Part of a key: this very object, kept alive so that no other takes its place in memory."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._thing is self._thing

    __hash__ = None  # type: ignore[assignment]


@dataclass
class _Kept:
    key: Key
    value: Any
    looked_s: float
    wait_s: float = 0.0
    refreshing: bool = False


class Kept:
    """Values by name, each with the key that it was made for.

    resident : answer from the former value, of the same model, while the new one is made.
    """

    def __init__(self, resident: bool = False) -> None:
        self.resident = resident
        self._values: dict[str, _Kept] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, name: str, key: Callable[[], Key], make: Callable[[Any], Any]) -> Any:
        """The value called ``name``, up to date.

        key : reads the key of the moment. make : makes the value, given the former value of the
        same model, or None.
        """
        kept = self._values.get(name)
        if self.resident and kept is not None and time.monotonic() < kept.looked_s + LOOK_EVERY_S:
            return kept.value
        wanted = key()
        if kept is not None and kept.key == wanted:
            kept.looked_s = time.monotonic()
            return kept.value
        if self.resident and kept is not None and kept.key[0] == wanted[0]:
            self._refresh(name, kept, wanted, make)
            return kept.value
        with self._lock(name):  # the first one makes it, the others wait for it
            kept = self._values.get(name)
            if kept is None or kept.key != wanted:
                if kept is not None and kept.key[0] != wanted[0]:
                    self._values.pop(name)  # frees the old arrays before the new ones are read
                    kept = None
                former = kept.value if kept is not None else None
                kept = _Kept(wanted, make(former), time.monotonic())
                self._values[name] = kept
        return kept.value

    def _refresh(
        self, name: str, kept: _Kept, wanted: Key, make: Callable[[Any], Any]
    ) -> threading.Thread | None:
        with self._guard:
            if kept.refreshing or time.monotonic() < kept.looked_s + kept.wait_s:
                return None
            kept.refreshing = True
        worker = threading.Thread(
            target=self._make_anew, args=(name, kept, wanted, make), daemon=True
        )
        worker.start()
        return worker

    def _make_anew(self, name: str, kept: _Kept, wanted: Key, make: Callable[[Any], Any]) -> None:
        started = time.monotonic()
        try:
            value = make(kept.value)
        except Exception:  # a table that is being compacted or dropped: the next look tries again
            kept.refreshing, kept.wait_s = False, LOOK_EVERY_S
            kept.looked_s = time.monotonic()
            return
        now = time.monotonic()
        wait_s = (now - started) * (1.0 / READING_SHARE - 1.0)
        self._values[name] = _Kept(wanted, value, now, wait_s)

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())
