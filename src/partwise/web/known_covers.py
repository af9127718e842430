"""Which tracks have a cover: looked up as far as an answer can wait, and the rest beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from partwise.library.media.covers import has_cover

# An answer spends at most this on looking at files that were never looked at.
ANSWER_S = 0.005
# Of one answer, only so many are looked at: those that a page shows.
MOST_SHOWN = 60
# Looking beside the answers takes at most this share of the time: searches come first.
LOOKING_SHARE = 0.1
# Then a file counts for so long as it was found: tags and folders change seldom.
FRESH_S = 600.0
_MOST_WAITING = 5000


class KnownCovers:
    """Remembers per track whether it has a cover."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, bool]] = {}
        self._waiting: dict[str, Path] = {}
        self._guard = threading.Lock()
        self._looking = False

    def of(self, tracks: Sequence[tuple[str, str | Path]]) -> set[str]:
        """The ids, of (id, path), that have a cover; one not looked at yet counts as having none.

        What there is no time for is looked at after the answer, so that the next one knows.
        """
        started = time.monotonic()
        found: set[str] = set()
        later: dict[str, Path] = {}
        for number, (track_id, path) in enumerate(tracks):
            known = self._known.get(track_id)
            if known is None and number >= MOST_SHOWN:
                continue
            if known is None and time.monotonic() - started < ANSWER_S:
                known = self._look(track_id, Path(path))
            if known is None or started - known[0] > FRESH_S:
                later[track_id] = Path(path)
            if known is not None and known[1]:
                found.add(track_id)
        if later:
            self._look_later(later)
        return found

    def _look(self, track_id: str, path: Path) -> tuple[float, bool]:
        known = (time.monotonic(), has_cover(path))
        self._known[track_id] = known
        return known

    def _look_later(self, tracks: dict[str, Path]) -> None:
        with self._guard:
            self._waiting.update(tracks)
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            if self._looking:
                return
            self._looking = True
        threading.Thread(target=self._work, name="covers", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._looking = False
                    return
                track_id = next(iter(self._waiting))
                path = self._waiting.pop(track_id)
            started = time.monotonic()
            self._look(track_id, path)
            time.sleep((time.monotonic() - started) * (1.0 / LOOKING_SHARE - 1.0))
