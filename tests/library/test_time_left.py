"""The time left of a run against runs that are simulated: made-up files, workers and speeds."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from partwise.library.index.time_left import TimeLeft
from partwise.paths import FoundFile

JOBS = 4
START_S = 3.0  # until the workers are there
_BYTES_PER_S = {"wav": 176_400, "flac": 100_000, "mp3": 32_000, "opus": 16_000}


@dataclass
class Made:
    """A file to be, and the seconds that a worker needs for it."""

    file: FoundFile
    needs_s: float


def made(kind: str, number: int, audio_s: float, per_audio_s: float = 0.02) -> Made:
    size = int(audio_s * _BYTES_PER_S[kind])
    return Made(FoundFile(f"/m/{number:05}.{kind}", size, 0), 0.02 + audio_s * per_audio_s)


def lengths_s(count: int, seed: int = 0, sets: float = 0.01) -> np.ndarray:
    """Songs of three and a half minutes or so; a share of them sets of an hour."""
    rng = np.random.default_rng(seed)
    songs = rng.lognormal(np.log(210), 0.4, count)
    songs[rng.random(count) < sets] = 3600
    return songs


def told_of(
    files: list[Made], jobs: int = JOBS, slower: Callable[[float], float] = lambda at_s: 1.0
) -> tuple[np.ndarray, float]:
    """Run them: float [looks, 3] of (share done, told, true), and how long it took.

    slower : by what factor a file that is begun then takes longer.
    """
    estimate = TimeLeft([one.file for one in files], jobs)
    waiting, busy, ends = list(files), [], []
    at_s = START_S
    for _ in range(min(jobs, len(waiting))):
        one = waiting.pop(0)
        heapq.heappush(busy, (at_s + one.needs_s * slower(at_s), id(one), at_s, one))
    looks, next_s, done = [], 0.0, 0
    total = sum(one.needs_s for one in files)
    done_s = 0.0
    while busy:
        ends_s, _, began_s, one = heapq.heappop(busy)
        while next_s < ends_s:
            looks.append((done_s / total, estimate.left_s(next_s), next_s))
            next_s += 0.25
        estimate.ended(one.file, ends_s - began_s, ends_s)
        done, done_s = done + 1, done_s + one.needs_s
        ends.append(ends_s)
        if waiting:
            one = waiting.pop(0)
            heapq.heappush(busy, (ends_s + one.needs_s * slower(ends_s), id(one), ends_s, one))
    assert estimate.left_s(ends[-1]) is not None
    whole_s = ends[-1]
    rows = [(share, left, whole_s - at) for share, left, at in looks if left is not None]
    return np.array(rows), whole_s


def worst(looks: np.ndarray, whole_s: float, after: float = 0.1) -> float:
    """The largest error once a share of the work is done, as a share of all of the time."""
    late = looks[looks[:, 0] >= after]
    assert len(late) > 20
    return float(np.abs(late[:, 1] - late[:, 2]).max() / whole_s)


def songs(kind: str, count: int, seed: int = 0, sets: float = 0.01) -> list[Made]:
    return [made(kind, number, s) for number, s in enumerate(lengths_s(count, seed, sets))]


@pytest.mark.parametrize("kind", ["mp3", "flac"])
@pytest.mark.parametrize("seed", range(3))
def test_a_collection_of_one_kind(kind: str, seed: int):
    looks, whole_s = told_of(songs(kind, 400, seed))
    assert worst(looks, whole_s) < 0.03


def test_kinds_of_which_a_second_is_ten_times_the_bytes():
    """Albums in MP3 first, then in FLAC, then in Opus: bytes say nothing about that."""
    files = [
        made(kind, number, s)
        for kind, number, s in zip(
            ["mp3"] * 200 + ["flac"] * 200 + ["opus"] * 200,
            range(600),
            lengths_s(600),
            strict=True,
        )
    ]
    looks, whole_s = told_of(files)
    assert worst(looks, whole_s) < 0.12
    # What went by the bytes would be wrong by more than a third at that time.
    sizes = np.cumsum([one.file.size for one in files])
    needs = np.cumsum([one.needs_s for one in files])
    at = int(np.searchsorted(needs, 0.12 * needs[-1]))
    by_bytes = needs[at] * (sizes[-1] - sizes[at]) / sizes[at]
    assert abs(by_bytes - (needs[-1] - needs[at])) > 0.33 * needs[-1]


def test_files_that_need_not_be_heard_among_the_others():
    """Every other file has moved: its content is known, so it is only read through."""
    files = [
        one if number % 2 else Made(one.file, one.file.size / 500e6)
        for number, one in enumerate(songs("mp3", 600, sets=0.0))
    ]
    looks, whole_s = told_of(files)
    assert worst(looks, whole_s) < 0.08


def test_a_machine_that_becomes_slower():
    """From the middle on somebody else uses it; a minute later the estimate says so."""
    looks, whole_s = told_of(songs("flac", 800), slower=lambda at_s: 1.0 if at_s < 400 else 2.0)
    true_s = looks[:, 2]
    settled = looks[true_s < 0.35 * whole_s]
    assert np.abs(settled[:, 1] - settled[:, 2]).max() < 0.12 * whole_s


def test_it_counts_down_evenly():
    """From one look to the next it neither jumps nor runs away."""
    looks, whole_s = told_of(songs("mp3", 400, 7))
    late = looks[looks[:, 0] >= 0.1][:, 1]
    steps = np.diff(late)  # each 0.25 s later
    assert steps.max() < 0.01 * whole_s
    assert np.abs(steps + 0.25).mean() < 0.5


def test_few_files_and_one_job():
    looks, whole_s = told_of(songs("mp3", 30, 5), jobs=1)
    assert worst(looks, whole_s, 0.3) < 0.2


def test_nothing_is_told_from_too_little():
    files = [one.file for one in songs("mp3", 10)]
    estimate = TimeLeft(files, 2)
    assert estimate.left_s(1.0) is None
    estimate.ended(files[0], 2.0, 4.0)
    for file in files[1:3]:
        estimate.ended(file, 2.0, 5.0)
    assert estimate.left_s(5.0) is None
    estimate.ended(files[3], 2.0, 6.0)
    assert estimate.left_s(6.0) is not None
    for number, file in enumerate(files[4:]):
        estimate.ended(file, 2.0, 6.0 + 2 * number)
    assert estimate.left_s(18.0) == 0


def test_files_that_cost_nothing():
    """Empty files, and workers that end at once: no division by nothing."""
    files = [FoundFile(f"/m/{n}.mp3", 0, 0) for n in range(6)]
    estimate = TimeLeft(files, 1)
    for number, file in enumerate(files[:4]):
        estimate.ended(file, 0.0, 0.1 * number)
    assert estimate.left_s(1.0) is None
    estimate.ended(files[4], 0.5, 1.5)
    assert estimate.left_s(1.5) is not None
