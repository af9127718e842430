import mido
import pytest

from partwise import Part
from partwise_lab.data.stems import find_pieces
from stem_trees import RATE_HZ, loudest_hz, write_tone

pytest.importorskip("yaml")

STEMS = {
    "S00": ("Guitar", False, 700.0),
    "S01": ("Drums", True, 3000.0),
    "S02": ("Bass", False, 60.0),
    "S03": ("Strings (continued)", False, 1500.0),
    "S04": ("Guitar", False, 900.0),
    "S05": ("Sound Effects", False, None),  # not rendered
    "S06": ("Piano", False, 300.0),
}


def write_track(place, uuid, bpm=None, suffix=".flac"):
    lines = [f"UUID: {uuid}", "audio_dir: stems", "overall_gain: 0.2", "stems:"]
    for key, (kind, is_drum, hz) in STEMS.items():
        if hz:
            write_tone(place / "stems" / f"{key}{suffix}", hz)
        lines += [
            f"  {key}:",
            f"    audio_rendered: {'true' if hz else 'false'}",
            f"    inst_class: {kind}",
            f"    is_drum: {'true' if is_drum else 'false'}",
            "    program_num: 30",
        ]
    (place / "metadata.yaml").write_text("\n".join(lines) + "\n")
    if bpm:
        file = mido.MidiFile()
        file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(60e6 / bpm))]))
        file.save(place / "all_src.mid")


def test_slakh(tmp_path):
    write_track(tmp_path / "train" / "Track00001", "aa", bpm=125.0)
    write_track(tmp_path / "test" / "Track00002", "bb")
    write_track(tmp_path / "omitted" / "Track00003", "cc")
    skips = {}
    test, train = find_pieces(tmp_path, on_skip=skips.__setitem__)
    assert (test.name, train.name) == ("test/Track00002", "train/Track00001")
    assert (test.title, train.title) == ("bb", "aa")
    assert (test.tempo_bpm, train.tempo_bpm) == (None, 125.0)
    assert set(train.stems) == set(Part)
    for part, hz in {"drums": 3000, "bass": 60, "piano": 300, "other": 1500}.items():
        assert loudest_hz(train.read(Part(part), RATE_HZ)) == [hz]
    assert loudest_hz(train.read(Part.GUITAR, RATE_HZ), tones=2) == [700, 900]
    assert not skips
    assert not train.unknown


def test_one_split_and_wav(tmp_path):
    write_track(tmp_path / "Track00001", "aa", suffix=".wav")
    (piece,) = find_pieces(tmp_path)
    assert piece.name == "Track00001"
    assert set(piece.stems) == set(Part)


def test_what_cannot_be_used_is_told(tmp_path):
    write_track(tmp_path / "train" / "Track00001", "aa")
    write_track(tmp_path / "train" / "Track00002", "aa")
    write_track(tmp_path / "train" / "Track00004", "dd")
    (tmp_path / "train" / "Track00004" / "stems" / "S04.flac").unlink()
    for number, text in {5: "stems: [", 6: "UUID: ee", 7: "- a list"}.items():
        place = tmp_path / "train" / f"Track0000{number}"
        place.mkdir()
        (place / "metadata.yaml").write_text(text + "\n")
    skips = {}
    pieces = find_pieces(tmp_path, on_skip=skips.__setitem__)
    assert [piece.name[-1] for piece in pieces] == ["1", "4"]
    assert skips["train/Track00002"] == "it plays the same MIDI file as train/Track00001"
    assert "S04.flac is missing" in skips["train/Track00004: guitar"]
    assert Part.GUITAR not in pieces[1].stems
    for number in (5, 6, 7):
        assert "metadata.yaml cannot be used" in skips[f"train/Track0000{number}"]
