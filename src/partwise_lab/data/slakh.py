"""Slakh2100: 2,100 songs of the Lakh MIDI data set, played by sampled instruments, 145 hours.

Source     : https://zenodo.org/records/4599666 (`slakh2100_flac_redux.tar.gz`, 105 GB);
             BabySlakh, 20 songs of 16 kHz: https://zenodo.org/records/4603870
Licence    : CC BY 4.0 for the audio; the MIDI files are from the web, no licence stated.
Splits     : folders `train`, `validation`, `test`. The original release has the same MIDI file in
             several songs, also across splits; Slakh2100-redux moves 390 of them to `omitted`,
             which is not read here (1,289 + 270 + 151 songs remain). Where the original is given,
             the first song of each MIDI file is used, and the title is that of the MIDI file.
Cite       : E. Manilow, G. Wichern, P. Seetharaman, J. Le Roux: Cutting music source separation
             some Slakh: a dataset to study the impact of training data quality and quantity,
             WASPAA 2019.
Layout     : `TrackNNNNN/metadata.yaml`, `TrackNNNNN/stems/SNN.flac` (wav in BabySlakh), and
             `all_src.mid`, from which the first tempo is taken.
Parts      : by `inst_class`, the General MIDI class: Drums, Bass, Piano and Guitar are themselves,
             all else is OTHER; stems of one part are summed. Loudnesses are those of the mix.
Known wrong: every stem is as loud as every other before mixing (-13 LUFS), so the balance is no
             mixing engineer's. Nobody sings. Sound effects and a few stems were not rendered
             (`audio_rendered: false`).

The files are read directly and not through mirdata: mirdata 1.0 first downloads an index of its own
from Zenodo, expects exactly the release that the index describes (so no subset), and brings about
forty packages, where one small YAML file a song tells all that is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.data.piece import OnSkip, Recording, StemPiece, assemble, cause_of

_PARTS = {"drums": Part.DRUMS, "bass": Part.BASS, "piano": Part.PIANO, "guitar": Part.GUITAR}
_OMITTED = "omitted"
_TEMPO_EVENT = b"\xff\x51\x03"  # followed by three bytes: microseconds per quarter note


def _records(folder: Path) -> list[Path]:
    found = [*folder.glob("*/metadata.yaml"), *folder.glob("*/*/metadata.yaml")]
    return sorted(path for path in found if path.parent.parent.name != _OMITTED)


def is_slakh(folder: Path) -> bool:
    """Whether songs of Slakh2100 lie in the folder or in the splits below it."""
    return bool(_records(folder))


def part_of(stem: dict[str, Any]) -> Part:
    """The part that a stem's entry in metadata.yaml belongs to."""
    if stem.get("is_drum"):
        return Part.DRUMS
    return _PARTS.get(str(stem.get("inst_class", "")).strip().lower(), Part.OTHER)


def slakh_pieces(folder: Path, on_skip: OnSkip) -> list[StemPiece]:
    """The songs but those omitted; each part is the sum of its stems."""
    pieces = []
    seen: dict[str, str] = {}
    for record in _records(folder):
        place = record.parent
        name = place.relative_to(folder).as_posix()
        recordings: dict[Part, list[Recording]] = {}
        try:
            about = _read_yaml(record)
            title = str(about.get("UUID") or place.name)
            for key, stem in sorted(about["stems"].items()):
                if stem.get("audio_rendered", True):
                    recordings.setdefault(part_of(stem), []).append(_recording(place, key))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            on_skip(name, f"{record} cannot be used: {cause_of(error)}")
            continue
        if title in seen:
            on_skip(name, f"it plays the same MIDI file as {seen[title]}")
            continue
        piece = assemble(name, title, recordings, on_skip, tempo_bpm=first_tempo_bpm(place))
        if piece:
            seen[title] = name
            pieces.append(piece)
    return pieces


def _recording(place: Path, key: str) -> Recording:
    flac = place / "stems" / f"{key}.flac"
    wav = flac.with_suffix(".wav")
    return Recording(wav if wav.exists() else flac)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise PartwiseError(
            "reading Slakh2100 needs PyYAML: pip install -c constraints.txt ./lab"
        ) from None
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def first_tempo_bpm(place: Path) -> float | None:
    """The first tempo of `all_src.mid`; None where it cannot be told."""
    try:
        midi = (place / "all_src.mid").read_bytes()
    except OSError:
        return None
    at = midi.find(_TEMPO_EVENT)
    beat_us = int.from_bytes(midi[at + 3 : at + 6], "big") if at >= 0 else 0
    bpm = 60e6 / beat_us if beat_us else 0.0
    return round(bpm, 3) if 20.0 <= bpm <= 400.0 else None
