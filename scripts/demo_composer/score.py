"""Notes, the feel they are played with, and MIDI files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import mido
import numpy as np

TICKS_PER_BEAT = 960


@dataclass(frozen=True)
class Note:
    """One note; times in beats, velocity 0..1, ``bend_from`` semitones of slide into the pitch."""

    beat: float
    beats: float
    key: int
    velocity: float
    bend_from: float = 0.0


def grid(pattern: str) -> Iterator[tuple[float, float]]:
    """(beat, velocity 0..1) for each digit of a pattern of 16 steps a bar.

    `.` is a rest and `r` a rattle: two strokes in one step.
    """
    for step, sign in enumerate(pattern):
        if sign == "r":
            yield step / 4, 0.62
            yield step / 4 + 0.125, 0.55
        elif sign != ".":
            yield step / 4, int(sign) / 9


def strum(
    beat: float, keys: Sequence[int], beats: float, velocity: float, spread: float
) -> list[Note]:
    """A chord whose strings sound one after another, ``spread`` beats from first to last.

    A negative spread starts from the highest string.
    """
    order = sorted(keys, reverse=spread < 0)
    step = abs(spread) / max(1, len(order) - 1)
    return [
        Note(beat + i * step, beats - i * step, key, velocity * (1 - 0.04 * i))
        for i, key in enumerate(order)
    ]


def swung(notes: Sequence[Note], swing: float) -> list[Note]:
    """Delay the off-beats: 0 is straight, 1 is a triplet feel."""

    def warp(beat: float) -> float:
        whole = np.floor(beat)
        part = beat - whole
        middle = 0.5 + swing / 6
        moved = part / 0.5 * middle if part < 0.5 else middle + (part - 0.5) / 0.5 * (1 - middle)
        return float(whole + moved)

    return [
        replace(n, beat=warp(n.beat), beats=max(0.05, warp(n.beat + n.beats) - warp(n.beat)))
        for n in notes
    ]


def humanised(
    notes: Sequence[Note], rng: np.random.Generator, timing: float, dynamics: float
) -> list[Note]:
    """Small errors of timing (standard deviation in beats) and of velocity."""
    return [
        replace(
            note,
            beat=max(0.0, note.beat + float(rng.normal(0, timing))),
            velocity=float(np.clip(note.velocity + rng.normal(0, dynamics), 0.06, 1.0)),
        )
        for note in notes
    ]


def write_midi(
    notes: Sequence[Note], path: Path, *, bpm: float, bank: int, program: int, tail_s: float
) -> None:
    """Write one track; ``bank`` 128 is percussion. Silence of ``tail_s`` seconds follows."""
    channel = 9 if bank == 128 else 0
    events: list[tuple[int, int, mido.Message]] = []
    end = 0
    for note in notes:
        start = round(note.beat * TICKS_PER_BEAT)
        stop = max(start + 20, round((note.beat + note.beats) * TICKS_PER_BEAT))
        end = max(end, stop)
        if note.bend_from:
            for i in range(9):
                bend = round(note.bend_from / 2 * 8191 * (1 - i / 8))
                time = start + round(i * TICKS_PER_BEAT * 0.02)
                events.append((time, 1, mido.Message("pitchwheel", pitch=bend, channel=channel)))
        velocity = int(np.clip(round(note.velocity * 127), 1, 127))
        on = mido.Message("note_on", note=note.key, velocity=velocity, channel=channel)
        events.append((start, 2, on))
        events.append((stop, 0, mido.Message("note_off", note=note.key, channel=channel)))
    # At one instant: first what ends, then bends, then what starts.
    events.sort(key=lambda event: event[:2])
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
    track.append(mido.Message("program_change", program=program, channel=channel))
    now = 0
    for time, _, message in events:
        track.append(message.copy(time=time - now))
        now = time
    tail = round(tail_s * bpm / 60 * TICKS_PER_BEAT)
    # FluidSynth stops with the last event: a silent controller keeps it going for the tail.
    track.append(mido.Message("control_change", control=3, value=0, channel=channel, time=tail))
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(track)
    file.save(path)
