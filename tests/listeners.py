"""A tiny tree of Inst-Sim-ABX's shape: tracks as in Slakh2100, where the clips lie, and answers of
simulated listeners, who judge by pitch alone or by brightness alone.

A song has for each of its parts one of two pitches and one of two degrees of brightness (how
strong the overtones are); the parts of a song have nothing to do with each other.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from partwise_lab.measure.abx.split import PieceSplit

RATE_HZ = 22050
SECONDS, CLIP_S = 3.0, 1.0
_CLASSES = {"piano": "Piano", "guitar": "Guitar"}
_BASE_HZ = {"piano": 300.0, "guitar": 420.0}
_PITCHES, _BRIGHTNESSES = (0.0, 1.0), (0.1, 0.7)
COLUMNS = [
    "ex_name",
    "subject_id",
    "reference",
    "sample_a",
    "sample_b",
    "answer_timbre",
    "answer_rhythm",
    "answer_melody",
    "answer_total",
    "choice_time",
]
DUMMY = {
    "ex_name": "ex1",
    "subject_id": "subject1",
    "reference": "samples/dummyX1.wav",
    "sample_a": "samples/dummyX1.wav",
    "sample_b": "samples/dummyB1.wav",
} | {name: "A+" for name in COLUMNS if name.startswith("answer")}


@dataclass(frozen=True)
class Song:
    """part -> pitch in octaves above the part's lowest, and brightness 0..1."""

    number: int
    pitch: dict[str, float]
    brightness: dict[str, float]

    def stem(self, part: str) -> np.ndarray:
        time_s = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
        hz = _BASE_HZ[part] * 2.0 ** self.pitch[part]
        overtones = sum(
            self.brightness[part] ** (k - 1) * np.sin(2 * np.pi * k * hz * time_s)
            for k in range(1, 9)
        )
        pulse = 0.6 + 0.4 * np.sin(2 * np.pi * 4.0 * time_s)
        return (0.05 * pulse * overtones).astype(np.float32)

    def write(self, folder: Path) -> None:
        place = folder / f"Track{self.number:05}"
        (place / "stems").mkdir(parents=True)
        lines = [f"UUID: song{self.number}", "stems:"]
        for key, part in enumerate(self.pitch):
            soundfile.write(place / "stems" / f"S{key:02}.wav", self.stem(part), RATE_HZ)
            lines += [
                f"  S{key:02}:",
                "    audio_rendered: true",
                f"    inst_class: {_CLASSES[part]}",
                "    is_drum: false",
            ]
        (place / "metadata.yaml").write_text("\n".join(lines) + "\n")


def make_songs(count: int, parts: tuple[str, ...] = tuple(_CLASSES), seed: int = 0) -> list[Song]:
    """Songs of these parts, whose numbers begin at 1877."""
    rng = np.random.default_rng(seed)
    return [
        Song(
            1877 + number,
            {part: float(rng.choice(_PITCHES) + rng.uniform(0.0, 0.1)) for part in parts},
            {part: float(rng.choice(_BRIGHTNESSES) + rng.uniform(0.0, 0.05)) for part in parts},
        )
        for number in range(count)
    ]


def between_two_stools(
    songs: list[Song], part: str, count: int, seed: int = 0
) -> list[tuple[Song, Song, Song]]:
    """(X, A, B) such that one of A and B has X's pitch, the other one X's brightness."""
    rng = np.random.default_rng(seed)

    def near(one: dict[str, float], other: dict[str, float]) -> bool:
        return abs(one[part] - other[part]) < 0.2

    found = [
        (x, a, b)
        for x in songs
        for a in songs
        for b in songs
        if len({x.number, a.number, b.number}) == 3
        and near(x.pitch, a.pitch) == near(x.brightness, b.brightness)
        and near(x.pitch, b.pitch) == near(x.brightness, a.brightness)
        and near(x.pitch, a.pitch) != near(x.pitch, b.pitch)
    ]
    return [found[i] for i in rng.permutation(len(found))[:count]]


