"""Draws docs/figures/audition.png: a demo piece, the same filtered for a part, and the true part.

    python scripts/make_demo_library.py --out FOLDER --stems FOLDER --only 1
    python scripts/audition_picture.py FOLDER/PIECE.npz [--part bass] [--model partwise.onnx]

The stems are the project's own (scripts/make_demo_library.py). All three pictures are log-mels of
the same ten seconds in the same colours, dB below the loudest cell of the mix.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from demo_composer.sound import SAMPLE_RATE_HZ
from partwise import load_encoder
from partwise.audio.resample import resample
from partwise.embedding.logmel import band_edges_hz
from partwise.embedding.masks import PartMasks
from partwise.parts import Part

OUT = Path(__file__).resolve().parents[1] / "docs" / "figures" / "audition.png"
SECONDS = 10
RANGE_DB = 60.0
TICKS_HZ = (100, 400, 1000, 2000, 5000, 10000)


def main() -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("stems", type=Path, metavar="PIECE.npz")
    options.add_argument("--part", type=Part.parse, default=Part.BASS)
    options.add_argument("--model", type=Path)
    options.add_argument("--start", type=int, default=10, help="second that is shown first")
    asked = options.parse_args()
    encoder = load_encoder(asked.model)
    with np.load(asked.stems) as file:
        mix, true = file["mix"], file[str(asked.part)]
    mix, true = (x.reshape(len(x), -1).astype(np.float32) for x in (mix, true))
    blocks = PartMasks(encoder).audition([mix], SAMPLE_RATE_HZ, [asked.part])
    shown = {
        "mix": mix,
        f"filtered for {asked.part}": np.concatenate(list(blocks)),
        f"{asked.part}, as it was played": true,
    }
    settings = encoder.settings
    rows = slice(*(round(s * settings.frames_per_s) for s in (asked.start, asked.start + SECONDS)))
    pictures = {}
    for name, samples in shown.items():
        mono = resample(samples.mean(axis=1), SAMPLE_RATE_HZ, settings.sample_rate_hz)
        pictures[name] = encoder.logmel(mono)[rows].T
    top = float(pictures["mix"].max())
    centres_hz = band_edges_hz(settings)[1:-1]
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for axis, (name, db) in zip(axes, pictures.items(), strict=True):
        axis.imshow(
            db - top,
            origin="lower",
            aspect="auto",
            vmin=-RANGE_DB,
            vmax=0.0,
            cmap="magma",
            extent=(0.0, SECONDS, -0.5, settings.bands - 0.5),
        )
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("seconds")
    places = np.interp(TICKS_HZ, centres_hz, np.arange(settings.bands))
    axes[0].set_yticks(places, [f"{hz:,} Hz" for hz in TICKS_HZ])
    figure.savefig(OUT, dpi=80, metadata={"Software": None})
    print(f"wrote {OUT}: {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
