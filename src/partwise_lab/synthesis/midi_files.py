"""Which MIDI files are rendered: found below folders, named, titled and chosen by licence.

A collection may come with an index (a CSV) that tells each file's title, source and licence.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from partwise.errors import PartwiseError
from partwise_lab.synthesis.midi import title_of

# A licence that the music itself carries, as far as a text can tell. Texts such as "none stated",
# "repo MIT; MIDI unstated" or a non-commercial licence do not begin like this.
_FREE = re.compile(
    r"(bsd|mit\b|apache|artistic|l?gpl|cc0|cc[ -]by(-sa)?[ -]\d|public domain)", re.IGNORECASE
)


@dataclass(frozen=True)
class MidiEntry:
    """A row of an index.csv; source and licence are empty where the file has no such columns."""

    title: str
    source: str
    licence: str

    @property
    def licensed(self) -> bool:
        """Whether the music is stated to be free to use, commercially too."""
        return _FREE.match(self.licence) is not None

    def is_of(self, sources: Sequence[str]) -> bool:
        """Whether one of the texts is found in the source or the licence, in any case."""
        stated = f"{self.source}\n{self.licence}".lower()
        return any(source.lower() in stated for source in sources)


def read_index(path: Path) -> dict[str, MidiEntry]:
    """File name -> entry, from a CSV with the columns `file` and `original_path`.

    `source`, `source_key` and `licence` are read where they are.
    Raises PartwiseError when the file is missing or has no such columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["file"]: MidiEntry(
                    title=title_of(row["original_path"]),
                    source=f"{row.get('source') or ''}\n{row.get('source_key') or ''}".strip(),
                    licence=(row.get("licence") or "").strip(),
                )
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise PartwiseError(
            f"{path} cannot be used for titles: a CSV with the columns file and original_path "
            f"is needed ({type(error).__name__}: {error})"
        ) from None


def read_skipped(out: Path) -> dict[str, str]:
    """What OUT/skipped.csv tells of files of no use: name -> why."""
    path = out / "skipped.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}


@dataclass(frozen=True)
class Take:
    """A MIDI file to render: the name its pieces get, and its title. number : 1, 2, ..."""

    path: Path
    name: str
    title: str
    number: int = 1

    @property
    def piece(self) -> str:
        return self.name if self.number == 1 else f"{self.name}-{self.number}"


def find_takes(folders: Sequence[Path], index: dict[str, MidiEntry]) -> list[Take]:
    """The MIDI files below folders in the order of their names' hash, each with a name of its own.

    Raises PartwiseError when a folder is missing or nothing is found.
    """
    found: list[tuple[bytes, str, Path]] = []
    for folder in folders:
        if not folder.is_dir():
            raise PartwiseError(f"MIDI folder {folder} does not exist")
        for path in folder.rglob("*"):
            if path.suffix.lower() in (".mid", ".midi", ".kar"):
                order = hashlib.blake2b(path.name.encode(errors="replace")).digest()
                found.append((order, str(path.relative_to(folder)), path))
    if not found:
        raise PartwiseError(f"no MIDI file below {', '.join(map(str, folders))}")
    takes: dict[str, Take] = {}
    for _, place, path in sorted(found):
        name = path.stem
        if name in takes:  # another folder's file of the same name
            mark = hashlib.blake2b(place.encode(errors="replace"), digest_size=4).hexdigest()
            name = f"{name}-{mark}"
        entry = index.get(path.name)
        takes.setdefault(name, Take(path, name, entry.title if entry else title_of(path.name)))
    return list(takes.values())


def chosen_takes(
    takes: list[Take], index: dict[str, MidiEntry], sources: Sequence[str], licensed: bool
) -> list[Take]:
    """The takes whose entry in the index names one of the sources, and has a free licence.

    Raises PartwiseError when there is no index, or nothing is left.
    """
    if not sources and not licensed:
        return takes
    if not index:
        raise PartwiseError("sources and licences are read from an index: give one with --titles")
    kept = [
        take
        for take in takes
        if (entry := index.get(take.path.name))
        and (entry.licensed or not licensed)
        and (entry.is_of(sources) or not sources)
    ]
    if not kept:
        wanted = ", ".join(sources) or "a free licence"
        raise PartwiseError(f"no MIDI file has {wanted} in the index that --titles names")
    return kept
