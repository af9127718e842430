"""Band arrangements made by `mma` (Musical MIDI Accompaniment) from drawn chord charts.

Each song has a style of mma's library (which brings drums and bass), a chart of sections in a key,
and three tracks of our own laid over every groove, so that all five parts play: piano, guitar, and
another instrument that holds chords, plays a riff or breaks them. What comes out is nobody else's
music: its licence is ours to give.

Song `number` of a seed is always the same song, so a run can be interrupted and repeated.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise.hearing.child import ended_with_parent
from partwise.parts import PARTS
from partwise_lab.data.stems import resumable
from partwise_lab.synthesis.midi import best_window, read_midi
from partwise_lab.synthesis.midi_files import read_skipped

Choice = TypeVar("Choice")

LICENCE = "CC0-1.0 (generated with mma)"
_WINDOW_S, _MIN_ACTIVITY, _MIN_PARTS = 40.0, 0.25, 4  # as `partwise-lab render` asks by default
_LONGEST_S = 60  # of computing, for one song
_AT_ONCE = 32
_TRIES = 12  # songs in a row, from the first on, until it is clear that mma does not work

_KEYS = "C Db D Eb E F Gb G Ab A Bb B".split()
# Four bars each, as steps of the key in semitones and a chord type; a comma parts two chords a bar.
_MAJOR = [
    "0 7 9m 5",
    "0 9m 5 7",
    "9m 5 0 7",
    "0 5 0 7",
    "0 5 7 5",
    "0 4m 5 7",
    "5 7 4m 9m",
    "0 10 5 0",
    "2m 7 0 9m",
    "0M7 9m7 2m7 7z7",
    "4m7 9m7 2m7 7z7",
    "2m7 7z7 0M7 0M7",
    "0,11m7b5 9m7 5M7 7z7",
    "0z7 5z7 0z7 7z7",
    "0M7,9m7 2m7,7z7 0M7 5M7,7z7",
]
_MINOR = [
    "0m 8 3 10",
    "0m 5m 0m 7",
    "0m 10 8 7",
    "0m 10 8 10",
    "0m 3 10 5",
    "0m7 5m7 10z7 3M7",
    "2m7b5 7z7 0m7 0m7",
    "0m 8 5m 7z7",
    "0m,10 8,10 0m 7z7",
    "0m7 3z7 8M7 7z7",
]
# General MIDI programs; the renderer draws again within each group of eight.
_PIANOS, _GUITARS, _BASSES = range(6), range(24, 30), range(32, 40)
_PADS = (16, 18, 19, 48, 49, 50, 52, 89, 90, 91)  # organs, strings, choir, synthesisers
_HORNS = (56, 57, 60, 61, 62, 65, 66, 71, 73, 75)  # brass, reeds, flutes
_PLUCKED = (8, 10, 11, 12, 45, 46, 80, 81, 88, 108)  # mallets, harp, leads


@dataclass(frozen=True)
class Style:
    """A file of mma's library: the grooves in it that make a verse or a chorus."""

    name: str
    grooves: tuple[str, ...]


@dataclass(frozen=True)
class Arrangement:
    """A song as mma reads it, and the name that its title is made from."""

    name: str
    text: str


def mma_library() -> Path:
    """The folder of mma's styles. Raises PartwiseError when mma or its library is not there."""
    program = shutil.which("mma")
    if program is None:
        raise PartwiseError("mma is not installed: try `apt-get install mma`")
    # The same places, in the same order, as mma itself looks at.
    beside = os.path.dirname(os.path.realpath(program))
    home = os.environ.get("MMA_HOME")
    for place in [home] if home else [beside, "/usr/local/share/mma", "/usr/share/mma"]:
        if (Path(place) / "lib" / "stdlib").is_dir():
            return Path(place) / "lib" / "stdlib"
    raise PartwiseError("mma's library of styles was not found: set MMA_HOME to its folder")


def read_styles(library: Path) -> list[Style]:
    """The styles in four beats of a library folder, by name; introductions and ends left out."""
    styles = []
    for path in sorted(library.glob("*.mma")):
        text = path.read_text(errors="replace")
        if set(re.findall(r"^\s*Time\s+(\d+)", text, re.MULTILINE)) != {"4"}:
            continue
        names = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
        played = [n for n in names if not re.search(r"intro|end|fill|metronome|walk$", n, re.I)]
        if played:
            styles.append(Style(path.stem, tuple(played)))
    if not styles:
        raise PartwiseError(f"no style in four beats in {library}")
    return styles


