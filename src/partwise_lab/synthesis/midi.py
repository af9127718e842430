"""Multi-track General MIDI split into the five parts, in seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mido
import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part

PERCUSSION_CHANNEL = 9
_LONGEST_S = 1800.0
_RESET_ALL_CONTROLLERS = 121


@dataclass(frozen=True)
class Note:
    """One note; times in seconds from the start of the piece."""

    start_s: float
    end_s: float
    channel: int
    program: int
    key: int
    velocity: int


@dataclass
class MidiPiece:
    """A MIDI file read into notes per part and the controller messages of each channel.

    tempos : (time_s, quarter notes per minute) at each change, from 0 s on.
    """

    path: Path
    notes: dict[Part, list[Note]] = field(default_factory=lambda: {part: [] for part in PARTS})
    controls: list[tuple[float, Any]] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 120.0)])
    seconds: float = 0.0

    def activity(self, part: Part) -> np.ndarray:
        """bool [seconds of the piece, rounded up]: whether the part sounds in each second."""
        active = np.zeros(int(self.seconds) + 1, dtype=bool)
        for note in self.notes[part]:
            active[int(note.start_s) : int(note.end_s) + 1] = True
        return active

    def tempo_bpm(self, start_s: float, seconds: float) -> float:
        """The tempo of a window: its quarter notes over its minutes."""
        end_s = start_s + seconds
        until = [time_s for time_s, _ in self.tempos[1:]] + [float("inf")]
        beats = sum(
            max(0.0, min(to_s, end_s) - max(from_s, start_s)) * bpm / 60
            for (from_s, bpm), to_s in zip(self.tempos, until, strict=True)
        )
        return round(beats / seconds * 60, 2)


def part_of(channel: int, program: int) -> Part:
    """The part that a General MIDI channel and program (0..127) belongs to."""
    if channel == PERCUSSION_CHANNEL:
        return Part.DRUMS
    if program < 8:
        return Part.PIANO
    if 24 <= program < 32:
        return Part.GUITAR
    if 32 <= program < 40:
        return Part.BASS
    return Part.OTHER


def read_midi(path: str | Path) -> MidiPiece:
    """Read a MIDI file. Raises PartwiseError when it is broken or empty, naming the cause."""
    path = Path(path)
    try:
        file = mido.MidiFile(path, clip=True)
        messages, tempos = _timed(file)
    except FileNotFoundError:
        raise PartwiseError(f"MIDI file {path} does not exist") from None
    except Exception as error:  # mido raises many kinds on broken bytes; the cause is kept
        cause = str(error) or type(error).__name__
        raise PartwiseError(f"MIDI file {path} is broken: {cause}") from error
    piece = MidiPiece(path, tempos=tempos)
    programs = [0] * 16
    sounding: dict[tuple[int, int], tuple[float, int, int]] = {}

    def close(channel: int, key: int, end_s: float) -> None:
        start_s, velocity, program = sounding.pop((channel, key))
        note = Note(start_s, max(end_s, start_s + 0.02), channel, program, key, velocity)
        piece.notes[part_of(channel, program)].append(note)

    for time_s, message in messages:
        if time_s > _LONGEST_S:
            break
        piece.seconds = time_s
        kind = message.type
        if kind == "program_change":
            programs[message.channel] = message.program
        elif kind in ("control_change", "pitchwheel", "aftertouch"):
            # Bank selects would fetch variations that only some fonts have.
            if not (kind == "control_change" and message.control in (0, 32)):
                piece.controls.append((time_s, message))
        elif kind in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if key in sounding:
                close(*key, time_s)
            if kind == "note_on" and message.velocity > 0:
                sounding[key] = (time_s, message.velocity, programs[message.channel])
    for channel, key in list(sounding):
        close(channel, key, piece.seconds)
    if not any(piece.notes.values()):
        raise PartwiseError(f"MIDI file {path} holds no notes")
    return piece


def _timed(file: mido.MidiFile) -> tuple[list[tuple[float, Any]], list[tuple[float, float]]]:
    """Channel messages (untyped in mido) and tempos, each with its time in seconds."""
    if file.ticks_per_beat <= 0:
        raise ValueError("it counts film frames instead of beats")
    time_s = 0.0
    timed, tempos = [], [(0.0, 120.0)]
    for message in file:  # iterating merges the tracks and turns ticks into seconds
        time_s += message.time
        if message.type == "set_tempo" and message.tempo > 0:
            tempos.append((time_s, 60e6 / message.tempo))
        elif not message.is_meta and hasattr(message, "channel"):
            timed.append((time_s, message))
    return timed, tempos


def best_window(piece: MidiPiece, seconds: float) -> tuple[float, dict[Part, float]]:
    """Where the most parts sound: start in seconds, and each part's share of active seconds.

    A part counts as far as it sounds in half of the window; more than that does not win.
    """
    length = max(1, round(seconds))
    activity = np.stack([piece.activity(part) for part in PARTS]).astype(np.float64)
    length = min(length, activity.shape[1])
    sums = np.cumsum(np.pad(activity, ((0, 0), (1, 0))), axis=1)
    shares = (sums[:, length:] - sums[:, :-length]) / length  # [parts, starts]
    start = int(np.argmax(np.minimum(shares, 0.5).sum(axis=0)))
    return float(start), {part: float(shares[part.index, start]) for part in PARTS}


def notes_within(piece: MidiPiece, part: Part, start_s: float, seconds: float) -> list[Note]:
    """The part's notes that start in the window, in the order of the file."""
    return [n for n in piece.notes[part] if start_s <= n.start_s < start_s + seconds]


