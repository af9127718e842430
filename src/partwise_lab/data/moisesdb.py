"""MoisesDB: 240 songs as recorded, in up to eleven kinds of stems.

Source     : https://music.ai/research/ (82 GB), described at
             https://github.com/moises-ai/moises-db
Licence    : CC BY-NC-SA 4.0: not for commercial use, so neither are weights trained on it.
Splits     : none. Few artists sang many of the songs: split by artist, which the title begins
             with.
Cite       : I. Pereira, F. Araujo, F. Korzeniowski, R. Vogl: MoisesDB: a dataset for source
             separation beyond 4-stems, ISMIR 2023, arXiv:2307.15913.
Layout     : `<provider>/<song's id>/data.json` and `<stem>/<track's id>.wav` beside it.
Parts      : drums and percussion -> DRUMS, bass -> BASS (also a synthesiser, tuba or bassoon that
             plays the bass), piano -> PIANO, guitar -> GUITAR; vocals, other keys, other plucked,
             bowed strings, wind, other and pitched percussion -> OTHER. Click tracks are left out.
Known wrong: some tracks hear their neighbours in the room (`has_bleed`): they are used as they
             are. Tracks differ in length by a little. No tempo is given.
"""

from __future__ import annotations

import json
from pathlib import Path

from partwise.parts import Part
from partwise_lab.data.piece import OnSkip, Recording, StemPiece, assemble

_PARTS = {
    "drums": Part.DRUMS,
    "percussion": Part.DRUMS,
    "bass": Part.BASS,
    "piano": Part.PIANO,
    "guitar": Part.GUITAR,
}


def _records(folder: Path) -> list[Path]:
    return sorted(p for depth in range(1, 4) for p in folder.glob("*/" * depth + "data.json"))


def is_moisesdb(folder: Path) -> bool:
    """Whether songs of MoisesDB lie up to three folders deep."""
    for record in _records(folder)[:1]:
        return any(path.is_dir() for path in record.parent.iterdir())
    return False


def part_of(stem: str, track_type: str) -> Part | None:
    """The part of one track; None for what is no music."""
    kind = track_type.lower()
    if "click" in kind:
        return None
    if stem == "percussion" and kind.startswith("pitched"):
        return Part.OTHER
    return _PARTS.get(stem, Part.OTHER)


def moisesdb_pieces(folder: Path, on_skip: OnSkip) -> list[StemPiece]:
    """The songs; each part is the sum of its tracks."""
    pieces = []
    for record in _records(folder):
        place = record.parent
        name = place.relative_to(folder).as_posix()
        recordings: dict[Part, list[Recording]] = {}
        try:
            about = json.loads(record.read_text(encoding="utf-8"))
            for stem in about["stems"]:
                for track in stem["tracks"]:
                    part = part_of(stem["stemName"], str(track.get("trackType", "")))
                    if part is not None:
                        file = place / stem["stemName"] / f"{track['id']}.{track['extension']}"
                        recordings.setdefault(part, []).append(Recording(file))
            title = f"{about.get('artist', '')} - {about.get('song', name)}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            cause = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            on_skip(name, f"{record} cannot be used: {cause}")
            continue
        piece = assemble(name, title, recordings, on_skip)
        if piece:
            pieces.append(piece)
    return pieces
