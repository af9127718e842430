"""All stems of a data set as mel power in one file, so that mixing a batch costs no decoding.

Mel powers of stems add up to that of their mix, but for interference between them, which averages
out; so pseudo-mixes can be made in the mel-power domain, thousands a second.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from partwise.audio.mel import MelSettings
from partwise.datasets.stems import StemPiece, data_digest, find_pieces
from partwise.errors import PartwiseError
from partwise.model.frontend import LogMelFrontend
from partwise.parts import PARTS, Part

# A frame is active when its level is at most this far below the stem's loudest frame.
_ACTIVE_RANGE_DB = 45.0


@dataclass(frozen=True)
class BankedStem:
    """Where one stem lies in the bank.

    piece : index of the piece; first, frames : rows of the bank;
    level_db : mean power of the active frames, summed over bands [dB].
    """

    piece: int
    first: int
    frames: int
    level_db: float


class StemBank:
    """Log-mel of every stem, float16 [rows, bands] in dB, and where each stem lies.

    Attributes
    ----------
    stems : per part, the stems of that part
    active : uint8 [rows], 1 where the frame's stem sounds
    """

    def __init__(self, folder: Path, mel: MelSettings, index: dict) -> None:
        self.mel = mel
        self.digest: str = index["digest"]
        self.pieces: list[str] = index["pieces"]
        self.rows = np.load(folder / "log_mel.npy", mmap_mode="r")
        self.active = np.load(folder / "active.npy")
        self._on_device: torch.Tensor | None = None
        self.stems: dict[Part, list[BankedStem]] = {
            part: [BankedStem(*row) for row in index["stems"][part]] for part in PARTS
        }
        self._sounding = np.concatenate([[0], np.cumsum(self.active, dtype=np.int64)])

    @classmethod
    def build(
        cls,
        folder: Path,
        mel: MelSettings,
        *,
        jobs: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> StemBank:
        """Open the bank of a stems folder, computing it first where it is not there yet.

        It lies in `folder/.mel/<digest of settings and pieces>`. Raises PartwiseError when the
        folder holds no pieces or a part occurs in none of them.
        """
        pieces = find_pieces(folder)
        digest = data_digest(pieces)
        key = hashlib.blake2b(f"{asdict(mel)}{digest}".encode(), digest_size=6).hexdigest()
        place = folder / ".mel" / key
        if not (place / "index.json").exists():
            _compute(pieces, digest, place, mel, jobs, progress)
        bank = cls(place, mel, json.loads((place / "index.json").read_text()))
        for part in PARTS:
            if len(bank.stems[part]) < 2:
                raise PartwiseError(f"{folder} has fewer than two stems of {part}")
        return bank

    def sounding(self, first: np.ndarray, frames: int) -> np.ndarray:
        """Share of active frames in the windows that begin at rows `first` [n] -> [n]."""
        return (self._sounding[first + frames] - self._sounding[first]) / frames

    def windows(self, first: np.ndarray, frames: int, device: str = "cpu") -> torch.Tensor:
        """The windows that begin at rows `first` [n], in dB: float32 [n, frames, bands].

        On a GPU the whole bank is moved there at the first call (96 bands: 16 kB a second of stem).
        """
        if device == "cpu":
            rows = np.stack([self.rows[start : start + frames] for start in first])
            return torch.from_numpy(rows).float()
        if self._on_device is None:
            self._on_device = torch.from_numpy(np.array(self.rows)).to(device)
        offsets = torch.arange(frames, device=device)
        where = torch.from_numpy(first).to(device)[:, None] + offsets
        return self._on_device[where].float()


def _compute(
    pieces: list[StemPiece],
    digest: str,
    place: Path,
    mel: MelSettings,
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    place.mkdir(parents=True, exist_ok=True)
    stems: dict[str, list] = {part: [] for part in PARTS}
    active: list[np.ndarray] = []
    position = 0
    partial = place / "log_mel.partial"
    with partial.open("wb") as file, ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        results = pool.map(_piece_log_mel, pieces, [mel] * len(pieces), chunksize=4)
        for index, result in enumerate(results):
            for part, log_mel, sounding, level_db in result:
                file.write(log_mel.tobytes())
                active.append(sounding)
                stems[part].append([index, position, len(log_mel), level_db])
                position += len(log_mel)
            if progress:
                progress(index + 1, len(pieces))
    # A raw file becomes .npy by putting a header before it; memmap makes that one copy, no RAM.
    rows = np.lib.format.open_memmap(
        place / "log_mel.npy", mode="w+", dtype=np.float16, shape=(position, mel.bands)
    )
    rows[:] = np.memmap(partial, dtype=np.float16, mode="r", shape=(position, mel.bands))
    rows.flush()
    partial.unlink()
    np.save(place / "active.npy", np.concatenate(active))
    index_path = place / "index.partial"
    index_path.write_text(
        json.dumps({"digest": digest, "pieces": [p.name for p in pieces], "stems": stems})
    )
    os.replace(index_path, place / "index.json")


def _piece_log_mel(
    piece: StemPiece, mel: MelSettings
) -> list[tuple[Part, np.ndarray, np.ndarray, float]]:
    """(part, log-mel float16 [frames, bands], active uint8 [frames], level in dB) of each stem."""
    torch.set_num_threads(1)  # one process per core already
    transform = LogMelFrontend(mel)
    found = []
    for part in piece.stems:
        samples = torch.from_numpy(piece.read(part, mel.sample_rate_hz))
        log_mel = transform(samples[None])[0].numpy()
        frame_db = 10.0 * np.log10(np.sum(10.0 ** (log_mel / 10.0), axis=1))
        active = frame_db > max(float(frame_db.max()) - _ACTIVE_RANGE_DB, -70.0)
        if not active.any():
            continue  # a silent stem teaches nothing
        level_db = 10.0 * np.log10(np.mean(10.0 ** (frame_db[active] / 10.0)))
        found.append((part, log_mel.astype(np.float16), active.astype(np.uint8), float(level_db)))
    return found
