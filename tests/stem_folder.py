"""A tiny stems folder of the shape that `partwise-lab render` writes, from synthetic sounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from partwise.parts import PARTS

RATE_HZ = 22050
# Each part has a register of its own, each piece a colour of its own within it.
_BASE_HZ = {"drums": 3000.0, "bass": 60.0, "piano": 300.0, "guitar": 700.0, "other": 1500.0}


def write_stem_folder(folder: Path, pieces: int = 6, seconds: float = 8.0, seed: int = 0) -> Path:
    """Write `pieces` pieces; the last one lacks its guitar."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    for number in range(pieces):
        place = folder / f"piece{number:02}"
        (place / "stems").mkdir(parents=True)
        for part in PARTS:
            if part == "guitar" and number == pieces - 1:
                continue
            hz = _BASE_HZ[part] * (1.0 + 0.9 * number / pieces)
            beat = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * (1 + number % 3) * time_s))
            tone = np.sin(2 * np.pi * hz * time_s) * (0.3 + 0.7 * beat)
            noise = 0.01 * rng.standard_normal(len(time_s))
            soundfile.write(place / "stems" / f"{part}.flac", 0.1 * tone + noise, RATE_HZ)
        (place / "metadata.json").write_text(json.dumps({"title": f"title{number}"}))
    return folder
