"""MUSDB18 and MUSDB18-HQ: 150 songs as recorded, in four stems.

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
"""

from __future__ import annotations

from pathlib import Path

from partwise.parts import Part
from partwise_lab.data.piece import OnSkip, Recording, StemPiece, assemble

_PARTS = {"drums": Part.DRUMS, "bass": Part.BASS, "other": Part.OTHER, "vocals": Part.OTHER}
_STREAMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
_UNKNOWN = frozenset((Part.PIANO, Part.GUITAR))
STEM_FILE = ".stem.mp4"


def _songs(folder: Path) -> list[Path]:
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
    return bool(_songs(folder))


def musdb_pieces(folder: Path, on_skip: OnSkip) -> list[StemPiece]:
    """The songs, in both forms."""
    pieces = []
    for path in _songs(folder):
        title = path.name.removesuffix(STEM_FILE)
        name = path.relative_to(folder).as_posix().removesuffix(STEM_FILE)
        recordings: dict[Part, list[Recording]] = {part: [] for part in _PARTS.values()}
        for stem, part in _PARTS.items():
            recordings[part].append(
                Recording(path, _STREAMS[stem])
                if path.is_file()
                else Recording(path / f"{stem}.wav")
            )
        piece = assemble(name, title, recordings, on_skip, unknown=_UNKNOWN)
        if piece:
            pieces.append(piece)
    return pieces