def compose(styles: list[Style], seed: int, number: int) -> Arrangement:
    """Draw song `number`: style, key, tempo, chart and the tracks laid over it."""
    rng = np.random.default_rng([seed, number])
    style = _pick(rng, styles)
    tempo = round(float(72 * (150 / 72) ** rng.random()))
    key, minor = int(rng.integers(12)), rng.random() < 0.4
    phrases = [_phrase(_pick(rng, _MINOR if minor else _MAJOR), key) for _ in range(4)]
    # Two sections of eight bars; the second goes somewhere else.
    sections = {"A": [*phrases[0], *phrases[1]], "B": [*phrases[2], *phrases[3]]}
    grooves = {"A": _pick(rng, style.grooves), "B": _pick(rng, style.grooves)}
    layers = _layers(rng)
    lines = [f"RndSeed {int(rng.integers(1 << 30))}", f"Tempo {tempo}"]
    bar = 1
    form = _pick(rng, ["AABA", "ABAB", "AABB", "ABBA"])
    repeats = -(-int(1.6 * _WINDOW_S * tempo / 240) // 32)  # half again as long as a window
    for section in form * max(1, repeats):
        lines += [f"Groove {grooves[section]}", *layers]
        for chords in sections[section]:
            lines.append(f"{bar} {chords}")
            bar += 1
    return Arrangement(f"{style.name} {_word(seed, number)}", "\n".join(lines) + "\n")


def _pick(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def _phrase(text: str, key: int) -> list[str]:
    """Four bars of mma chords: `9m,7z7` in C is `Am / G7` (half a bar each)."""
    bars = []
    for bar in text.split():
        chords = []
        for chord in bar.split(","):
            step, kind = re.fullmatch(r"(\d+)(.*)", chord).groups()  # type: ignore[union-attr]
            chords.append(_KEYS[(key + int(step)) % 12] + kind.removeprefix("z"))
        bars.append(" / ".join(chords))
    return bars


def _layers(rng: np.random.Generator) -> list[str]:
    """The tracks that follow every groove: the bass's voice, piano, guitar and another."""
    bass = _pick(rng, _BASSES)
    other = int(rng.integers(3))
    return [
        # Some grooves give the bass to a guitar or a tuba.
        f"Bass Voice {bass}",
        f"Walk Voice {bass}",
        *_track("Chord-LayPiano", _pick(rng, _PIANOS), _riff(rng, 2, 6), rng),
        *(
            _track("Arpeggio-LayGuitar", _pick(rng, _GUITARS), _broken(rng), rng)
            if rng.random() < 0.6
            else _track("Chord-LayGuitar", _pick(rng, _GUITARS), _riff(rng, 3, 8), rng, "Strum 8")
        ),
        *(
            _track("Chord-LayOther", _pick(rng, _PADS), "1 1 90", rng),
            _track("Chord-LayOther", _pick(rng, _HORNS), _riff(rng, 1, 4), rng),
            _track("Arpeggio-LayOther", _pick(rng, _PLUCKED), _broken(rng), rng),
        )[other],
    ]


def _track(name: str, voice: int, pattern: str, rng: np.random.Generator, *more: str) -> list[str]:
    direction = _pick(rng, ("Up", "Down", "Both", "Random"))
    lines = [
        f"Voice {voice}",
        f"Octave {int(rng.integers(4, 6))}",
        f"Volume {_pick(rng, ('mp', 'mf', 'f'))}",
        f"Articulate {int(rng.integers(55, 100))}",
        "Rvolume 8",
        "Rtime 4",
        f"Direction {direction}" if name.startswith("Arpeggio") else "Voicing Mode=Optimal",
        *more,
        f"Sequence {{ {pattern} }}",
    ]
    return [f"Begin {name}", *(f"  {line}" for line in lines), "End"]


def _riff(rng: np.random.Generator, fewest: int, most: int) -> str:
    """Chords on some eighths of the bar, each held until the next or played short."""
    weights = np.array([3.0, 0.8, 1.2, 1.5, 2.0, 0.8, 1.2, 1.5])
    count = int(rng.integers(fewest, most + 1))
    starts = sorted(rng.choice(8, size=count, replace=False, p=weights / weights.sum()))
    short = rng.random() < 0.3
    hits = []
    for start, following in zip(starts, [*starts[1:], 8], strict=True):
        ticks = 60 if short else 96 * (following - start)  # 192 ticks are a quarter
        hits.append(f"{1 + start / 2:g} {ticks}t {int(rng.integers(70, 110))}")
    return "; ".join(hits)


def _broken(rng: np.random.Generator) -> str:
    """Single notes in eighths, triplets or sixteenths, some left out."""
    steps, ticks = _pick(rng, ((8, 96), (8, 96), (12, 64), (16, 48)))
    played = rng.random(steps) < rng.uniform(0.5, 1.0)
    played[0] = True
    return "; ".join(
        f"{1 + 4 * step / steps:.4g} {ticks}t {int(rng.integers(70, 100))}"
        for step in np.flatnonzero(played)
    )


def _word(seed: int, number: int) -> str:
    """A made-up word for a song: titles are compared by their letters, so a number would not do."""
    digest = hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=6).digest()
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    return "".join(syllables[byte % len(syllables)] for byte in digest)


def arrange_song(arrangement: Arrangement, path: Path) -> str | None:
    """Let mma write a song to `path`; returns why it is of no use, or None when it is there.

    Raises OSError when the file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="partwise-mma-") as folder:
        made = Path(folder) / "song.mid"
        (Path(folder) / "song.mma").write_text(arrangement.text)
        (Path(folder) / "rc").touch()  # an empty one, or mma would read the user's
        # By names alone: mma writes the path of what it reads into the MIDI file.
        command = ["mma", "-w", "-i", "rc", "-f", "song.mid", "song.mma"]
        try:
            result = subprocess.run(
                ended_with_parent(command),
                cwd=folder,
                capture_output=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"mma did not finish in {_LONGEST_S} s"
        if result.returncode != 0 or not made.exists():
            said = " ".join(result.stdout.decode(errors="replace").split())
            return f"mma refused it: {said[said.find('Error') :][:200]}"
        try:
            _, shares = best_window(read_midi(made), _WINDOW_S)
        except PartwiseError as error:
            return str(error)
        playing = [part for part in PARTS if shares[part] >= _MIN_ACTIVITY]
        if len(playing) < _MIN_PARTS:
            return f"only {', '.join(playing)} play long enough"
        write_whole(path, made.read_bytes())
    return None


def arrange_folder(
    out: Path,
    count: int,
    seed: int = 0,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[int, int]:
    """Write `count` songs and an index.csv into `out`; returns (songs there, songs of no use).

    Songs that mma refuses or in which too few parts play are named in skipped.csv and replaced by
    the next number. `progress(done, skipped, count)` is called as songs are finished.
    Raises PartwiseError when mma is missing or the disk is full.
    """
    styles = read_styles(mma_library())
    skipped: dict[str, str] = {}
    index: list[list[str]] = [["file", "source", "licence", "original_path"]]

    def attempt(number: int) -> tuple[str, str, str | None]:
        name = f"mma-{seed}-{number:06}.mid"
        song = compose(styles, seed, number)
        if name in skipped or (out / name).exists():
            return name, song.name, skipped.get(name)
        return name, song.name, arrange_song(song, out / name)

    with resumable(out):
        out.mkdir(parents=True, exist_ok=True)
        skipped.update(read_skipped(out))
        first = 0
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:  # mma is a process of its own
            while (missing := count - (len(index) - 1)) > 0:
                # Never more at once than are missing, so that the same songs come out every time.
                numbers = range(first, first + min(missing, _AT_ONCE))
                first = numbers.stop
                for name, title, reason in pool.map(attempt, numbers):
                    if reason is None:
                        index.append([name, "mma", LICENCE, f"{title}.mid"])
                    else:
                        skipped[name] = reason
                    if progress:
                        progress(len(index) - 1, len(skipped), count)
                if first >= _TRIES and len(index) == 1:
                    raise PartwiseError(f"mma makes no song of use: {next(iter(skipped.values()))}")
                _write_csv(out / "skipped.csv", [[*row] for row in skipped.items()])
        _write_csv(out / "index.csv", index)
    return len(index) - 1, len(skipped)


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_whole(path, text.getvalue())
