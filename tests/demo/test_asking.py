"""From audio files to the demo's figures, with a tiny model whose answers are known."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import mutagen.flac
import pytest

from partwise.demo.asking import ask_all, hear
from partwise.demo.groups import DemoPiece, DemoPlayer, Groups
from partwise.demo.scoring import score_part
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import PARTS, Part
from sounds import RATE_HZ, sound, write

# What a player's sine says to the tiny model: players of one part stand far apart.
PLACES = {"one": 0.15, "two": 0.5, "three": 0.85}


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Groups:
    """Nine pieces: every drummer meets every bassist; the pianist plays in six of them."""
    folder = tmp_path_factory.mktemp("pieces")
    names = list(PLACES)
    pieces = []
    for i, j in itertools.product(range(3), range(3)):
        players = {Part.DRUMS: names[i], Part.BASS: names[j]}
        if (i + j) % 3:
            players[Part.PIANO] = names[(i + j) % 3]
        file = f"{i}{j}.flac"
        places = {part: PLACES[name] for part, name in players.items()}
        write(folder / file, sound(places, seconds=10.5 + 0.3 * (3 * i + j)), RATE_HZ)
        tags = mutagen.flac.FLAC(folder / file)
        tags["title"], tags["artist"] = file, "partwise demo band"
        tags["album"] = "Who plays with whom"
        tags.save()
        pieces.append(DemoPiece(file, file, "C major", 100, 10.5, players))
    players = {part: {n: DemoPlayer(n, "sine", "steady") for n in names} for part in PARTS}
    return Groups(folder, tuple(pieces), players)


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("PARTWISE_MODEL", str(tiny_model))
    return Library(tmp_path / "library")


def _score(library: Library, groups: Groups, part: Part):
    answers = ask_all(library, groups)[part]
    files = {f: None if a is None else [x.file for x in a] for f, a in answers.items()}
    return score_part(part, groups.who(part), files)


def test_the_same_player_is_found_under_other_parts(library: Library, groups: Groups) -> None:
    summary = hear(library, groups, jobs=1)
    assert summary.indexed == 9
    drums = _score(library, groups, Part.DRUMS)
    assert (drums.asked, drums.right_first, drums.right) == (9, 9, 18)  # two each, third is wrong
    assert drums.chance == pytest.approx(2 / 8)
    bass = _score(library, groups, Part.BASS)
    assert (bass.right_first, bass.right) == (9, 18)
    piano = _score(library, groups, Part.PIANO)
    assert (piano.asked, piano.right_first, piano.lacking, piano.noticed) == (6, 6, 3, 3)
    guitar = ask_all(library, groups)[Part.GUITAR]
    assert set(guitar.values()) == {None}


def test_other_music_in_the_library_is_not_an_answer(
    library: Library, groups: Groups, tmp_path: Path
) -> None:
    stranger = tmp_path / "music" / "stranger.wav"
    write(stranger, sound({Part.DRUMS: PLACES["one"]}, seconds=12))
    library.index([stranger.parent], jobs=1)
    hear(library, groups, jobs=1)
    answers = ask_all(Library.open(library.path), groups)
    files = {piece.file for piece in groups.pieces}
    for by_file in answers.values():
        for found in by_file.values():
            assert {answer.file for answer in found or ()} <= files


def test_a_piece_that_cannot_be_heard_is_named(
    library: Library, groups: Groups, tmp_path: Path
) -> None:
    folder = tmp_path / "pieces"
    shutil.copytree(groups.folder, folder)
    (folder / "00.flac").write_bytes(b"")
    broken = Groups(folder, groups.pieces, groups.players)
    with pytest.raises(PartwiseError, match=r"00\.flac"):
        hear(library, broken, jobs=1)
    with pytest.raises(PartwiseError, match="does not hold every demo piece"):
        ask_all(Library.open(library.path), broken)
