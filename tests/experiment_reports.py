"""Reports of same part, probes and listeners, made by the real functions of random embeddings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from listeners import RATE_HZ, make_songs, write_listening_test
from made_up_reports import MODEL
from partwise.parts import PARTS, Part
from partwise_lab.measure.abx.answers import read_answers, triplets
from partwise_lab.measure.abx.clips import find_clips
from partwise_lab.measure.abx.scoring import abx
from partwise_lab.measure.abx.split import PieceSplit
from partwise_lab.measure.probes import HeardStems, PieceFacts, probe_report
from partwise_lab.measure.same_part import BoardSegments, board_map, same_part_report

EVIL = '<script>alert("1")</script> & $x_1$'
_COMMON = {"schema": 2, "model": MODEL, "data": ["test"], "data_digest": "d1d1d1d1d1d1"}


@cache
def same_part_of(seed: int = 0) -> dict[str, Any]:
    """Drums and guitar were measured, whose own subspaces know the stem; one piece is EVIL."""
    rng = np.random.default_rng(seed)
    piece, accompaniment, moment = (axis.ravel() for axis in np.mgrid[:3, :2, :2])
    found, maps = {}, {}
    for part in (Part.DRUMS, Part.GUITAR):
        embeddings = rng.standard_normal((12, 5, 4))
        embeddings[:, part.index] += 3 * np.eye(4)[piece]
        segments = BoardSegments(embeddings, piece, accompaniment, moment * 40, np.zeros(12, int))
        found[part] = segments
        maps[str(part)] = board_map(segments) | {
            "part_pieces": {"0": EVIL, "1": "one", "2": "two"},
            "accompaniment_pieces": [{"bass": "four"}, {"bass": "five", "piano": "six"}],
        }
    report = same_part_report(found, seed) | {"maps": maps, "not_measured": {"bass": "too few"}}
    return {**_COMMON, "protocol": "same-part", "pieces": 7, **report}


@cache
def probes_of(seed: int = 0) -> dict[str, Any]:
    """Drums and bass of 12 pieces; the drums' subspace knows their kit, of which one is EVIL."""
    rng = np.random.default_rng(seed)
    piece = np.repeat(np.arange(12), 4)
    embeddings = rng.standard_normal((48, 5, 3)).astype(np.float32)
    embeddings[:, 0, 0] += 5.0 * (piece % 2)
    source = np.full((48, 5), -1)
    source[:, 0], source[:, 1] = piece, (piece + 5) % 12
    heard = HeardStems(embeddings, source, *rng.standard_normal((2, 48, 5)))
    kits = [{Part.DRUMS: EVIL if number % 2 else "kit one"} for number in range(12)]
    told = PieceFacts(kits, [None] * 12, [90.0 + 3 * number for number in range(12)])
    return {**_COMMON, "protocol": "probes", "pieces": 12, **probe_report(heard, told, shuffles=2)}


@cache
def abx_of(*, tuned: bool = False) -> dict[str, Any]:
    """Listeners who judge by pitch, and a model that hears bands of spectrum; one row is EVIL.

    tuned : whether the model was tuned on some of the songs.
    """
    songs = make_songs(12)
    rng = np.random.default_rng(0)
    chosen = [tuple(songs[i] for i in rng.choice(12, 3, replace=False)) for _ in range(20)]

    def embed(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bands = np.abs(np.fft.rfft(samples, axis=1))[:, :1600].reshape(len(samples), 16, 100)
        vectors = np.log(bands.max(axis=2) + 1e-3)
        return np.repeat(vectors[:, None], len(PARTS), axis=1), np.ones((len(samples), len(PARTS)))

    with TemporaryDirectory() as folder:
        data, place = write_listening_test(Path(folder), songs, chosen, mistakes=0.2)
        answers = read_answers(place)
        wanted = [clip for one in triplets(answers.answers) for clip in one.clips]
        clips = find_clips(data, place, wanted, RATE_HZ, "stem")
        split = PieceSplit.of(str(song.number) for song in songs) if tuned else None
        report = abx(answers, clips, embed, tuned_on=split)
    report["answers"]["malformed"] = {EVIL: 3}
    return {**_COMMON, "protocol": "abx", **report}
