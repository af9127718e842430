"""Any folder of stems, also the one that `partwise-lab render` writes.

Layout     : a folder per piece, at any depth, with the stems' files in it or in its `stems/`:
             `<piece>/drums.flac`, `<piece>/stems/01 Bass DI.wav`, ... in any format that can be
             decoded. Files of one part are summed.
Parts      : told by the words in a file's name ("kick", "Rhodes", "gtr 2", "BassDrums": see
             `parts_of_name`). A file that names several parts is no stem, but is kept for the mix;
             one that names none, and mixes, are left out.
             `parts.json` in the folder, or a file given instead of it, has the last word:
             `{"piece/file.wav": "piano", "piece/click.wav": null}`; or `parts.csv` with the
             columns `file` and `part`. Null or an empty part leaves the file out, "mixed" keeps it
             for the mix alone.
Metadata   : `metadata.json` beside the stems or above `stems/`, with `title` (equal for versions
             of one composition), `tempo_bpm` and `players` (who plays all of its parts, where
             they play in the same way in other pieces), all optional.
Known wrong: names lie; look at what is reported as left out. Where a piece has files called
             `vocals` and `other`, the latter is what a separation data set or program calls so:
             pianos and guitars without a file of their own may sound in it, so their presence is
             taken as unknown.
"""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

from partwise.audio.types import is_audio_name
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.piece import OnSkip, Recording, StemPiece, assemble

MIXED = "mixed"

# Phrases come first: what their words mean alone is something else.
_PHRASES = {
    Part.DRUMS: "bass drum,synth drum,synth drums,drum synth,drum machine",
    Part.BASS: "bass guitar,synth bass,bass synth,string bass,acoustic bass,electric bass,sub bass",
    Part.PIANO: "electric piano,synth piano,e piano",
    Part.OTHER: (
        "bass clarinet,bass trombone,bass flute,bass sax,bass voice,bass vocal,bass vocals,"
        "steel drum,steel drums,lap harp,piano accordion,vocal percussion"
    ),
}
_WORDS = {
    Part.DRUMS: (
        "drum drums drumkit drumset kick kickdrum bassdrum snare snares hat hats hihat hihats tom "
        "toms cymbal cymbals ride crash overhead overheads percussion perc shaker shakers "
        "tambourine conga congas bongo bongos clap claps cowbell beat beats timbales"
    ),
    Part.BASS: "bass basses bassguitar contrabass upright",
    Part.PIANO: (
        "piano pianos keys keyboard keyboards rhodes wurlitzer wurli epiano clavinet clav "
        "harpsichord"
    ),
    Part.GUITAR: "guitar guitars gtr gtrs guit guits egtr agtr",
    Part.OTHER: (
        "other others vocal vocals vox voice voices voc vocs singer singers choir choirs rap synth "
        "synths synthesizer synthesiser string strings violin violins viola cello orchestra brass "
        "horn horns trumpet trombone tuba sax saxophone flute clarinet oboe bassoon wind winds "
        "reed reeds organ hammond accordion harmonica pad pads fx sfx effects mallets vibraphone "
        "vibes marimba xylophone glockenspiel bells harp sitar banjo mandolin ukulele theremin"
    ),
}
_MIX_WORDS = set("mix mixed mixture mixdown master full song instrumental backing".split())
# Where no word fits, these are looked for inside of words ("mydrums2", "bassdrums").
_INSIDE = {"drum": Part.DRUMS, "bass": Part.BASS, "piano": Part.PIANO, "guitar": Part.GUITAR}
_INSIDE |= {"vocal": Part.OTHER, "voice": Part.OTHER, "synth": Part.OTHER}

_PART_OF_PHRASE = {tuple(ph.split()): p for p, text in _PHRASES.items() for ph in text.split(",")}
_PART_OF_WORD = {word: part for part, text in _WORDS.items() for word in text.split()}


def words_of(name: str) -> list[str]:
    """The words in a file's name, lower case: split at camel case, digits and signs."""
    stem = Path(name).stem
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower())


def parts_of_name(name: str) -> set[Part]:
    """The parts that a file's name speaks of; empty where it speaks of none."""
    words = words_of(name)
    found: set[Part] = set()
    while words:
        pair = tuple(words[:2])
        if pair in _PART_OF_PHRASE:
            found.add(_PART_OF_PHRASE[pair])
            words = words[2:]
            continue
        if words[0] in _PART_OF_WORD:
            found.add(_PART_OF_WORD[words[0]])
        words = words[1:]
    if not found:
        joined = " ".join(words_of(name))
        found = {part for word, part in _INSIDE.items() if word in joined}
    return found


