"""groups.json tells the truth about the audio files, and keeps what its design promises."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import mutagen
import numpy as np
import pytest
import soundfile

from partwise.demo.asking import ONLY_DEMO
from partwise.demo.groups import Groups, load_groups
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part


@pytest.fixture(scope="module")
def groups() -> Groups:
    return load_groups()


def test_every_audio_file_is_a_piece_and_the_other_way_round(groups: Groups) -> None:
    files = [piece.file for piece in groups.pieces]
    assert len(set(files)) == len(files) >= 24
    assert {path.name for path in groups.folder.iterdir()} == set(files)


def test_durations_levels_and_tags_of_the_files(groups: Groups) -> None:
    for piece in groups.pieces:
        samples, rate_hz = soundfile.read(groups.path(piece), dtype="float32")
        assert samples.ndim == 1
        assert len(samples) / rate_hz == pytest.approx(piece.duration_s, abs=0.1)
        assert 25 <= piece.duration_s <= 40
        peak_db = 20 * np.log10(np.abs(samples).max())
        rms_db = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
        assert -6 < peak_db < -0.5, piece.title
        assert -26 < rms_db < -12, piece.title
        tags = mutagen.File(groups.path(piece))  # pyright: ignore[reportPrivateImportUsage]
        assert tags is not None
        assert tags["title"] == [piece.title]
        assert f"artist = '{tags['artist'][0]}' AND album = '{tags['album'][0]}'" == ONLY_DEMO


def test_the_audio_is_a_few_megabytes(groups: Groups) -> None:
    assert sum(path.stat().st_size for path in groups.folder.iterdir()) < 8e6


def test_no_two_pieces_share_two_players(groups: Groups) -> None:
    for a, b in itertools.combinations(groups.pieces, 2):
        shared = [
            part for part in PARTS if part in a.players and a.players[part] == b.players.get(part)
        ]
        assert len(shared) <= 1, (a.title, b.title)


def test_every_player_is_heard_in_five_pieces(groups: Groups) -> None:
    for part in PARTS:
        counts = Counter(name for name in groups.who(part).values() if name is not None)
        assert set(counts) == set(groups.players[part])
        assert set(counts.values()) == {5}


def test_piano_guitar_and_other_are_missing_from_some_pieces(groups: Groups) -> None:
    missing = {part: sum(name is None for name in groups.who(part).values()) for part in PARTS}
    assert missing == {
        Part.DRUMS: 0,
        Part.BASS: 0,
        Part.PIANO: 5,
        Part.GUITAR: 5,
        Part.OTHER: 10,
    }
    assert all(len(piece.players) >= 3 for piece in groups.pieces)


def test_pieces_with_a_player_in_common_are_in_different_keys(groups: Groups) -> None:
    for a, b in itertools.combinations(groups.pieces, 2):
        if set(a.players.items()) & set(b.players.items()):
            assert a.key != b.key


def test_a_missing_audio_file_is_named(tmp_path, groups: Groups) -> None:
    told = json.loads((groups.folder.parent / "groups.json").read_text())
    (tmp_path / "groups.json").write_text(json.dumps(told))
    with pytest.raises(PartwiseError, match=told["pieces"][0]["file"]):
        load_groups(tmp_path)


def test_a_missing_groups_file_is_named(tmp_path) -> None:
    with pytest.raises(PartwiseError, match=r"groups\.json does not exist"):
        load_groups(tmp_path)
