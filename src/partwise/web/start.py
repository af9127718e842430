"""The first screen of a library: a song by chance, what was added last, questions to begin with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from heapq import nlargest

import numpy as np

from partwise.library.library import Library
from partwise.library.search.cache import Kept
from partwise.library.stores.rows import vectors_of
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS, Part

RECENT = 6
# Enough to find songs that have this part or that.
_DRAWN = 24
# A song by chance should leave something to ask for.
_MANY_PARTS = 3


@dataclass(frozen=True)
class Example:
    """A question to begin with. address : what stands behind the # of its link."""

    label: str
    songs: str
    address: str


@dataclass(frozen=True)
class Start:
    """What the first screen offers. chance : None where nothing can be heard in any song."""

    chance: Track | None
    recent: list[Track]
    examples: list[Example]


class FirstScreen:
    """Makes the first screen of one library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept = Kept(resident=True)

    def draw(self) -> Start:
        """Another song by chance, and other examples, each time; empty without a library."""
        catalogue = self._library.catalogue if self._library.exists else {}
        if not catalogue:
            return Start(None, [], [])
        drawn = random.sample(list(catalogue.values()), min(_DRAWN, len(catalogue)))
        parts = self._parts_of([track.track_id for track in drawn])
        heard = [track for track in drawn if parts.get(track.track_id)]
        full = [track for track in heard if len(parts[track.track_id]) >= _MANY_PARTS]
        chance = next(iter(full or heard), None)
        recent = [catalogue[one] for one in self._recent() if one in catalogue]
        return Start(chance, recent[:RECENT], examples(heard[::-1], parts))

    def _parts_of(self, track_ids: list[str]) -> dict[str, tuple[Part, ...]]:
        rows = self._library.store.tracks.fetch(track_ids, ["track_id", "vector"])
        present = np.asarray(vectors_of(rows).any(axis=-1))  # [rows, parts]
        return {
            track_id: tuple(PARTS[part] for part in np.flatnonzero(heard))
            for track_id, heard in zip(rows.column("track_id").to_pylist(), present, strict=True)
        }

    def _recent(self) -> list[str]:
        """Ids of the tracks whose content was first met last, the newest first."""
        store = self._library.store
        return self._kept.get(
            "recent", lambda: store.state("tracks", "ledger"), lambda _: self._newest()
        )

    def _newest(self) -> list[str]:
        first_met: dict[str, float] = {}
        for row in self._library.store.ledger().values():
            if row.content_hash is not None:
                before = first_met.get(row.content_hash, row.updated_at)
                first_met[row.content_hash] = min(before, row.updated_at)
        # Some more than are shown: files may be gone.
        return nlargest(4 * RECENT, first_met, key=lambda one: (first_met[one], one))


def examples(tracks: list[Track], parts: dict[str, tuple[Part, ...]]) -> list[Example]:
    """Questions of different kinds, each about a song that has the parts it needs."""

    def having(part: Part, others: tuple[Track, ...] = ()) -> Track | None:
        fit = (track for track in tracks if part in parts[track.track_id] and track not in others)
        return next(fit, None)

    found: list[Example] = []
    if drums := having(Part.DRUMS):
        address = f"songs={drums.track_id}&solo=drums"
        found.append(Example("Same drums, everything else free", drums.title, address))
    used = tuple(example for example in (drums,) if example)
    if piano := having(Part.PIANO, used):
        address = f"songs={piano.track_id}&mute=drums"
        found.append(Example("Whoever drums", piano.title, address))
        used = (*used, piano)
    bass = having(Part.BASS, used)
    if drums and bass:
        address = f"drums={drums.track_id}&bass={bass.track_id}"
        found.append(
            Example("Drums of one, bass of another", f"{drums.title} + {bass.title}", address)
        )
    return found
