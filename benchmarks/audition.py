"""How much closer to a part's stem its filtered mix is than the mix: `partwise audition`, measured.

    python benchmarks/audition.py STEMS... [--model partwise.onnx] [--json OUT]

Of each piece the middle (--seconds) is heard as mono at 22,050 Hz, and of each part whose stem
sounds there the signal-to-distortion ratio (SDR) is taken: of the mix as it is, of the mix through
the part's mask (as a share of power put on the amplitudes, which is what ships, and as its square
root), through the ideal mask of the same resolution, and through harmonic-percussive separation
with a split at 250 Hz. SDR rewards turning a mix down, so the scale-invariant one stands beside it,
where that gains nothing. Printed: the mix's SDR, and what each gains on it in dB, means of pieces.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from partwise import load_encoder
from partwise.embedding.logmel import LogMel
from partwise.embedding.masks import PartMasks, filtered
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import data_digest, find_pieces
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.table import markdown
from partwise_lab.separation.separator import load_separator

QUIETEST_DB = -25.0  # of a stem below its mix
WAYS = ("mask", "root of mask", "ideal mask", "harmonic-percussive")


def sdr(true: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """SDR and scale-invariant SDR in dB of float32 [n]."""
    true, found = true.astype(np.float64), found.astype(np.float64)
    scaled = true * (true @ found) / (true @ true)
    return tuple(
        10.0 * float(np.log10((wanted @ wanted) / (np.sum((wanted - found) ** 2) + 1e-12)))
        for wanted in (true, scaled)
    )  # pyright: ignore[reportReturnType]


def ideal_masks(logmel: LogMel, stems: dict[Part, np.ndarray], mix: np.ndarray) -> np.ndarray:
    """Shares of the power [parts, frames, bands]; what is in no stem of the mix has one too."""
    rest = mix - sum(stems.values())
    powers = {part: 10.0 ** (logmel(stem) / 10.0) for part, stem in stems.items()}
    total = sum(powers.values()) + 10.0 ** (logmel(rest) / 10.0)
    return np.stack([powers[part] / total if part in powers else 0.0 * total for part in PARTS])


def measured(folder: Path, masks: PartMasks, seconds: float) -> list[dict[str, Any]]:
    """One entry for each piece and part: the mix's SDRs, and what every way gains on them."""
    settings, logmel = masks.encoder.settings, masks.encoder.logmel
    rate_hz = settings.sample_rate_hz
    pieces = find_pieces(folder)
    reader = StemReader(pieces, rate_hz)
    hpss = load_separator("hpss", rate_hz)
    found = []
    for index, piece in enumerate(pieces):
        whole = reader.whole(index)
        begin = max(0, len(whole) - round(seconds * rate_hz)) // 2
        cut = slice(begin, begin + round(seconds * rate_hz))
        mix = whole[cut]
        stems = {part: stem[cut] for part, stem in reader.stems(index).items()}
        shares, ideal = masks.of(mix, rate_hz), ideal_masks(logmel, stems, mix)
        separated = hpss.separate(mix)
        for part, stem in stems.items():
            if np.mean(stem**2) < 10.0 ** (QUIETEST_DB / 10.0) * np.mean(mix**2):
                continue
            gains = {
                "mask": shares[part.index],
                "root of mask": np.sqrt(shares[part.index]),
                "ideal mask": ideal[part.index],
            }
            sounds = {
                way: filtered(mix[:, None], rate_hz, gain, settings)[:, 0]
                for way, gain in gains.items()
            }
            sounds["harmonic-percussive"] = separated[part]
            before = sdr(stem, mix)
            entry: dict[str, Any] = {"piece": piece.name, "part": part, "mix": before}
            for way, sound in sounds.items():
                entry[way] = np.subtract(sdr(stem, sound), before).tolist()
            found.append(entry)
    return found


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the pieces of each part."""
    rows = []
    for part in PARTS:
        own = [entry for entry in found if entry["part"] == part]
        if own:
            means = {way: np.mean([e[way] for e in own], axis=0) for way in ("mix", *WAYS)}
            rows.append({"part": part, "pieces": len(own)})
            rows[-1] |= {way: mean.round(2).tolist() for way, mean in means.items()}
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; in each cell the SDR and the scale-invariant one."""
    cells = [
        [row["part"], str(row["pieces"]), f"{row['mix'][0]:.1f}"]
        + [f"{row[way][0]:+.1f} / {row[way][1]:+.1f}" for way in WAYS]
        for row in rows
    ]
    return markdown(["part", "pieces", "mix", *WAYS], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="What `partwise audition` gains on the mix.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="STEMS")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each piece")
    parser.add_argument("--json", type=Path, metavar="OUT")
    asked = parser.parse_args()
    masks = PartMasks(load_encoder(asked.model))
    report = {"trunk": masks.encoder.config.trunk, "seconds": asked.seconds, "data": {}}
    for folder in asked.folders:
        rows = summary(measured(folder, masks, asked.seconds))
        digest = data_digest(find_pieces(folder))
        report["data"][folder.name] = {"digest": digest, "parts": rows}
        print(f"{folder.name}, digest {digest}\n\n{table(rows)}\n", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
