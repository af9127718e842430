"""A small tree of Inst-Sim-ABX's shape whose listeners judge by pitch and never err."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from listeners import RATE_HZ, Song, make_songs, write_listening_test
from partwise_lab.measure.abx.answers import Answers, Triplet, read_answers, triplets
from partwise_lab.measure.abx.clips import Clips, Hears, find_clips


@dataclass(frozen=True)
class Tree:
    data: Path
    place: Path
    songs: list[Song]
    answers: Answers

    @property
    def triplets(self) -> list[Triplet]:
        return triplets(self.answers.answers)

    def clips(self, hears: Hears = "mix") -> Clips:
        wanted = [clip for triplet in self.triplets for clip in triplet.clips]
        return find_clips(self.data, self.place, wanted, RATE_HZ, hears)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    pytest.importorskip("yaml")
    songs = make_songs(14)
    rng = np.random.default_rng(0)
    chosen = [tuple(songs[i] for i in rng.choice(14, 3, replace=False)) for _ in range(40)]
    folder = tmp_path_factory.mktemp("listening")
    data, place = write_listening_test(folder, songs, chosen, mistakes=0.0)
    return Tree(data, place, songs, read_answers(place))