def read_manifest(path: Path) -> dict[str, str | None]:
    """File name, relative to the data folder -> part, "mixed", or None to leave it out.

    Raises PartwiseError where the file cannot be read or names something else.
    """
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                raw = {row["file"]: row["part"] for row in csv.DictReader(file)}
        else:
            raw = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise PartwiseError(f"manifest {path} does not exist") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        cause = f"the column {error} is missing" if isinstance(error, KeyError) else str(error)
        raise PartwiseError(f"manifest {path} cannot be read: {cause}") from None
    manifest: dict[str, str | None] = {}
    for name, value in raw.items():
        text = str(value or "").strip().lower()
        if text not in ("", MIXED, *PARTS):
            raise PartwiseError(
                f"manifest {path} gives {name!r} the part {value!r}: choose from "
                f"{', '.join(PARTS)}, {MIXED}, or nothing to leave it out"
            )
        manifest[str(name).replace("\\", "/")] = text or None
    return manifest


def any_pieces(folder: Path, on_skip: OnSkip, manifest: Path | None = None) -> list[StemPiece]:
    """The pieces of any folder of stems; see the module's text."""
    if manifest is None:
        manifest = next(
            (p for p in (folder / "parts.json", folder / "parts.csv") if p.exists()), None
        )
    given = read_manifest(manifest) if manifest else {}
    unused = set(given)
    pieces = []
    for place, names in _folders_with_audio(folder):
        unused -= {(place / name).relative_to(folder).as_posix() for name in names}
        piece = _piece(folder, place, names, given, on_skip)
        if piece:
            pieces.append(piece)
    for name in sorted(unused):
        on_skip(name, f"{manifest} names it but it is not there")
    return pieces


def _folders_with_audio(folder: Path) -> list[tuple[Path, list[str]]]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        audio = [name for name in names if is_audio_name(name) and not name.startswith(".")]
        if audio:
            found.append((Path(place), sorted(audio)))
    return found


def _piece(
    folder: Path, place: Path, names: list[str], given: dict[str, str | None], on_skip: OnSkip
) -> StemPiece | None:
    home = place.parent if place.name.lower() == "stems" and place != folder else place
    name = home.relative_to(folder).as_posix() if home != folder else folder.name
    recordings: dict[Part, list[Recording]] = {part: [] for part in PARTS}
    rest: list[Recording] = []
    named: set[str] = set()
    for file in names:
        relative = (place / file).relative_to(folder).as_posix()
        recording = Recording(place / file)
        if relative in given:
            told = given[relative]
            parts = {Part(told)} if told in PARTS else set()
            if told == MIXED:
                rest.append(recording)
            if not parts:
                continue
        else:
            words = set(words_of(file))
            parts = parts_of_name(file)
            if not parts:
                if not words & _MIX_WORDS:
                    on_skip(relative, "its name does not tell its part")
                continue
            named |= words
        if len(parts) > 1:
            several = " and ".join(part for part in PARTS if part in parts)
            on_skip(relative, f"by its name it holds {several}: it is no stem of either")
            rest.append(recording)
            continue
        recordings[parts.pop()].append(recording)
    if not any(recordings.values()):
        return None
    about = read_metadata(home / "metadata.json", name, on_skip)
    separated = {"vocals", "other"} <= named
    unknown = frozenset((Part.PIANO, Part.GUITAR)) if separated else frozenset()
    title, tempo_bpm = str(about.get("title") or home.name), about.get("tempo_bpm")
    tempo_bpm = float(tempo_bpm) if isinstance(tempo_bpm, int | float) and tempo_bpm > 0 else None
    players = str(about["players"]) if about.get("players") else None
    return assemble(
        name,
        title,
        recordings,
        on_skip,
        tempo_bpm=tempo_bpm,
        unknown=unknown,
        rest=rest,
        players=players,
    )


def read_metadata(path: Path, name: str, on_skip: OnSkip) -> dict:
    """A piece's metadata, or nothing where it has none that can be read."""
    if not path.exists():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return about if isinstance(about, dict) else {}
    except (OSError, ValueError) as error:
        on_skip(f"{name}: metadata", f"{path} cannot be read: {error}")
        return {}
