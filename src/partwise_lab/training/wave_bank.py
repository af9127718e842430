"""All stems of a data set as int16 samples in one file, in step with the mel bank.

Frame `r` of the mel bank (``StemBank``) begins at sample `r * hop_length` here, so that a stem's
`first` and `frames` say where its samples lie, and one plan serves both. Every stem is scaled to
the full range of int16; `scale` gives its own level back.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece, find_pieces
from partwise_lab.training.stem_bank import StemBank

_FULL_SCALE = 32767.0
_BLOCK = 1 << 26  # samples copied to a device at once


class Waves:
    """A long run of int16 samples that windows are cut from, on the CPU or on a device."""

    def __init__(self, samples: np.ndarray, hop_length: int) -> None:
        self.hop_length = hop_length
        self.device = torch.device("cpu")
        self._samples = samples
        self._there: Tensor | None = None

    def to(self, device: str | torch.device, share: float = 0.6) -> None:
        """Cut windows for `device` from now on.

        On a GPU all samples are moved there, if they take at most `share` of its free memory;
        else they stay in their file, and windows travel as they are cut.
        """
        if torch.device(device) == self.device:
            return
        self.device, self._there = torch.device(device), None
        if self.device.type == "cpu":
            return
        free = torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else 0
        if self._samples.nbytes > share * free:
            return
        there = torch.empty(len(self._samples), dtype=torch.int16, device=self.device)
        for start in range(0, len(there), _BLOCK):
            block = np.array(self._samples[start : start + _BLOCK])
            there[start : start + _BLOCK].copy_(torch.from_numpy(block))
        self._there = there

    def windows(self, rows: np.ndarray, frames: int) -> Tensor:
        """Windows of `frames` frames that begin at frames `rows` [n]: int16 [n, frames * hop]."""
        size = frames * self.hop_length
        if self._there is not None:
            # A view of overlapping windows: nothing is copied but what is asked for.
            view = self._there.unfold(0, size, self.hop_length)
            return view[torch.from_numpy(rows).to(self.device)]
        view = np.lib.stride_tricks.sliding_window_view(self._samples, size)
        cut = torch.from_numpy(view[rows * self.hop_length])
        if self.device.type == "cuda":
            cut = cut.pin_memory()
        return cut.to(self.device, non_blocking=True)


class WaveBank(Waves):
    """The samples of every stem of a mel bank.

    scale : per part, float32 [stems]: samples times scale is the stem as it was recorded
    """

    def __init__(self, samples: np.ndarray, hop_length: int, scale: dict[Part, np.ndarray]) -> None:
        super().__init__(samples, hop_length)
        self.scale = scale

    @classmethod
    def build(
        cls,
        folder: Path,
        bank: StemBank,
        *,
        jobs: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> WaveBank:
        """Open the wave bank of a stems folder, making it first where it is not there yet.

        It lies in `folder/.wave/<digest of settings and pieces>`. A build that was interrupted goes
        on where it stopped. Raises PartwiseError when the disk is full or a stem is not the one
        that the mel bank was made from.
        """
        key = hashlib.blake2b(f"{asdict(bank.mel)}{bank.digest}".encode(), digest_size=6)
        place = folder / ".wave" / key.hexdigest()
        if not (place / "index.json").exists():
            try:
                _compute(folder, bank, place, jobs, progress)
            except OSError as error:
                raise PartwiseError(f"the samples of {folder} cannot be kept: {error}") from None
        scale = json.loads((place / "index.json").read_text())["scale"]
        samples = np.memmap(place / "samples.int16", dtype=np.int16, mode="r")
        by_part = {part: np.array(scale[part], dtype=np.float32) for part in PARTS}
        return cls(samples, bank.mel.hop_length, by_part)


# One stem to be written: part, index in bank.stems[part], first frame, frames.
_Job = tuple[Part, int, int, int]


def _compute(
    folder: Path,
    bank: StemBank,
    place: Path,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    place.mkdir(parents=True, exist_ok=True)
    pieces = {piece.name: piece for piece in find_pieces(folder)}
    work: list[list[_Job]] = [[] for _ in bank.pieces]
    for part in PARTS:
        for index, stem in enumerate(bank.stems[part]):
            work[stem.piece].append((part, index, stem.first, stem.frames))
    frames = max(stem.first + stem.frames for part in PARTS for stem in bank.stems[part])
    size = frames * bank.mel.hop_length * 2
    path, journal = place / "samples.partial", place / "done.jsonl"
    done = _done(journal) if path.exists() else {}
    missing = size - (path.stat().st_blocks * 512 if path.exists() else 0)
    if missing > shutil.disk_usage(place).free:
        raise OSError(f"{missing / 2**30:.1f} GiB are needed on that disk")
    with path.open("ab") as file:
        file.truncate(size)
    left = [i for i in range(len(bank.pieces)) if i not in done]
    count = len(left)
    with journal.open("w") as log, ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        log.writelines(json.dumps([piece, scales]) + "\n" for piece, scales in done.items())
        results = pool.map(
            _write_piece,
            [pieces[bank.pieces[i]] for i in left],
            [work[i] for i in left],
            [path] * count,
            [bank.mel.sample_rate_hz] * count,
            [bank.mel.hop_length] * count,
            chunksize=4,
        )
        for piece, scales in zip(left, results, strict=True):
            done[piece] = scales
            log.write(json.dumps([piece, scales]) + "\n")
            log.flush()
            if progress:
                progress(len(done), len(bank.pieces))
    scale = {part: [0.0] * len(bank.stems[part]) for part in PARTS}
    for piece, scales in done.items():
        for (part, index, _, _), value in zip(work[piece], scales, strict=True):
            scale[part][index] = value
    os.replace(path, place / "samples.int16")
    write_whole(place / "index.json", json.dumps({"scale": scale}))
    journal.unlink()


def _done(journal: Path) -> dict[int, list[float]]:
    """Scales of the pieces that an interrupted build has written; its last line may be torn."""
    done: dict[int, list[float]] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        try:
            piece, scales = json.loads(line)
        except ValueError:
            break
        done[piece] = scales
    return done


def _write_piece(
    piece: StemPiece, work: list[_Job], path: Path, sample_rate_hz: int, hop_length: int
) -> list[float]:
    """Write one piece's stems at their places; the scale of each."""
    scales = []
    with path.open("r+b") as file:
        for part, _, first, frames in work:
            samples = piece.read(part, sample_rate_hz)
            if 1 + len(samples) // hop_length != frames:
                raise PartwiseError(f"{part} of {piece.name} has changed since its mel was made")
            scale, whole = as_int16(samples)
            file.seek(first * hop_length * 2)
            file.write(whole.tobytes())
            scales.append(scale)
    return scales


def as_int16(samples: np.ndarray) -> tuple[float, np.ndarray]:
    """Scale and int16 [n], so that their product is `samples` [n]."""
    peak = float(np.abs(samples).max(initial=0.0)) or 1.0
    return peak / _FULL_SCALE, np.round(samples * (_FULL_SCALE / peak)).astype(np.int16)
