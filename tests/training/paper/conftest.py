"""A stem bank in which every stem can be recognised in a mix: each has a mel band of its own."""

import numpy as np
import pytest

pytest.importorskip("torch")

from partwise.embedding.logmel import MelSettings
from partwise.parts import PARTS
from partwise_lab.training.stem_bank import BankedStem, StemBank

PIECES = 12
MEL = MelSettings(bands=PIECES * len(PARTS))
FRAMES = 130  # a segment of 1 s has 43, one of half a second 22: five segments a piece
LEVEL_DB_PER_FRAME = -0.4  # how the level tells the time: a step of the bank
SILENT = 5  # -100 dB


def band_of(piece: int, part_index: int) -> int:
    return piece * len(PARTS) + part_index


def make_bank(missing=(), silent=(), digest="0123456789ab"):
    """Twelve pieces of 3 s.

    missing : (piece, part) without a stem
    silent : (piece, part, first frame, last frame) where a stem pauses
    """
    rows, active = [], []
    stems = {part: [] for part in PARTS}
    for piece in range(PIECES):
        for part in PARTS:
            if (piece, part) in missing:
                continue
            cells = np.full((FRAMES, MEL.bands), SILENT, dtype=np.uint8)
            cells[:, band_of(piece, part.index)] = 255 - np.arange(FRAMES)
            plays = np.ones(FRAMES, dtype=np.uint8)
            for at_piece, at_part, first, last in silent:
                if (at_piece, at_part) == (piece, part):
                    cells[first:last] = SILENT
                    plays[first:last] = 0
            stems[part].append(BankedStem(piece, len(rows) * FRAMES, FRAMES, 0.0, 0.0))
            rows.append(cells)
            active.append(plays)
    names = [f"piece{piece:02}" for piece in range(PIECES)]
    return StemBank(MEL, digest, names, stems, [np.concatenate(rows)], np.concatenate(active))


@pytest.fixture
def bank_of():
    """`bank_of(missing=..., silent=...)`."""
    return make_bank


@pytest.fixture(scope="module")
def bank():
    return make_bank()
