"""Folders of stems: every layout behind one call; what is in a folder, and which split it is.

Splits are by piece title and by font family: what is validated was never heard in training. A
title's split is its hash, so it depends on nothing but the title. `OUT/split.json` of a rendered
folder writes down what is in it: pieces, titles, font families, and a digest that names the set.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise_lab.data.any_stems import any_pieces
from partwise_lab.data.piece import OnSkip, Recording, StemPiece
from partwise_lab.data.recorded import is_moisesdb, is_musdb, moisesdb_pieces, musdb_pieces
from partwise_lab.data.slakh import is_slakh, slakh_pieces

__all__ = ["Recording", "StemPiece", "data_digest", "find_pieces"]

SPLITS = {"train": range(80), "valid": range(80, 90), "test": range(90, 100)}
# How a data set is recognised, and how it is read; what none of them knows is any folder of stems.
_LAYOUTS = (
    (is_slakh, slakh_pieces),
    (is_musdb, musdb_pieces),
    (is_moisesdb, moisesdb_pieces),
)


def find_pieces(
    folder: Path, *, on_skip: OnSkip | None = None, manifest: Path | None = None
) -> list[StemPiece]:
    """All pieces of a stems folder, by name: Slakh2100, MUSDB18(-HQ), MoisesDB, or any other.

    on_skip : called with what was left out (a piece, stem or file) and why.
    manifest : which file is which part, where the names do not tell; see `any_stems`.
    Raises PartwiseError when the folder is missing or nothing in it can be used.
    """
    if not folder.is_dir():
        raise PartwiseError(f"stems folder {folder} does not exist")
    skipped: list[tuple[str, str]] = []

    def note(what: str, reason: str) -> None:
        skipped.append((what, reason))
        if on_skip is not None:
            on_skip(what, reason)

    known = () if manifest else (read for knows, read in _LAYOUTS if knows(folder))
    read = next(iter(known), None)
    pieces = read(folder, note) if read else any_pieces(folder, note, manifest)
    if not pieces:
        first = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise PartwiseError(f"no piece with stems below {folder}{first}")
    return sorted(pieces, key=lambda piece: piece.name)


def data_digest(pieces: Sequence[StemPiece]) -> str:
    """12 hex digits that name a set of pieces: their names, stems and sizes."""
    digest = hashlib.blake2b(digest_size=6)
    for piece in pieces:
        for part, stem in sorted(piece.stems.items()):
            sizes = "+".join(str(recording.size) for recording in stem)
            digest.update(f"{piece.name}/{part}/{sizes}\n".encode())
    return digest.hexdigest()


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


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Turn a full disk into a PartwiseError: what is done stays, and running again goes on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PartwiseError(
            f"no space left on the disk of {folder}: free some and run again, it goes on from here"
        ) from None
