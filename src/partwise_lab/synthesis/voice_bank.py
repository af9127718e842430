"""A bank of voices to mix into training: eSpeak NG speaks, and we make it sing.

Real songs are sung and MIDI is not. A bank is a folder of `voice-<n>.ogg` (mono, 22,050 Hz, Vorbis)
and `voices.json`, which says of each clip what it is. Every clip is one singer's, speaker's or
choir's, so it can be told apart from the others as a song's voice can. Ten minutes take about 3 MB.

Data-set card: made by `partwise-lab voices` from a seed, with words of our own; eSpeak NG (GPL-3)
is only run, none of it goes into the bank.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from partwise.atomic import write_whole
from partwise.audio.resample import resample
from partwise.errors import PartwiseError
from partwise.hearing.child import ended_with_parent
from partwise_lab.synthesis.singing import SAMPLE_RATE_HZ, Singer, Syllable, draw_melody, sing

CLIP_S = 15.0
_KINDS, _CHANCES = ("lead", "doubled", "choir", "spoken"), (0.5, 0.15, 0.15, 0.2)
_LANGUAGES = "en-us en-gb es it fr-fr de pt-br sv pl fi tr".split()
_VARIANTS = "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 croak".split()
_WORDS = (
    "la na oh yeah hey ooh da doo ah mama river morning fire silver moon run again tonight tell "
    "home away over never rain summer hold on love light heart dance shadow open road wind blue "
    "sky turning alone call name stay little world golden falling star water stone dream wild "
    "amor vida noche sol luna mar cielo vento strada cuore sempre bella toujours rue monde nuit "
    "Stern Himmel Wasser Haus leben warten fliegen saudade rosa fado natt sommar vinter kesken"
).split()


def build_voice_bank(
    out: Path,
    seconds: float,
    seed: int,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Make a bank of `seconds` in all, in clips of `CLIP_S`; returns the number of clips.

    The same seed gives the same voices; clips of a bank that was interrupted are kept. Raises
    PartwiseError when eSpeak NG is missing or the disk is full.
    """
    if shutil.which("espeak-ng") is None:
        raise PartwiseError(
            "voices are spoken by eSpeak NG, which is not installed: apt-get install espeak-ng"
        )
    count = max(1, round(seconds / CLIP_S))
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Threads are enough: eSpeak runs in processes of its own and NumPy lets go of the lock.
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            clips = []
            for clip in pool.map(partial(_make_clip, out, seed), range(count)):
                clips.append(clip)
                if progress:
                    progress(len(clips), count)
        index = {"seed": seed, "sample_rate_hz": SAMPLE_RATE_HZ, "clips": clips}
        write_whole(out / "voices.json", json.dumps(index, indent=1) + "\n")
    except (OSError, soundfile.LibsndfileError) as error:
        raise PartwiseError(f"voice bank {out} cannot be written: {error}") from None
    return count


def read_voice_bank(folder: Path, sample_rate_hz: int) -> list[np.ndarray]:
    """Every clip of a bank as float32 mono. Raises PartwiseError when `folder` holds none."""
    try:
        clips = json.loads((folder / "voices.json").read_text())["clips"]
        sounds = [soundfile.read(folder / c["file"], dtype="float32") for c in clips]
    except FileNotFoundError:
        raise PartwiseError(
            f"{folder} holds no voices: make some with partwise-lab voices"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, soundfile.LibsndfileError) as error:
        raise PartwiseError(f"voice bank {folder} cannot be read: {error}") from None
    return [resample(samples, rate_hz, sample_rate_hz) for samples, rate_hz in sounds]


