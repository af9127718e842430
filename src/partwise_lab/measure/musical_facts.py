"""What is true of a stem: its instrument, key, tempo, loudness and brightness, for the probes.

Where each comes from:

    instrument   the program that rendered the stem, from `metadata.json` (`partwise-lab render`);
                 drums: the font and its kit. Programs are put into groups that sound alike; a stem
                 of several groups has no one instrument, and none is told. Recordings tell none.
    tempo        `tempo_bpm` of the piece; half and double tempo count as the same
    key          an estimate, from the chroma of the piece's clean pitched stems and the
                 Krumhansl-Kessler profiles; relative major and minor count as the same
    loudness     power of the stem below that of the segment it is heard in [dB]
    brightness   spectral centroid of the clean stem, in octaves above 1 Hz
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.data.any_stems import read_metadata
from partwise_lab.data.piece import OnSkip, StemPiece
from partwise_lab.measure.stem_reader import StemReader

# Programs of General MIDI, by the first of each group. The parts but OTHER are one family of eight
# each, so their groups are finer than the families, and those of OTHER coarser: it is often played
# by several instruments of a kind.
_GROUPS: dict[Part, dict[int, str]] = {
    Part.PIANO: {0: "acoustic", 4: "electric", 6: "harpsichord or clavinet", 8: ""},
    Part.BASS: {32: "acoustic", 33: "electric", 36: "slap", 38: "synth", 40: ""},
    Part.GUITAR: {24: "acoustic", 26: "clean electric", 29: "driven", 31: "harmonics", 32: ""},
    Part.OTHER: {
        8: "mallets",
        16: "organ",
        24: "",
        40: "strings or voices",
        56: "winds",
        80: "synth",
        104: "plucked or struck",
        120: "",
    },
}
# How strongly each degree of a key is felt to belong to it (Krumhansl and Kessler 1982).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
SCALES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_QUIETEST_DB = -40.0
_FRAME = 2048  # samples


def instruments(piece: StemPiece, on_skip: OnSkip = lambda *_: None) -> dict[Part, str]:
    """part -> what plays it, of the parts of which the piece's metadata tells one group."""
    home = next(iter(piece.stems.values()))[0].path.parent
    place = home.parent if home.name.lower() == "stems" else home
    stems = read_metadata(place / "metadata.json", piece.name, on_skip).get("stems")
    if not isinstance(stems, dict):
        return {}
    told = {part: instrument(part, stems.get(str(part))) for part in piece.stems}
    return {part: name for part, name in told.items() if name}


def instrument(part: Part, voice: object) -> str | None:
    """The group of one stem's voice, as `render` writes it; None where it is not one."""
    if not isinstance(voice, dict):
        return None
    program_of = voice.get("program_of")
    programs = set(program_of.values()) if isinstance(program_of, dict) else set()
    if part is Part.DRUMS:
        font = voice.get("soundfont")
        if not font or len(programs) > 1:
            return None
        return " ".join([str(font), *(f"kit {kit}" for kit in programs)])
    names = {_group(part, program) for program in programs}
    return names.pop() if len(names) == 1 else None


def _group(part: Part, program: int) -> str | None:
    first = [start for start in _GROUPS[part] if start <= program]
    return (_GROUPS[part][max(first)] or None) if first else None


def scale_of(chroma: np.ndarray) -> int:
    """The major scale (0 = C .. 11 = B) of the key that a chroma [12] correlates best with.

    A minor key has the scale of its relative major.
    """
    best = [
        max(
            (float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]), (tonic + up) % 12)
            for tonic in range(12)
        )
        for profile, up in ((_MAJOR, 0), (_MINOR, 3))
    ]
    return max(best)[1]


def piece_scale(reader: StemReader, index: int) -> int | None:
    """The scale of a piece, estimated from its clean pitched stems; None where there are none."""
    pitched = [part for part in reader.pieces[index].stems if part is not Part.DRUMS]
    if not pitched:
        return None
    samples = np.sum([reader.stem(index, part) for part in pitched], axis=0)
    if not samples.any():
        return None
    chroma = _librosa().feature.chroma_cqt(
        y=samples, sr=reader.sample_rate_hz, hop_length=4096, n_octaves=6
    )
    return scale_of(chroma.mean(axis=1))


def on_circle_of_fifths(scale: int) -> np.ndarray:
    """float [2]: the scale's place on the circle, where scales that share notes are near."""
    return _on_circle(7 * scale % 12 / 12.0)


def folded_tempo(tempo_bpm: float) -> np.ndarray:
    """float [2]: the tempo's place within its octave, on a circle: 60 is 120 is 240 bpm."""
    return _on_circle(math.log2(tempo_bpm))


def _on_circle(turns: float) -> np.ndarray:
    return np.array([math.cos(2.0 * math.pi * turns), math.sin(2.0 * math.pi * turns)])


def loudness_db(stem: np.ndarray, mix: np.ndarray) -> float:
    """Power of the stem against the mix's, at least -40 dB. float32 [samples] each."""
    ratio = float(np.mean(stem**2)) / max(float(np.mean(mix**2)), 1e-12)
    return max(_QUIETEST_DB, 10.0 * math.log10(max(ratio, 1e-12)))


def brightness(stem: np.ndarray, sample_rate_hz: int) -> float:
    """log2 of the spectral centroid [Hz] of float32 [samples], a frame or more of sound."""
    frames = stem[: len(stem) // _FRAME * _FRAME].reshape(-1, _FRAME) * np.hanning(_FRAME)
    magnitude = np.abs(np.fft.rfft(frames, axis=1)).sum(axis=0)
    hz = np.fft.rfftfreq(_FRAME, 1.0 / sample_rate_hz)
    return math.log2(max(float(hz @ magnitude) / max(float(magnitude.sum()), 1e-12), 1.0))


def _librosa() -> Any:
    try:
        import librosa
    except ImportError:
        raise PartwiseError(
            "the probe for the key needs librosa:"
            " pip install 'partwise-lab[bench]' -c constraints.txt"
        ) from None
    return librosa
