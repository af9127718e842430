import itertools
import json

import pytest

from partwise import PartwiseError
from partwise_lab.measure.abx.answers import Clip, Kind, Triplet
from partwise_lab.measure.abx.split import SHARES, PieceSplit, read_split


def about(*songs):
    clips = [Clip(f"{song}", None, role, song, 0) for song, role in zip(songs, "XAB", strict=True)]
    return Triplet("ex", Kind.XAB, clips[0], clips[1], clips[2], {})


def test_splits_share_no_song_and_a_triplet_lies_in_one():
    songs = [str(1877 + number) for number in range(300)]
    split = PieceSplit.of(songs)
    sets = [split.train, split.valid, split.test]
    assert set().union(*sets) == set(songs)
    assert not any(a & b for a, b in itertools.combinations(sets, 2))
    for name, slots in SHARES.items():
        assert len(getattr(split, name)) == pytest.approx(3 * len(slots), abs=30)
    # A song keeps its place whatever other songs there are.
    assert PieceSplit.of(songs[:10]).train == split.train & set(songs[:10])
    train, test = sorted(split.train), sorted(split.test)
    assert split.place(about(*train[:3])) == "train"
    assert split.place(about(test[0], test[1], test[1])) == "test"
    assert split.place(about(train[0], train[1], test[0])) == "straddling"
    counts = split.count([about(*train[:3]), about(*test[:3]), about(train[0], *test[:2])])
    assert counts == {"train": 1, "valid": 0, "test": 1, "straddling": 1}


def test_a_split_is_read_from_beside_the_model(tmp_path):
    split = PieceSplit.of(["1", "2", "3", "4", "5"])
    path = tmp_path / "last.json"
    path.write_text(json.dumps({"recipe_settings": {"songs": split.as_json()}}))
    assert read_split(tmp_path / "last.safetensors") == split
    path.write_text(json.dumps({"recipe_settings": {"seed": 0}}))
    with pytest.raises(PartwiseError, match="names no songs: only models of"):
        read_split(path)
    path.write_text("{")
    with pytest.raises(PartwiseError, match="cannot be read"):
        read_split(path)
    with pytest.raises(PartwiseError, match="cannot be read"):
        read_split(tmp_path / "none.onnx")
