"""Play one part of a window with its voice: FluidSynth for SoundFonts, samples for drum kits."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np

from partwise.errors import PartwiseError
from partwise.hearing.child import ended_with_parent
from partwise.parts import Part
from partwise_lab.synthesis.effects import apply_chain
from partwise_lab.synthesis.hydrogen import DrumKit, play_kit
from partwise_lab.synthesis.midi import MidiPiece, notes_within, write_window
from partwise_lab.synthesis.soundfont import SoundFont
from partwise_lab.synthesis.voices import Voice

_LONGEST_S = 300  # of computing, for one part
_KIT_GAIN = 0.3  # brings kits to the level of SoundFonts, which FluidSynth plays at a gain of 0.5


def check_fluidsynth() -> None:
    """Raises PartwiseError when the `fluidsynth` program is not installed."""
    if shutil.which("fluidsynth") is None:
        raise PartwiseError("FluidSynth is not installed: try `apt-get install fluidsynth`")


def check_font(font: SoundFont) -> None:
    """Play one note. Raises PartwiseError when the font stays silent or FluidSynth refuses it."""
    if not font.melodic and not font.kits:
        raise PartwiseError(f"SoundFont {font.path} has no General MIDI program and no drum kit")
    track = mido.MidiTrack()
    if font.melodic and not font.drums_only:
        channel, key, program = 0, 60, font.melodic[0]
    else:
        channel, key, program = (0, 38, 0) if font.drums_only else (9, 38, font.kits[0])
    track.append(mido.Message("program_change", channel=channel, program=program))
    track.append(mido.Message("note_on", channel=channel, note=key, velocity=100))
    track.append(mido.Message("note_off", channel=channel, note=key, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    with tempfile.TemporaryDirectory(prefix="partwise-font-") as folder:
        midi = Path(folder) / "note.mid"
        file.save(midi)
        samples = _fluidsynth(font.path, midi, 8000, {}, f"SoundFont {font.path}")
    if not np.any(np.abs(samples) > 1e-4):
        raise PartwiseError(f"SoundFont {font.path} cannot be played: it stays silent")


def play_part(
    piece: MidiPiece,
    part: Part,
    start_s: float,
    seconds: float,
    voice: Voice,
    sample_rate_hz: int,
    work: Path,
) -> np.ndarray:
    """float32 [samples], mono: one part of a window played by its voice, effects included.

    `work` is a folder for intermediate files. Raises PartwiseError when it cannot be played.
    """
    if isinstance(voice.font, DrumKit):
        notes = [
            (note.start_s - start_s, note, voice.touch(note.velocity))
            for note in notes_within(piece, part, start_s, seconds)
        ]
        samples = _KIT_GAIN * play_kit(
            voice.font,
            notes,
            seconds,
            sample_rate_hz,
            variant=voice.variant,
            tuning_cents=voice.tuning_cents,
        )
    else:
        midi = work / f"{part}.mid"
        write_window(
            piece,
            part,
            start_s,
            seconds,
            midi,
            program_of=voice.program_of,
            channel=0 if voice.font.drums_only else None,
            tuning_cents=voice.tuning_cents,
            velocity_of=voice.touch,
        )
        options = {
            "synth.reverb.active": int(voice.reverb),
            "synth.reverb.room-size": voice.reverb_room,
            "synth.reverb.level": voice.reverb_level,
            "synth.chorus.active": int(voice.chorus),
        }
        what = f"{piece.path}: {part}"
        samples = _fluidsynth(voice.font.path, midi, sample_rate_hz, options, what)
    length = round(seconds * sample_rate_hz)
    samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    return apply_chain(voice.effects, samples, sample_rate_hz)


def _fluidsynth(
    font: Path, midi: Path, sample_rate_hz: int, options: dict[str, float], what: str
) -> np.ndarray:
    """float32 [samples], mono: a MIDI file played with a SoundFont, one process."""
    command = ["fluidsynth", "-n", "-i", "-q", "-g", "0.5", "-r", str(sample_rate_hz)]
    options = {"synth.dynamic-sample-loading": 1, "synth.cpu-cores": 1} | options
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    # To a pipe, so that a full disk can never cut a stem short.
    command += ["-T", "raw", "-O", "float", "-F", "-", str(font), str(midi)]
    try:
        result = subprocess.run(
            ended_with_parent(command), capture_output=True, timeout=_LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PartwiseError(f"{what}: FluidSynth did not finish in {_LONGEST_S} s") from None
    said = result.stderr.decode(errors="replace")
    refused = [line for line in said.splitlines() if line.startswith("fluidsynth: error")]
    if result.returncode != 0 or refused or not result.stdout:
        cause = (refused or said.strip().splitlines() or ["no message"])[-1]
        raise PartwiseError(f"{what}: FluidSynth failed: {cause}")
    stereo = np.frombuffer(result.stdout, dtype=np.float32)
    return stereo[: len(stereo) // 2 * 2].reshape(-1, 2).mean(axis=1)
