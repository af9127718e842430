"""A stem bank in which every stem can be recognised in a mix: each has a mel band of its own."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from partwise.audio.mel import MelSettings
from partwise.parts import PARTS
from partwise.training.stem_bank import StemBank

PIECES = 12
MEL = MelSettings(bands=PIECES * len(PARTS))
FRAMES = 130  # a segment of 1 s has 43, one of half a second 22: five segments a piece
LEVEL_DB_PER_FRAME = -0.1  # how the level tells the time


def band_of(piece: int, part_index: int) -> int:
    return piece * len(PARTS) + part_index


def make_bank(folder, missing=(), silent=(), digest="0123456789ab"):
    """Twelve pieces of 3 s.

    missing : (piece, part) without a stem
    silent : (piece, part, first frame, last frame) where a stem pauses
    """
    rows, active, stems, position = [], [], {str(part): [] for part in PARTS}, 0
    for piece in range(PIECES):
        for part in PARTS:
            if (piece, part) in missing:
                continue
            log_mel = np.full((FRAMES, MEL.bands), -100.0, dtype=np.float16)
            log_mel[:, band_of(piece, part.index)] = LEVEL_DB_PER_FRAME * np.arange(FRAMES)
            plays = np.ones(FRAMES, dtype=np.uint8)
            for at_piece, at_part, first, last in silent:
                if (at_piece, at_part) == (piece, part):
                    log_mel[first:last] = -100.0
                    plays[first:last] = 0
            rows.append(log_mel)
            active.append(plays)
            stems[part].append([piece, position, FRAMES, 0.0])
            position += FRAMES
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "log_mel.npy", np.concatenate(rows))
    np.save(folder / "active.npy", np.concatenate(active))
    names = [f"piece{piece:02}" for piece in range(PIECES)]
    index = {"digest": digest, "pieces": names, "stems": stems}
    return StemBank(folder, MEL, json.loads(json.dumps(index)))


@pytest.fixture
def bank_of(tmp_path):
    """`bank_of(missing=..., silent=...)`."""
    return lambda **kinds: make_bank(tmp_path / "bank", **kinds)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return make_bank(tmp_path_factory.mktemp("bank"))