def write_listening_test(
    folder: Path,
    songs: list[Song],
    chosen: list[tuple[Song, Song, Song]],
    *,
    judges: Literal["pitch", "brightness"] = "pitch",
    listeners: int = 4,
    mistakes: float = 0.1,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Write tracks and answers; returns (Slakh folder, folder of the answers).

    chosen : (X, A, B) of each XAB question, about every part; each has a XYC question beside it.
    """
    rng = np.random.default_rng(seed)
    data, answers = folder / "slakh", folder / "answers"
    for song in songs:
        song.write(data / "test")
    config: dict = {}
    rows: list[dict[str, str]] = [DUMMY]

    def clip(sample: str, test: str, part: str, role: str, song: Song, segment: int) -> str:
        name = f"{role}_{song.number}-{segment}.wav"
        about = {
            "ID": song.number,
            "seg": segment,
            "filename": name,
            "sr": 44100,
            "index_s": int(segment * CLIP_S * 44100),
            "index_e": int((segment + 1) * CLIP_S * 44100),
        }
        of_test = config.setdefault("0", {}).setdefault(sample, {}).setdefault(test, {})
        of_test.setdefault(part, {})[role] = about
        return f"set0/{sample}/{part}/{name}"

    def ask(part: str, reference: str, clips: tuple[str, str], far: tuple[float, float]) -> None:
        for listener in range(listeners):
            right = "A" if far[0] < far[1] else "B"
            wrong = "B" if right == "A" else "A"
            said = wrong if rng.random() < mistakes else right
            sign = "+" if abs(far[0] - far[1]) > 0.5 else "-"
            fields = ["ex1", f"subject{listener}", reference, *clips, "NA", f"{said}{sign}"]
            fields += ["N/A", f"{said}{sign}", "1000"]
            rows.append(dict(zip(COLUMNS, fields, strict=True)))

    for number, (x, a, b) in enumerate(chosen):
        sample = str(number)
        for part in x.pitch:
            quality = {song.number: getattr(song, judges)[part] for song in (x, a, b)}
            far = tuple(abs(quality[s.number] - quality[x.number]) for s in (a, b))
            reference = clip(sample, "test2", part, "X", x, 0)
            first = clip(sample, "test2", part, "A", a, 1)
            ask(part, reference, (first, clip(sample, "test2", part, "B", b, 2)), far)
            clip(sample, "test1", part, "X", x, 0)
            y = clip(sample, "test1", part, "Y", x, 2)
            c = clip(sample, "test1", part, "C", a, 0)
            if number % 2:  # Y is played first or second
                ask(part, reference, (y, c), (0.0, far[0]))
            else:
                ask(part, reference, (c, y), (far[0], 0.0))
    (answers / "sample_configs").mkdir(parents=True)
    (answers / "csvs").mkdir()
    (answers / "sample_configs" / "dict_triplet_1.json").write_text(json.dumps(config))
    write_answers(answers / "csvs" / "answers.csv", rows)
    return data, answers


def write_answers(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["", *COLUMNS])
        writer.writeheader()
        writer.writerows({"": str(number)} | row for number, row in enumerate(rows))
    return path


def answer(
    paths: tuple[str, str, str],
    total: str,
    subject: str = "1",
    experiment: str = "ex1",
    **said: str,
) -> dict[str, str]:
    """One row: reference, sample A and B; said : timbre, rhythm, melody, NA by default."""
    row = dict(zip(("reference", "sample_a", "sample_b"), paths, strict=True))
    row |= {f"answer_{aspect}": said.get(aspect, "NA") for aspect in ("timbre", "rhythm", "melody")}
    return {"ex_name": experiment, "subject_id": subject, "answer_total": total} | row


def write_tuning_test(folder: Path) -> tuple[Path, Path]:
    """Solo tracks whose listeners judge by brightness, with questions in every split of songs."""
    songs = make_songs(40, ("piano",))
    split = PieceSplit.of(str(song.number) for song in songs)
    chosen = []
    for names in (split.train, split.valid, split.test):
        group = [song for song in songs if str(song.number) in names]
        chosen += between_two_stools(group, "piano", 60)
    chosen += between_two_stools(songs, "piano", 20)  # most of them straddle
    return write_listening_test(folder, songs, chosen, judges="brightness")