def _make_clip(out: Path, seed: int, number: int) -> dict[str, Any]:
    """Write one clip; what the index says of it. It depends on nothing but seed and number."""
    rng = np.random.default_rng([seed, number])
    kind = str(rng.choice(_KINDS, p=_CHANCES))
    file = f"voice-{seed}-{number:03}.ogg"
    speakers = [_draw_speaker(rng) for _ in range({"doubled": 2, "choir": 5}.get(kind, 1))]
    if kind == "doubled":
        speakers[1] = speakers[0]
    about = {"file": file, "kind": kind, "speakers": speakers, "seconds": CLIP_S}
    if not (out / file).exists():
        samples = _spoken(speakers[0], rng) if kind == "spoken" else _sung(kind, speakers, rng)
        partial_path = out / f"{file}.partial"
        soundfile.write(
            partial_path,
            samples * (0.7 / max(float(np.abs(samples).max()), 1e-9)),
            SAMPLE_RATE_HZ,
            format="OGG",
            subtype="VORBIS",
            compression_level=0.8,
        )
        os.replace(partial_path, out / file)
    return about


def _draw_speaker(rng: np.random.Generator) -> str:
    return f"{rng.choice(_LANGUAGES)}+{rng.choice(_VARIANTS)}"


def _sung(kind: str, speakers: list[str], rng: np.random.Generator) -> np.ndarray:
    """A melody sung by one singer, one singer twice, or a choir in harmony."""
    words = [str(w) for w in rng.choice(_WORDS, 16, replace=False)]
    low = float(rng.integers(43, 64))  # G2 to D#4
    melody = draw_melody(rng, CLIP_S - 0.5, len(words), low)
    harmony = (0, 0, 7, -5, 12) if kind == "choir" else (0, 0)
    singer, total = Singer.draw(rng), np.zeros(round(CLIP_S * SAMPLE_RATE_HZ))
    for speaker, interval in zip(speakers, harmony, strict=False):
        if kind == "choir":
            singer = Singer.draw(rng)
        late_s, off = abs(rng.normal(0.0, 0.025)), interval + rng.normal(0.0, 0.07)
        notes = [Syllable(n.start_s + late_s, n.length_s, n.pitch + off, n.word) for n in melody]
        spoken = {i: _speak(words[i], speaker, 50, 150) for i in {n.word for n in notes}}
        total += sing(notes, spoken.__getitem__, singer, CLIP_S, rng)
    return total


def _spoken(speaker: str, rng: np.random.Generator) -> np.ndarray:
    """Talk or rap: phrases of random words at one pitch and pace."""
    pitch, pace = int(rng.integers(10, 95)), int(rng.integers(120, 240))
    total, at = np.zeros(round(CLIP_S * SAMPLE_RATE_HZ)), 0
    while at < len(total):
        phrase = " ".join(str(w) for w in rng.choice(_WORDS, int(rng.integers(4, 10))))
        said = _speak(phrase, speaker, pitch, pace)[: len(total) - at]
        total[at : at + len(said)] = said
        at += len(said) + int(rng.uniform(0.1, 0.8) * SAMPLE_RATE_HZ)
    return total


def _speak(text: str, speaker: str, pitch: int, pace: int) -> np.ndarray:
    """eSpeak NG's voice, float32 mono [samples], without the silence around it.

    pitch : 0..99; pace : words a minute
    """
    command = ["espeak-ng", "-v", speaker, "-p", str(pitch), "-s", str(pace), "--stdout", text]
    made = subprocess.run(ended_with_parent(command), capture_output=True, check=False)
    if made.returncode or len(made.stdout) < 46:
        reason = made.stderr.decode(errors="replace").strip() or "it said nothing"
        raise PartwiseError(f"espeak-ng failed on voice {speaker}: {reason}")
    # The header of a WAV on a pipe does not know its length: 44 bytes, then int16.
    samples = np.frombuffer(made.stdout[44 : len(made.stdout) // 2 * 2], dtype="<i2") / 32768.0
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    if not len(loud):
        return np.zeros(SAMPLE_RATE_HZ // 4, dtype=np.float32)
    return samples[loud[0] : loud[-1] + 1].astype(np.float32)