def write_window(
    piece: MidiPiece,
    part: Part,
    start_s: float,
    seconds: float,
    path: Path,
    *,
    program_of: dict[int, int],
    channel: int | None = None,
    tuning_cents: float = 0.0,
    velocity_of: Callable[[int], int] | None = None,
) -> None:
    """Write one part of one window as a MIDI file of its own, with constant tempo.

    program_of : replacement for each program that occurs in the part's notes.
    channel : send all notes to this channel instead of their own (drum fonts on bank 0).
    tuning_cents : how far every note is out of tune, -100..100.
    velocity_of : the velocity (1..127) that a note is played with, from the one in the file.
    """
    end_s = start_s + seconds
    notes = notes_within(piece, part, start_s, seconds)
    channels = {n.channel for n in notes}
    # (time, order): at one instant controllers come first, then note ends, then note starts.
    events: list[tuple[float, int, mido.Message]] = []
    for time_s, message in piece.controls:
        if message.channel in channels and time_s < end_s:
            target = message.channel if channel is None else channel
            at_s = max(0.0, time_s - start_s)
            events.append((at_s, 0, message.copy(channel=target)))
            if message.type == "control_change" and message.control == _RESET_ALL_CONTROLLERS:
                events += [(at_s, 0, tuning) for tuning in _tuning(target, tuning_cents)]
    for target in sorted(channels) if channel is None else [channel]:
        events += [(0.0, 0, tuning) for tuning in _tuning(target, tuning_cents)]
    current: dict[int, int] = {}
    for note in sorted(notes, key=lambda n: n.start_s):
        target = note.channel if channel is None else channel
        at_s = note.start_s - start_s
        program = program_of.get(note.program, note.program)
        if current.get(target) != program:
            current[target] = program
            message = mido.Message("program_change", channel=target, program=program)
            events.append((at_s, 2, message))
        velocity = velocity_of(note.velocity) if velocity_of else note.velocity
        on = mido.Message("note_on", channel=target, note=note.key, velocity=velocity)
        off = mido.Message("note_off", channel=target, note=note.key)
        events.append((at_s, 3, on))
        events.append((min(note.end_s, end_s) - start_s, 1, off))
    events.sort(key=lambda event: (event[0], event[1]))
    file = mido.MidiFile(ticks_per_beat=500)  # with the default 120 bpm: 1000 ticks a second
    track = mido.MidiTrack()
    file.tracks.append(track)
    ticks = 0
    for time_s, _, message in events:
        now = round(time_s * 1000)
        track.append(message.copy(time=now - ticks))
        ticks = now
    file.save(path)


def _tuning(channel: int, cents: float) -> list[mido.Message]:
    """Registered parameter 1, channel fine tuning: 14 bits for -100..100 cents."""
    if not cents:
        return []
    value = min(16383, max(0, round(8192 + cents / 100 * 8192)))
    steps = [(101, 0), (100, 1), (38, value & 127), (6, value >> 7), (101, 127), (100, 127)]
    return [
        mido.Message("control_change", channel=channel, control=control, value=data)
        for control, data in steps
    ]


def title_of(name: str) -> str:
    """A piece's title for splitting: the file's name without numbers, brackets and versions.

    Several sequences of one tune differ in such marks only and must fall on one side of a split.
    """
    stem = name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    stem = re.sub(r"\(.*?\)|\[.*?\]", " ", stem)
    stem = re.sub(r"(^|[^a-z])(v|ver|version|remix|mix|xg|gs|gm|midi?)(?=[^a-z]|$)", " ", stem)
    letters = re.sub(r"[^a-z]+", "", stem)
    return letters or stem.strip()
