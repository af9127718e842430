"""The pieces of the demo library and who plays what in each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class DemoPlayer:
    """Somebody who plays one part, always in the same way, in several pieces."""

    name: str
    instrument: str
    way: str


@dataclass(frozen=True)
class DemoPiece:
    """One recording.

    key : such as ``Eb dorian``. bpm : beats a minute.
    players : the name of who plays each part; a part that nobody plays is not among the keys.
    """

    file: str
    title: str
    key: str
    bpm: int
    duration_s: float
    players: dict[Part, str]


@dataclass(frozen=True)
class Groups:
    """All pieces and players. ``folder`` holds the audio files."""

    folder: Path
    pieces: tuple[DemoPiece, ...]
    players: dict[Part, dict[str, DemoPlayer]]

    def path(self, piece: DemoPiece) -> Path:
        """Where the piece's audio is."""
        return self.folder / piece.file

    @property
    def seconds(self) -> float:
        """How long all pieces last together."""
        return sum(piece.duration_s for piece in self.pieces)

    @cached_property
    def by_file(self) -> dict[str, DemoPiece]:
        """File name -> piece."""
        return {piece.file: piece for piece in self.pieces}

    def who(self, part: Part) -> dict[str, str | None]:
        """File name -> who plays ``part`` there; None where nobody does."""
        return {piece.file: piece.players.get(part) for piece in self.pieces}


def load_groups(folder: Path = _FOLDER) -> Groups:
    """Read ``folder``/groups.json; the audio is in ``folder``/audio.

    Raises PartwiseError when the file or an audio file that it names is not there.
    """
    path = folder / "groups.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PartwiseError(f"the demo library is not installed: {path} does not exist") from None
    groups = Groups(
        folder=folder / "audio",
        pieces=tuple(
            DemoPiece(
                file=piece["file"],
                title=piece["title"],
                key=piece["key"],
                bpm=piece["bpm"],
                duration_s=piece["duration_s"],
                players={
                    Part(part): name for part, name in piece["players"].items() if name is not None
                },
            )
            for piece in told["pieces"]
        ),
        players={
            part: {
                name: DemoPlayer(name, player["instrument"], player["way"])
                for name, player in told["players"][part].items()
            }
            for part in PARTS
        },
    )
    for piece in groups.pieces:
        if not groups.path(piece).is_file():
            raise PartwiseError(f"the demo library is incomplete: {groups.path(piece)} is missing")
    return groups
