"""Only the window of a MIDI file that rendering plays: small to carry and quick to read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido

from partwise.errors import PartwiseError
from partwise_lab.synthesis.midi import best_window, read_midi

# What stays in force from before the window; bank selects are left out, as the reader does.
_BANK_SELECTS = (0, 32)


@dataclass(frozen=True)
class Window:
    """A file cut to its window: the bytes of a MIDI file."""

    name: str
    data: bytes


def cut(path: Path, seconds: float, min_parts: int, min_activity: float) -> Window | str:
    """The window of `path` that would be rendered, or why it would be skipped."""
    try:
        piece = read_midi(path)
    except PartwiseError as error:
        return str(error)
    start_s, shares = best_window(piece, seconds)
    parts = sum(share >= min_activity for share in shares.values())
    if parts < min_parts:
        return f"{path} has only {parts} parts that sound long enough"
    buffer = io.BytesIO()
    window_of(mido.MidiFile(path, clip=True), start_s, seconds).save(file=buffer)
    return Window(path.name, buffer.getvalue())


def window_of(file: mido.MidiFile, start_s: float, seconds: float) -> mido.MidiFile:
    """`start_s` to `start_s + seconds` of a file as one track, which begins with what was in force.

    Tempo changes stay as they are; notes that began before the window are dropped, and those that
    outlast it are ended with it.
    """
    out = mido.MidiFile(type=0, ticks_per_beat=file.ticks_per_beat)
    track = mido.MidiTrack()
    out.tracks.append(track)
    in_force: dict[tuple, Any] = {}  # mido's messages are untyped
    kept: list[tuple[float, Any]] = []  # (ticks in the window, message)
    sounding: set[tuple[int, int]] = set()
    tempo, time_s, tick, window_ticks = 500_000, 0.0, 0, 0.0
    for at_tick, message in _in_order(file):
        step_s = mido.tick2second(at_tick - tick, file.ticks_per_beat, tempo)
        before_s = max(time_s, start_s)  # what of this step lies in the window begins here
        time_s += step_s
        inside_s = min(time_s, start_s + seconds) - before_s
        if inside_s > 0:
            window_ticks += inside_s / step_s * (at_tick - tick)
        if time_s >= start_s + seconds:
            break
        tick = at_tick
        if message.type == "set_tempo":
            tempo = message.tempo
        key = _what(message)
        if key is None:
            continue
        if key[0] == "note":
            note = key[1:]
            if time_s < start_s or (note not in sounding and not _starts(message)):
                continue
            (sounding.add if _starts(message) else sounding.discard)(note)
        elif time_s < start_s:
            in_force[key] = message
            continue
        kept.append((window_ticks, message))
    end = max(0.0, window_ticks - 1.0)
    kept += [(end, mido.Message("note_off", channel=c, note=n)) for c, n in sorted(sounding)]
    ticks = 0
    for at, message in [(0.0, message) for message in in_force.values()] + kept:
        now = round(min(at, end))
        track.append(message.copy(time=now - ticks, skip_checks=True))
        ticks = now
    return out


def _in_order(file: mido.MidiFile) -> list[tuple[int, Any]]:
    """(tick, message) of all tracks; mido's own merging copies and checks every message."""
    merged = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            merged.append((tick, message))
    merged.sort(key=lambda item: item[0])
    return merged


def _starts(message: Any) -> bool:
    return message.type == "note_on" and message.velocity > 0


def _what(message: Any) -> tuple | None:
    """What a message sets, so that a later one of the same replaces it; None: not needed."""
    kind = message.type
    if kind in ("note_on", "note_off"):
        return "note", message.channel, message.note
    if kind == "control_change" and message.control not in _BANK_SELECTS:
        return kind, message.channel, message.control
    if kind in ("program_change", "pitchwheel", "aftertouch"):
        return kind, message.channel
    if kind in ("set_tempo", "time_signature"):
        return (kind,)
    return None
