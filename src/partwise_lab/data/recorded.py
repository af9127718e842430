"""Multitracks as recorded: MUSDB18 and MoisesDB.

MUSDB18 and MUSDB18-HQ: 150 songs as recorded, in four stems.

Source     : https://zenodo.org/records/1117372 (MUSDB18, one `.stem.mp4` a song, AAC, nothing
             above 16 kHz) and https://zenodo.org/records/3338373 (MUSDB18-HQ, a folder of WAV a
             song); access is asked for there. About ten hours.
Licence    : academic use only. 100 songs come from DSD100 (The 'Mixing Secrets' Free Multitrack
             Download Library), 46 from MedleyDB (CC BY-NC-SA 4.0), four from elsewhere.
Splits     : folders `train` (100 songs, 14 of them customarily for validation) and `test` (50).
Cite       : Z. Rafii, A. Liutkus, F.-R. Stoeter, S. I. Mimilakis, R. Bittner: The MUSDB18 corpus
             for music separation, 2017, doi:10.5281/zenodo.1117372.
Parts      : drums -> DRUMS, bass -> BASS, other + vocals -> OTHER. A `.stem.mp4` holds five
             streams: mixture, drums, bass, other, vocals.
Known wrong: `other` holds pianos and guitars too, so whether those are present is unknown, and
             there is no stem of them. Its OTHER mostly has a voice in it. No tempo is given.

MoisesDB: 240 songs as recorded, in up to eleven kinds of stems.

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
from partwise_lab.data.piece import OnSkip, Recording, StemPiece, assemble, cause_of

_OF_MUSDB = {"drums": Part.DRUMS, "bass": Part.BASS, "other": Part.OTHER, "vocals": Part.OTHER}
_STREAMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
_UNKNOWN = frozenset((Part.PIANO, Part.GUITAR))
STEM_FILE = ".stem.mp4"
_OF_MOISESDB = {
    "drums": Part.DRUMS,
    "percussion": Part.DRUMS,
    "bass": Part.BASS,
    "piano": Part.PIANO,
    "guitar": Part.GUITAR,
}


def _musdb_places(folder: Path) -> list[Path]:
    places = [folder, *(folder / split for split in ("train", "test"))]
    return sorted(
        path
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if path.name.endswith(STEM_FILE) or (path / "mixture.wav").is_file()
    )


def is_musdb(folder: Path) -> bool:
    """Whether songs of MUSDB18 or MUSDB18-HQ lie in the folder or its `train` and `test`."""
    return bool(_musdb_places(folder))


def musdb_pieces(folder: Path, on_skip: OnSkip) -> list[StemPiece]:
    """The songs, in both forms."""
    pieces = []
    for path in _musdb_places(folder):
        title = path.name.removesuffix(STEM_FILE)
        name = path.relative_to(folder).as_posix().removesuffix(STEM_FILE)
        recordings: dict[Part, list[Recording]] = {part: [] for part in _OF_MUSDB.values()}
        for stem, part in _OF_MUSDB.items():
            recordings[part].append(
                Recording(path, _STREAMS[stem])
                if path.is_file()
                else Recording(path / f"{stem}.wav")
            )
        piece = assemble(name, title, recordings, on_skip, unknown=_UNKNOWN)
        if piece:
            pieces.append(piece)
    return pieces


def _moisesdb_records(folder: Path) -> list[Path]:
    return sorted(p for depth in range(1, 4) for p in folder.glob("*/" * depth + "data.json"))


def is_moisesdb(folder: Path) -> bool:
    """Whether songs of MoisesDB lie up to three folders deep."""
    for record in _moisesdb_records(folder)[:1]:
        return any(path.is_dir() for path in record.parent.iterdir())
    return False


def part_of(stem: str, track_type: str) -> Part | None:
    """The part of one track; None for what is no music."""
    kind = track_type.lower()
    if "click" in kind:
        return None
    if stem == "percussion" and kind.startswith("pitched"):
        return Part.OTHER
    return _OF_MOISESDB.get(stem, Part.OTHER)


def moisesdb_pieces(folder: Path, on_skip: OnSkip) -> list[StemPiece]:
    """The songs; each part is the sum of its tracks."""
    pieces = []
    for record in _moisesdb_records(folder):
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
            on_skip(name, f"{record} cannot be used: {cause_of(error)}")
            continue
        piece = assemble(name, title, recordings, on_skip)
        if piece:
            pieces.append(piece)
    return pieces
