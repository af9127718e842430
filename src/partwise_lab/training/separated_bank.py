"""A stem bank of what a separator makes of pseudo-mixes, for networks that hear separated stems.

Mixes are drawn as in training (`Planner`), separated as waveforms by any separator, and each stem
is kept under the piece that its part was taken from; a piece occurs in several mixes. They are
drawn once and kept beside the data: separators are too slow to be asked anew for every batch.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece, find_pieces
from partwise_lab.model.frontend import LogMelFrontend
from partwise_lab.separation.separator import Separator
from partwise_lab.training.plan import MixPlan, MixSettings, Planner
from partwise_lab.training.pseudo_mix import window_frames
from partwise_lab.training.stem_bank import HeardPiece, StemBank, stem_log_mel

_REFERENCE_RMS = 0.1


def separated_bank(
    folder: Path,
    bank: StemBank,
    separator: Separator,
    settings: MixSettings,
    *,
    mixes_per_piece: float = 2.0,
    seconds: float = 10.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> StemBank:
    """The bank of separated stems of `folder`, made first where it is not kept there yet.

    bank : the clean stems of that folder, of which the mixes are made.
    settings : how they are mixed; its batches and its segment length do not matter here.
    mixes_per_piece : how many mixes are made, in multiples of the number of pieces.
    Raises PartwiseError where a separator works at another rate or tells no part apart.
    """
    rate_hz = bank.mel.sample_rate_hz
    if separator.sample_rate_hz != rate_hz:
        raise PartwiseError(
            f"the separator {separator.name} works at {separator.sample_rate_hz} Hz, the data is "
            f"prepared at {rate_hz} Hz"
        )
    pieces = {piece.name: piece for piece in find_pieces(folder)}
    frames = window_frames(seconds, bank.mel.frames_per_s)
    mixing = replace(settings, songs=max(2, len(bank.pieces) // 8), views=1, seconds=seconds)
    wanted = max(1, round(mixes_per_piece * len(bank.pieces)))
    told = f"{bank.digest}{separator.digest}{mixing}{wanted}{seconds}{seed}"
    digest = hashlib.blake2b(told.encode(), digest_size=6).hexdigest()

    def heard() -> Iterator[HeardPiece]:
        mixer = _Mixer(bank, pieces, frames)
        transform = LogMelFrontend(bank.mel)

        def work(plan: MixPlan, row: int) -> HeardPiece:
            stems = separator.separate(mixer.mix(plan, row))
            found = []
            for part in PARTS:
                if not plan.keep[row, part.index] or part not in stems:
                    continue
                kept = stem_log_mel(stems[part], transform)
                if kept is not None:
                    found.append((int(plan.song[row, part.index]), part, *kept))
            return found, []

        planner, rng = Planner(bank, mixing, frames), np.random.default_rng(seed)
        jobs = os.cpu_count() or 1
        with ThreadPoolExecutor(jobs) as pool:
            waiting: deque[Future[HeardPiece]] = deque()
            begun = done = 0
            while done < wanted:
                while begun < wanted and len(waiting) < 2 * jobs:
                    row = begun % mixing.songs
                    if row == 0:
                        plan = planner.draw(rng)
                    waiting.append(pool.submit(work, plan, row))
                    begun += 1
                yield waiting.popleft().result()
                done += 1
                if progress:
                    progress(done, wanted)

    return StemBank.kept(folder, bank.mel, digest, bank.pieces, heard)


class _Mixer:
    """Waveforms of planned mixes, from the pieces' own files."""

    def __init__(self, bank: StemBank, pieces: dict[str, StemPiece], frames: int) -> None:
        self.bank, self.pieces = bank, pieces
        self.hop = bank.mel.hop_length
        self.length = frames * self.hop

    def mix(self, plan: MixPlan, row: int) -> np.ndarray:
        """float32 [samples] of one row of the plan, at -20 dBFS."""
        total = np.zeros(self.length, np.float32)
        for part in PARTS:
            if plan.keep[row, part.index]:
                total += self._window(part, plan, row)
        return total * np.float32(_REFERENCE_RMS / max(float(np.sqrt(np.mean(total**2))), 1e-6))

    def _window(self, part: Part, plan: MixPlan, row: int) -> np.ndarray:
        song = int(plan.song[row, part.index])
        piece = self.pieces[self.bank.pieces[song]]
        start = int(plan.first[row, part.index]) * self.hop
        samples = piece.read(part, self.bank.mel.sample_rate_hz)[start : start + self.length]
        samples = np.pad(samples, (0, self.length - len(samples)))
        return samples * np.float32(10.0 ** (plan.gain_db[row, part.index] / 20.0))
