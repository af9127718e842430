"""All stems of a data set as log-mel in one file, so that mixing a batch costs no decoding.

Mel powers of stems add up to that of their mix, but for interference between them, which averages
out; so pseudo-mixes can be made in the mel-power domain, thousands a second. A cell takes one byte:
steps of 0.4 dB down from the stem's loudest cell.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from partwise.atomic import write_whole
from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise.hearing.child import end_with_parent
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece, data_digest, find_pieces
from partwise_lab.model.encoder import LogMelFrontend

# A frame is active when its level is at most this far below the stem's loudest frame.
_ACTIVE_RANGE_DB = 45.0

# How far below the stem's loudest cell a byte reaches; deeper counts as that.
_STEP_DB = 0.4
_RANGE_DB = 255 * _STEP_DB


@dataclass(frozen=True)
class HeardStem:
    """What the bank keeps of one stem.

    cells : uint8 [frames, bands], steps of 0.4 dB, 255 for the loudest cell
    active : uint8 [frames], 1 where the stem sounds
    level_db : mean power of the active frames [dB]; top_db : the loudest cell [dB]
    """

    cells: np.ndarray
    active: np.ndarray
    level_db: float
    top_db: float


# What a bank is written from, piece by piece: its stems, and what was left out as (stem, reason).
HeardPiece = tuple[list[tuple[int, Part, HeardStem]], list[tuple[str, str]]]


@dataclass(frozen=True)
class BankedStem:
    """Where one stem lies in the bank.

    piece : index of the piece; first, frames : rows of the bank;
    level_db, top_db : as in `HeardStem`.
    """

    piece: int
    first: int
    frames: int
    level_db: float
    top_db: float


class StemBank:
    """Log-mel of every stem, rows of [bands], and where each stem lies.

    Attributes
    ----------
    digest : names the data; pieces : their names, a stem's label is an index into them; what the
        same players play in several pieces counts as one piece
    stems : per part, the stems of that part
    active : uint8 [rows], 1 where the frame's stem sounds
    """

    def __init__(
        self,
        mel: MelSettings,
        digest: str,
        pieces: list[str],
        stems: dict[Part, list[BankedStem]],
        runs: list[np.ndarray],
        active: np.ndarray,
    ) -> None:
        """runs : the rows, in as many arrays as there are; no stem lies across two of them."""
        self.mel, self.digest, self.pieces, self.stems = mel, digest, pieces, stems
        self.active = active
        self._runs = runs
        self._begins = np.cumsum([0] + [len(run) for run in runs])
        self._on_device: torch.Tensor | None = None
        self._sounding = np.concatenate([[0], np.cumsum(active, dtype=np.int64)])
        laid = sorted((stem.first, stem.top_db) for part in PARTS for stem in stems[part])
        self._stem_begins, self._top_db = (np.array(column) for column in zip(*laid, strict=True))

    @classmethod
    def join(cls, banks: Sequence[StemBank]) -> StemBank:
        """One bank of several, in their order; a single one is returned as it is."""
        if len(banks) == 1:
            return banks[0]
        stems: dict[Part, list[BankedStem]] = {part: [] for part in PARTS}
        pieces: list[str] = []
        row = 0
        for bank in banks:
            for part in PARTS:
                stems[part] += [
                    replace(stem, piece=stem.piece + len(pieces), first=stem.first + row)
                    for stem in bank.stems[part]
                ]
            pieces += bank.pieces
            row += len(bank.active)
        digests = "+".join(bank.digest for bank in banks)
        return cls(
            banks[0].mel,
            hashlib.blake2b(digests.encode(), digest_size=6).hexdigest(),
            pieces,
            stems,
            [run for bank in banks for run in bank._runs],
            np.concatenate([bank.active for bank in banks]),
        )

    @classmethod
    def of_voices(cls, clips: Sequence[np.ndarray], mel: MelSettings) -> StemBank:
        """A bank of voices: every clip (float32 mono at the mel's rate) a stem of OTHER, a piece of
        its own. Real songs are sung and MIDI is not, and a voice counts as OTHER.
        """
        transform = LogMelFrontend(mel)
        laid, cells = _Laid(), []
        digest = hashlib.blake2b(digest_size=6)
        for number, clip in enumerate(clips):
            digest.update(clip.tobytes())
            heard = hear_stem(clip, transform)
            if heard is not None:
                laid.add(number, Part.OTHER, heard)
                cells.append(heard.cells)
        if not cells:
            raise PartwiseError("the voice bank holds no voice that sounds")
        names = [f"voice {number}" for number in range(len(clips))]
        active = np.concatenate(laid.active)
        return cls(mel, digest.hexdigest(), names, laid.stems, [np.concatenate(cells)], active)

    @classmethod
    def build(
        cls,
        folder: Path,
        mel: MelSettings,
        *,
        jobs: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        on_skip: Callable[[str, str], None] | None = None,
    ) -> StemBank:
        """Open the bank of a stems folder, computing it first where it is not there yet.

        It lies in `folder/.mel/<digest of settings and pieces>`.
        on_skip : called with every piece or stem that was left out, and why.
        Raises PartwiseError when the folder holds no pieces, a part occurs in fewer than two of
        them or the disk is full.
        """
        pieces = find_pieces(folder, on_skip=on_skip)
        names = list(dict.fromkeys(piece.players or piece.name for piece in pieces))

        def heard() -> Iterator[HeardPiece]:
            with ProcessPoolExecutor(jobs or os.cpu_count(), initializer=end_with_parent) as pool:
                hear = functools.partial(_hear_piece, mel)
                numbers = [names.index(piece.players or piece.name) for piece in pieces]
                work = pool.map(hear, numbers, pieces, chunksize=4)
                for done, found in enumerate(work, 1):
                    if progress:
                        progress(done, len(pieces))
                    yield found

        bank = cls.kept(folder, mel, data_digest(pieces), names, heard, on_skip=on_skip)
        for part in PARTS:
            if len(bank.stems[part]) < 2:
                raise PartwiseError(f"{folder} has fewer than two stems of {part}")
        return bank

    @classmethod
    def kept(
        cls,
        folder: Path,
        mel: MelSettings,
        digest: str,
        pieces: list[str],
        heard: Callable[[], Iterable[HeardPiece]],
        *,
        on_skip: Callable[[str, str], None] | None = None,
    ) -> StemBank:
        """The bank that `folder/.mel` keeps under these settings and this digest.

        heard : called where it is not there yet; gives what it is made of.
        """
        key = hashlib.blake2b(f"{asdict(mel)}{digest}".encode(), digest_size=6).hexdigest()
        place = folder / ".mel" / key
        if not (place / "index.json").exists():
            try:
                _write(place, mel, digest, pieces, heard())
            except OSError as error:
                raise PartwiseError(
                    f"the log-mels of {folder} cannot be kept in {place}: {error.strerror or error}"
                ) from None
        index = json.loads((place / "index.json").read_text())
        for stem, reason in index.get("skipped", ()):
            if on_skip:
                on_skip(stem, reason)
        return cls(
            mel,
            index["digest"],
            index["pieces"],
            {part: [BankedStem(*row) for row in index["stems"][part]] for part in PARTS},
            [np.load(place / "log_mel.npy", mmap_mode="r")],
            np.load(place / "active.npy"),
        )

    def told(self, field: str, stem: np.ndarray) -> np.ndarray:
        """One field of `BankedStem` for ``stem`` [mixes, parts=5], indices into ``stems``."""
        columns = [
            [getattr(self.stems[part][k], field) for k in stem[:, part.index]] for part in PARTS
        ]
        return np.stack(columns, axis=1)

    def sounding(self, first: np.ndarray, frames: int) -> np.ndarray:
        """Share of active frames in the windows that begin at rows `first` [n] -> [n]."""
        return (self._sounding[first + frames] - self._sounding[first]) / frames

    def windows(self, first: np.ndarray, frames: int, device: str = "cpu") -> torch.Tensor:
        """The windows that begin at rows `first` [n], in dB: float32 [n, frames, bands].

        On a GPU the whole bank is moved there at the first call (192 bands: 8 kB a second of stem).
        """
        stem = np.searchsorted(self._stem_begins, first, side="right") - 1
        bottom_db = torch.from_numpy(self._top_db[stem] - _RANGE_DB).to(device, torch.float32)
        if device == "cpu":
            run = np.searchsorted(self._begins, first, side="right") - 1
            begin = first - self._begins[run]
            windows = [self._runs[r][b : b + frames] for r, b in zip(run, begin, strict=True)]
            cells = torch.from_numpy(np.stack(windows))
        else:
            if self._on_device is None:
                self._on_device = torch.cat(
                    [torch.from_numpy(np.array(run)).to(device) for run in self._runs]
                )
            offsets = torch.arange(frames, device=device)
            cells = self._on_device[torch.from_numpy(first).to(device)[:, None] + offsets]
        return cells.float().mul_(_STEP_DB).add_(bottom_db[:, None, None])


class _Laid:
    """Stems one after the other: where each lies, and `active` of each."""

    def __init__(self) -> None:
        self.stems: dict[Part, list[BankedStem]] = {part: [] for part in PARTS}
        self.active: list[np.ndarray] = []
        self.rows = 0

    def add(self, piece: int, part: Part, heard: HeardStem) -> None:
        frames = len(heard.cells)
        self.stems[part].append(BankedStem(piece, self.rows, frames, heard.level_db, heard.top_db))
        self.active.append(heard.active)
        self.rows += frames


def _write(
    place: Path, mel: MelSettings, digest: str, pieces: list[str], heard: Iterable[HeardPiece]
) -> None:
    """Written beside its place and moved there whole: another process may be writing it too."""
    partial = place.with_name(f".{place.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(parents=True)
    laid = _Laid()
    skipped: list[tuple[str, str]] = []
    raw = partial / "log_mel.raw"
    try:
        with raw.open("wb") as file:
            for found, left_out in heard:
                skipped += left_out
                for piece, part, heard_stem in found:
                    file.write(heard_stem.cells.tobytes())
                    laid.add(piece, part, heard_stem)
        if not laid.rows:
            cause = f": {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
            raise PartwiseError(f"no stem can be used{cause}")
        # A raw file becomes .npy by putting a header before it; memmap makes that a copy, no RAM.
        shape = (laid.rows, mel.bands)
        rows = np.lib.format.open_memmap(partial / "log_mel.npy", "w+", np.uint8, shape)
        rows[:] = np.memmap(raw, dtype=np.uint8, mode="r", shape=shape)
        rows.flush()
        raw.unlink()
        np.save(partial / "active.npy", np.concatenate(laid.active))
        stems = {part: [astuple(stem) for stem in laid.stems[part]] for part in PARTS}
        index = {"digest": digest, "pieces": pieces, "stems": stems, "skipped": skipped}
        write_whole(partial / "index.json", json.dumps(index))
        with suppress(OSError):  # not empty: the other one was first, with the same content
            os.replace(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _hear_piece(mel: MelSettings, number: int, piece: StemPiece) -> HeardPiece:
    """The stems of one piece, in a process of its own."""
    torch.set_num_threads(1)  # one process per core already
    transform = LogMelFrontend(mel)
    found, left_out = [], []
    for part in piece.stems:
        try:
            heard = hear_stem(piece.read(part, mel.sample_rate_hz), transform)
        except PartwiseError as error:
            left_out.append((f"{piece.name}/{part}", str(error)))
            continue
        if heard is None:
            left_out.append((f"{piece.name}/{part}", "silent"))
        else:
            found.append((number, part, heard))
    return found, left_out


def hear_stem(samples: np.ndarray, transform: LogMelFrontend) -> HeardStem | None:
    """What the bank keeps of float32 [samples] at the front end's rate; None if silent."""
    if not len(samples):
        return None
    log_mel = transform(torch.from_numpy(samples)[None])[0].numpy()
    active, level_db = sounding_level(log_mel)
    if not active.any():
        return None
    top_db = float(log_mel.max())
    steps = np.round((log_mel - top_db + _RANGE_DB) / _STEP_DB)
    cells = np.clip(steps, 0, 255).astype(np.uint8)
    return HeardStem(cells, active.astype(np.uint8), level_db, top_db)


def sounding_level(log_mel: np.ndarray) -> tuple[np.ndarray, float]:
    """Which frames sound, bool [frames], and their mean power in dB.

    log_mel : [frames, bands] in dB. Where no frame sounds, the level is that of all of them.
    """
    frame_db = 10.0 * np.log10(np.mean(10.0 ** (log_mel / 10.0), axis=1))
    active = frame_db > max(float(frame_db.max()) - _ACTIVE_RANGE_DB, -70.0)
    counted = frame_db[active] if active.any() else frame_db
    return active, float(10.0 * np.log10(np.mean(10.0 ** (counted / 10.0))))
