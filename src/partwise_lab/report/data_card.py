"""What a model card says of a data folder: pieces, fonts, kits and the licences of the MIDI.

All of it is read from what `partwise-lab render` left there (`render.json`, `split.json`) and from
the index of the MIDI collection; no audio is opened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise_lab.report.files import read_json
from partwise_lab.synthesis.midi_files import MidiEntry, read_index
from partwise_lab.synthesis.soundfont import family_of

# Licences of the fonts that the docs name, by the beginning of the file's name.
_FONT_LICENCES = {
    "fluidr3": "MIT",
    "musescore_general": "MIT",
    "timgm": "GPL-2",
    "sf_gmbank": "public domain",
    "opl-3": "CC BY-SA 4.0",
    "black_pearl": "CC BY-SA",
    "red_zeppelin": "CC BY-SA",
}
_NO_LICENCE = "none stated"
_CHANCES = {
    "effects": "chance of effects",
    "touch": "chance of a velocity curve",
    "keep_program": "chance of the written program",
    "tuning_cents": "cents of tuning at most",
}
Index = Mapping[str, MidiEntry]  # file name without ending -> what is known of a MIDI file


@dataclass(frozen=True)
class DataFolder:
    """A rendered folder. titles : piece -> title, empty where the folder has no split.json."""

    name: str
    render: dict[str, Any]
    titles: dict[str, str]
    digest: str

    @property
    def role(self) -> str:
        """train, valid, test or all."""
        return self.render.get("split") or "all"

    @property
    def families(self) -> set[str]:
        return set(self.render.get("families", ()))

    @property
    def counted(self) -> str:
        """`3 pieces of 2 titles`."""
        if not self.titles:
            return "pieces (not counted)"
        return f"{len(self.titles):,} pieces of {len(set(self.titles.values())):,} titles"

    @property
    def chances(self) -> str:
        """What was drawn for each piece, as a sentence without its full stop."""
        text = ", ".join(
            f"{self.render[key]:g} {what}" for key, what in _CHANCES.items() if key in self.render
        )
        return text[:1].upper() + text[1:]

    @property
    def chosen(self) -> str:
        """Which MIDI files were, with a space before it; empty where all were."""
        chosen = ["only files with a free licence stated"] if self.render.get("licensed") else []
        if self.render.get("sources"):
            chosen.append(f"only from {', '.join(self.render['sources'])}")
        return f" Chosen: {' and '.join(chosen)}." if chosen else ""

    def instruments(self) -> list[list[str]]:
        """Name, family and licence of every font and drum kit."""
        rows = [
            [name, family_of(Path(name)), _font_licence(name)] for name in self.render["soundfonts"]
        ]
        for name in self.render.get("drumkits", ()):
            kit = f"{name} (Hydrogen drum kit)"
            rows.append([kit, family_of(Path(name)), "in its drumkit.xml"])
        return rows

    def is_told(self, index: Index) -> bool:
        """Whether it is known which piece comes from which MIDI file."""
        return bool(index and self.titles)

    def free(self, index: Index) -> int:
        """How many pieces come from MIDI that states a free licence."""
        entries = (_entry(piece, index) for piece in self.titles)
        return sum(bool(entry and entry.licensed) for entry in entries)

    def unlicensed_share(self, index: Index) -> float | None:
        """Share of pieces whose MIDI states no free licence; None where that is not known."""
        if not self.is_told(index):
            return None
        return 1.0 - self.free(index) / len(self.titles)

    def sources(self, index: Index) -> list[list[str]]:
        """MIDI source, licence as stated, and how many pieces, most first."""
        counts = Counter(_source_and_licence(_entry(piece, index)) for piece in self.titles)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [[source, licence, f"{count:,}"] for (source, licence), count in ranked]


def read_data_folder(path: Path) -> DataFolder:
    """From a folder, or the render.json or split.json in it.

    Raises PartwiseError when there is no readable render.json.
    """
    folder = path if path.is_dir() else path.parent
    render = read_json(folder / "render.json" if path.name != "render.json" else path)
    if "soundfonts" not in render:
        raise PartwiseError(f"{folder / 'render.json'} was not written by `partwise-lab render`")
    split = folder / "split.json"
    if split.exists():
        contents = read_json(split)
        return DataFolder(folder.resolve().name, render, contents["pieces"], contents["digest"])
    # Rendered before split.json existed.
    records = sorted(folder.glob("*/metadata.json"))
    titles = {record.parent.name: str(read_json(record).get("title", "")) for record in records}
    return DataFolder(folder.resolve().name, render, titles, "")


def read_indexes(paths: Iterable[Path]) -> dict[str, MidiEntry]:
    """File name without ending -> what the MIDI indexes say of it."""
    return {Path(name).stem: entry for path in paths for name, entry in read_index(path).items()}


def shared_text(folders: Iterable[DataFolder]) -> str:
    """Whether training and test share titles or font families: a sentence, or nothing to say."""
    of = {folder.role: folder for folder in folders}
    if not {"train", "test"} <= set(of) or not of["train"].titles or not of["test"].titles:
        return ""
    titles = set(of["train"].titles.values()) & set(of["test"].titles.values())
    families = of["train"].families & of["test"].families
    if not titles and not families:
        return "Training and test data share no title and no font family."
    named = f" ({', '.join(sorted(families))})" if families else ""
    return (
        f"**Training and test data share {len(titles)} titles and {len(families)} font "
        f"families{named}.**"
    )


def _font_licence(name: str) -> str:
    licences = (text for start, text in _FONT_LICENCES.items() if name.lower().startswith(start))
    return next(licences, "not known here")


def _entry(piece: str, index: Index) -> MidiEntry | None:
    """Of a piece's MIDI file; further takes and files of the same name have a mark behind it."""
    return index.get(piece) or index.get(re.sub(r"-[0-9a-f]+$", "", piece))


def _source_and_licence(entry: MidiEntry | None) -> tuple[str, str]:
    if entry is None:
        return "not in the index", _NO_LICENCE
    return entry.source.splitlines()[0] if entry.source else "–", entry.licence or _NO_LICENCE
