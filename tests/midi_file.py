"""Small General MIDI files for tests."""

from __future__ import annotations

from pathlib import Path

import mido

PROGRAMS = {0: 33, 1: 0, 2: 25, 3: 48, 9: 0}  # bass, piano, guitar, strings and drums


def write_midi(
    path: Path,
    seconds: int = 12,
    channels: tuple[int, ...] = (0, 1, 2, 3, 9),
    start_s: int = 0,
    transpose: int = 0,
) -> Path:
    """A piece in 120 bpm: a note every half second on each channel."""
    file = mido.MidiFile(ticks_per_beat=480)
    for channel in channels:
        track = mido.MidiTrack()
        track.append(mido.Message("program_change", channel=channel, program=PROGRAMS[channel]))
        wait = start_s * 960
        for step in range((seconds - start_s) * 2):
            note = (36 if channel == 9 else 40 + 7 * channel) + transpose + step % 3
            track.append(mido.Message("note_on", channel=channel, note=note, time=wait))
            track.append(mido.Message("note_off", channel=channel, note=note, time=400))
            wait = 80
        file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path
