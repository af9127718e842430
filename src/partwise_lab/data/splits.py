"""Splits by piece title and by font family: what is validated was never heard in training.

A title's split is its hash, so it depends on nothing but the title. `OUT/split.json` of a rendered
folder writes down what is in it: pieces, titles, font families, and a digest that names the set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise_lab.data.stems import find_pieces

SPLITS = {"train": range(80), "valid": range(80, 90), "test": range(90, 100)}


def split_of(title: str) -> str:
    """The split (train, valid, test) that a title belongs to, by its hash: 80/10/10."""
    slot = int.from_bytes(hashlib.blake2b(title.encode(), digest_size=4).digest(), "big") % 100
    return next(name for name, slots in SPLITS.items() if slot in slots)


@dataclass(frozen=True)
class Contents:
    """What a folder of pieces holds: piece name -> title, and the font families heard in it."""

    titles: dict[str, str]
    families: frozenset[str]

    @property
    def digest(self) -> str:
        """12 hex digits that name the pieces, their titles and the families."""
        lines = [f"{name}\t{title}" for name, title in sorted(self.titles.items())]
        text = "\n".join([*lines, *sorted(self.families)])
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def contents_of(folder: Path) -> Contents:
    """What is in a folder of stems, of any layout.

    A folder that `partwise-lab render` made tells it by the metadata.json of its pieces; elsewhere
    the loaders know the titles, and the timbres are of no font family.
    Raises PartwiseError when the folder is missing or holds no piece, or for broken metadata.
    """
    if not (folder / "render.json").exists():
        return Contents({piece.name: piece.title for piece in find_pieces(folder)}, frozenset())
    titles: dict[str, str] = {}
    families: set[str] = set()
    for record in sorted(folder.glob("*/metadata.json")):
        title, voices = _metadata(record)
        titles[record.parent.name] = title
        families |= voices
    if not titles:
        raise PartwiseError(f"no piece in {folder}")
    return Contents(titles, frozenset(families))


def _metadata(path: Path) -> tuple[str, set[str]]:
    """Title and font families of a rendered piece."""
    try:
        metadata = json.loads(path.read_text())
        return metadata["title"], {stem["family"] for stem in metadata["stems"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PartwiseError(f"{path} cannot be read: {type(error).__name__}: {error}") from None


def write_split(folder: Path, split: str | None) -> Contents:
    """Write `folder / split.json`: which split it is and what is in it."""
    contents = contents_of(folder)
    record = {
        "split": split or "all",
        "digest": contents.digest,
        "families": sorted(contents.families),
        "titles": sorted(set(contents.titles.values())),
        "pieces": contents.titles,
    }
    write_whole(folder / "split.json", json.dumps(record, indent=1) + "\n")
    return contents


def check_disjoint(train: Path, test: Path) -> None:
    """Raises PartwiseError, naming what they share, when two folders share a title or a family."""
    ours, theirs = contents_of(train), contents_of(test)
    shared = [
        _named("title", set(ours.titles.values()) & set(theirs.titles.values())),
        _named("font family", ours.families & theirs.families),
    ]
    if any(shared):
        raise PartwiseError(
            f"{train} and {test} must not share pieces or fonts, but they share "
            + " and ".join(filter(None, shared))
        )


def _named(kind: str, names: Set[str]) -> str:
    """`3 titles (a, b, c)`, with at most five names; empty for none."""
    if not names:
        return ""
    plural = kind if len(names) == 1 else {"title": "titles"}.get(kind, "font families")
    first = sorted(names)[:5]
    return f"{len(names)} {plural} ({', '.join(first)}{', ...' if len(names) > 5 else ''})"
