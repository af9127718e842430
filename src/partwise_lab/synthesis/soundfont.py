"""What presets a SoundFont holds, read from its header (SoundFont 2.04, section 7.2)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from partwise.errors import PartwiseError

PERCUSSION_BANK = 128

# Fonts that share samples are one family: a validation timbre must never be heard in training,
# so families are held out, not files. A font that is not listed is a family of its own.
_FAMILIES = {
    "fluidr3": "fluid",
    "musescore_general": "fluid",
    "timgm": "timgm",
    "sf_gmbank": "csound",
    "opl-3": "fm",
    "black_pearl": "avl",
    "the black pearl": "avl",  # Hydrogen's kit of the same samples
    "red_zeppelin": "avl",
}


@dataclass(frozen=True)
class SoundFont:
    """A SoundFont file and what it can play.

    melodic : programs of bank 0; kits : programs of the percussion bank.
    drums_only : its bank 0 holds drum kits (AVL), so it must never play a melody.
    """

    path: Path
    family: str
    melodic: tuple[int, ...]
    kits: tuple[int, ...]
    drums_only: bool

    @property
    def plays_drums(self) -> bool:
        return self.drums_only or bool(self.kits)


def family_of(path: Path) -> str:
    """The family of fonts that share samples, from the file's name."""
    stem = path.stem.lower()
    for prefix, family in _FAMILIES.items():
        if stem.startswith(prefix):
            return family
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")


def read_soundfont(path: str | Path) -> SoundFont:
    """Read the preset list of an sf2 or sf3 file.

    Raises PartwiseError when the file is missing or is not a SoundFont.
    """
    path = Path(path)
    try:
        presets = _presets(path)
    except FileNotFoundError:
        raise PartwiseError(f"SoundFont {path} does not exist") from None
    except OSError as error:
        raise PartwiseError(f"SoundFont {path} cannot be read: {error.strerror}") from None
    if not presets:
        raise PartwiseError(f"{path} is not a SoundFont 2 file: no preset list in it")
    family = family_of(path)
    return SoundFont(
        path=path,
        family=family,
        melodic=tuple(sorted(program for bank, program in presets if bank == 0)),
        kits=tuple(sorted(program for bank, program in presets if bank == PERCUSSION_BANK)),
        drums_only=family == "avl",
    )


def _presets(path: Path) -> set[tuple[int, int]]:
    """(bank, program) pairs from the `phdr` chunk: 38 bytes a record, the last is a terminator."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or len(file.read(4)) < 4 or file.read(4) != b"sfbk":
            return set()
        while header := file.read(8):
            if len(header) < 8:
                return set()
            kind, size = header[:4], struct.unpack("<I", header[4:])[0]
            list_type = file.read(4)
            if kind == b"LIST" and list_type == b"pdta":
                return _phdr(file.read(size - 4))
            file.seek(size - 4 + (size & 1), 1)
    return set()


def _phdr(pdta: bytes) -> set[tuple[int, int]]:
    position = 0
    while position + 8 <= len(pdta):
        name, size = pdta[position : position + 4], *struct.unpack_from("<I", pdta, position + 4)
        if name == b"phdr":
            return {
                (bank, program)
                for program, bank in (
                    struct.unpack_from("<HH", pdta, position + 8 + offset + 20)
                    for offset in range(0, size - 38, 38)
                )
            }
        position += 8 + size + (size & 1)
    return set()
