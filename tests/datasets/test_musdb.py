from partwise import Part
from partwise_lab.data.stems import find_pieces
from stem_trees import RATE_HZ, loudest_hz, write_stem_mp4, write_tone

TONES = {"mixture": 250.0, "drums": 3000.0, "bass": 60.0, "other": 1500.0, "vocals": 800.0}


def check(piece):
    assert set(piece.stems) == {Part.DRUMS, Part.BASS, Part.OTHER}
    assert piece.unknown == {Part.PIANO, Part.GUITAR}
    assert loudest_hz(piece.read(Part.DRUMS, RATE_HZ)) == [3000]
    assert loudest_hz(piece.read(Part.BASS, RATE_HZ)) == [60]
    assert loudest_hz(piece.read(Part.OTHER, RATE_HZ), tones=2) == [800, 1500]


def test_hq_is_folders_of_wav(tmp_path):
    for song in ("train/A - One", "test/B - Two"):
        for stem, hz in TONES.items():
            write_tone(tmp_path / song / f"{stem}.wav", hz)
    pieces = find_pieces(tmp_path)
    assert [piece.name for piece in pieces] == ["test/B - Two", "train/A - One"]
    assert [piece.title for piece in pieces] == ["B - Two", "A - One"]
    check(pieces[0])
    assert [piece.name for piece in find_pieces(tmp_path / "test")] == ["B - Two"]


def test_stem_mp4_holds_five_streams(tmp_path):
    write_stem_mp4(tmp_path / "test" / "C - Three.stem.mp4", list(TONES.values()))
    (piece,) = find_pieces(tmp_path)
    assert piece.name == "test/C - Three"
    assert 0.9 < piece.seconds < 1.1
    check(piece)


def test_bad_songs_are_told(tmp_path):
    write_stem_mp4(tmp_path / "A - One.stem.mp4", [250.0, 3000.0])
    (tmp_path / "B - Two.stem.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    skips = {}
    (piece,) = find_pieces(tmp_path, on_skip=skips.__setitem__)
    assert set(piece.stems) == {Part.DRUMS}
    assert "(stream 2) cannot be read: it has no such stream" in skips["A - One: bass"]
    assert skips["B - Two"] == "it has no usable stem"
