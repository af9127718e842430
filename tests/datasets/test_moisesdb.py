import json

import pytest

from partwise import Part
from partwise_lab.data.recorded import part_of
from partwise_lab.data.stems import find_pieces
from stem_trees import RATE_HZ, loudest_hz, write_tone

TRACKS = [
    ("drums", "kick_drum", 100.0),
    ("percussion", "atonal_percussion", 5000.0),
    ("percussion", "pitched_percussion", 2500.0),
    ("bass", "bass_guitar", 60.0),
    ("vocals", "lead_male_singer", 800.0),
    ("piano", "grand_piano", 300.0),
    ("other", "click_track", 4000.0),
]


def write_song(place, tracks=TRACKS):
    stems = []
    for number, (stem, kind, hz) in enumerate(tracks):
        write_tone(place / stem / f"id{number}.wav", hz, seconds=1.0 + 0.01 * number)
        track = {"id": f"id{number}", "trackType": kind, "extension": "wav", "has_bleed": False}
        stems.append({"id": "x", "stemName": stem, "tracks": [track]})
    about = {"song": "One", "artist": "A", "genre": "rock", "stems": stems}
    (place / "data.json").write_text(json.dumps(about))


@pytest.mark.parametrize("home", ["", "provider", "moisesdb_v0.1/provider"])
def test_moisesdb(tmp_path, home):
    write_song(tmp_path / home / "uuid-1")
    (piece,) = find_pieces(tmp_path)
    assert piece.title == "A - One"
    assert piece.name.endswith("uuid-1")
    assert set(piece.stems) == {Part.DRUMS, Part.BASS, Part.PIANO, Part.OTHER}
    assert loudest_hz(piece.read(Part.DRUMS, RATE_HZ)[:RATE_HZ], tones=2) == [100, 5000]
    assert loudest_hz(piece.read(Part.OTHER, RATE_HZ)[:RATE_HZ], tones=2) == [800, 2500]
    assert not piece.unknown


def test_what_cannot_be_used_is_told(tmp_path):
    write_song(tmp_path / "a")
    write_song(tmp_path / "b")
    (tmp_path / "b" / "percussion" / "id1.wav").unlink()
    write_song(tmp_path / "c")
    (tmp_path / "c" / "data.json").write_text('{"song": "One"}')
    skips = {}
    pieces = find_pieces(tmp_path, on_skip=skips.__setitem__)
    assert [piece.name for piece in pieces] == ["a", "b"]
    assert Part.DRUMS not in pieces[1].stems
    assert "id1.wav is missing" in skips["b: drums"]
    assert skips["c"].endswith("data.json cannot be used: 'stems' is missing")


def test_parts_of_tracks():
    assert part_of("bowed_strings", "violin") is Part.OTHER
    assert part_of("bass", "tuba") is Part.BASS
    assert part_of("drums", "click") is None
