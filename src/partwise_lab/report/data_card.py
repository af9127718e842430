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
from partwise_lab.report.markdown import table
from partwise_lab.report.report_file import read_json
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


def data_section(folder: DataFolder, index: Mapping[str, MidiEntry]) -> str:
    """The Markdown of one folder."""
    render = folder.render
    counted = f"{len(folder.titles):,} pieces" if folder.titles else "pieces (not counted)"
    titles = f" of {len(set(folder.titles.values())):,} titles" if folder.titles else ""
    digest = f", split digest {folder.digest}" if folder.digest else ""
    chances = ", ".join(
        f"{render[key]:g} {what}"
        for key, what in (
            ("effects", "chance of effects"),
            ("touch", "chance of a velocity curve"),
            ("keep_program", "chance of the written program"),
            ("tuning_cents", "cents of tuning at most"),
        )
        if key in render
    )
    lines = [
        f"**{folder.role}** (`{folder.name}`): {counted}{titles}, {render['seconds']:g} s each, at "
        f"least {render['min_parts']} parts, {render['sample_rate_hz']:,} Hz, seed "
        f"{render['seed']}{digest}. {chances[:1].upper()}{chances[1:]}.",
        "",
        _instruments(render),
    ]
    midi = _midi(folder, index)
    return "\n".join([*lines, "", *midi])


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


def unlicensed_share(folder: DataFolder, index: Mapping[str, MidiEntry]) -> float | None:
    """Share of pieces whose MIDI has no free licence stated; None where that is not known."""
    if not index or not folder.titles:
        return None
    entries = [_entry(piece, index) for piece in folder.titles]
    return sum(not (entry and entry.licensed) for entry in entries) / len(entries)


def _instruments(render: dict[str, Any]) -> str:
    rows = []
    for name in render["soundfonts"]:
        licence = next(
            (text for start, text in _FONT_LICENCES.items() if name.lower().startswith(start)),
            "not known here",
        )
        rows.append([name, family_of(Path(name)), licence])
    for name in render.get("drumkits", ()):
        rows.append([f"{name} (Hydrogen drum kit)", family_of(Path(name)), "in its drumkit.xml"])
    return table(["played by", "family", "licence"], rows)


def _midi(folder: DataFolder, index: Mapping[str, MidiEntry]) -> list[str]:
    chosen = ["only files with a free licence stated"] if folder.render.get("licensed") else []
    if folder.render.get("sources"):
        chosen.append(f"only from {', '.join(folder.render['sources'])}")
    note = f" Chosen: {' and '.join(chosen)}." if chosen else ""
    if not index or not folder.titles:
        return [f"Sources and licences of the MIDI files: not measured (no index given).{note}"]
    entries = [_entry(piece, index) for piece in folder.titles]
    free = sum(bool(entry and entry.licensed) for entry in entries)
    counts = Counter(_source_and_licence(entry) for entry in entries)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [[source, licence, f"{count:,}"] for (source, licence), count in ranked]
    return [
        f"MIDI: {free:,} pieces from files that state a free licence, {len(entries) - free:,} from "
        f"files that state no free one.{note}",
        "",
        table(["MIDI source", "licence as stated", "pieces"], rows),
    ]


def _entry(piece: str, index: Mapping[str, MidiEntry]) -> MidiEntry | None:
    """Of a piece's MIDI file; further takes and files of the same name have a mark behind it."""
    return index.get(piece) or index.get(re.sub(r"-[0-9a-f]+$", "", piece))


def _source_and_licence(entry: MidiEntry | None) -> tuple[str, str]:
    if entry is None:
        return "not in the index", _NO_LICENCE
    return entry.source.splitlines()[0] if entry.source else "–", entry.licence or _NO_LICENCE
