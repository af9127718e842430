import json

import pytest

from partwise import Part, PartwiseError
from partwise_lab.data.any_stems import parts_of_name
from partwise_lab.data.stems import find_pieces
from stem_trees import RATE_HZ, loudest_hz, write_tone


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("drums.wav", "drums"),
        ("01 Kick In.wav", "drums"),
        ("Bass Drum.flac", "drums"),
        ("PERC_2.mp3", "drums"),
        ("bass.mp3", "bass"),
        ("Synth Bass.wav", "bass"),
        ("bass-guitar_DI.wav", "bass"),
        ("keys.mp3", "piano"),
        ("ElectricPiano.wav", "piano"),
        ("E-Piano 2.wav", "piano"),
        ("guitar_solo.mp3", "guitar"),
        ("Gtr L.wav", "guitar"),
        ("Vocals30.mp3", "other"),
        ("lead vox.wav", "other"),
        ("Synth_Lead.wav", "other"),
        ("bass clarinet.wav", "other"),
        ("mydrums2.wav", "drums"),
        ("BassDrums30.mp3", "bass drums"),
        ("bassdrums.wav", "bass drums"),
        ("PianoSynth30.mp3", "piano other"),
        ("track 7.wav", ""),
        ("mix.wav", ""),
    ],
)
def test_parts_are_told_by_words(name, parts):
    assert parts_of_name(name) == {Part(part) for part in parts.split()}


@pytest.fixture
def folder(tmp_path):
    """Three pieces, one of them two folders deep."""
    write_tone(tmp_path / "one" / "Drum Kit.wav", 3000.0)
    write_tone(tmp_path / "one" / "shaker.wav", 5000.0)
    write_tone(tmp_path / "one" / "BassKeys.wav", 100.0)
    write_tone(tmp_path / "one" / "track 7.wav", 700.0)
    write_tone(tmp_path / "one" / "Mixdown.wav", 700.0)
    write_tone(tmp_path / "album" / "two" / "stems" / "vocals.flac", 800.0)
    write_tone(tmp_path / "album" / "two" / "stems" / "other.flac", 1200.0)
    write_tone(tmp_path / "album" / "two" / "stems" / "bass.flac", 60.0)
    (tmp_path / "album" / "two" / "metadata.json").write_text('{"tempo_bpm": 120}')
    write_tone(tmp_path / "notes" / "demo.wav", 60.0)
    return tmp_path


def test_a_folder_of_any_stems(folder):
    skips = {}
    two, one = find_pieces(folder, on_skip=skips.__setitem__)
    assert (two.name, one.name) == ("album/two", "one")
    assert set(one.stems) == {Part.DRUMS}
    assert loudest_hz(one.read(Part.DRUMS, RATE_HZ), tones=2) == [3000, 5000]
    assert loudest_hz(one.read_rest(RATE_HZ)) == [100]
    assert not one.unknown
    assert set(two.stems) == {Part.BASS, Part.OTHER}
    assert loudest_hz(two.read(Part.OTHER, RATE_HZ), tones=2) == [800, 1200]
    assert two.unknown == {Part.PIANO, Part.GUITAR}
    assert two.tempo_bpm == 120.0
    assert len(two.read_rest(RATE_HZ)) == 0
    assert skips == {
        "one/BassKeys.wav": "by its name it holds bass and piano: it is no stem of either",
        "one/track 7.wav": "its name does not tell its part",
        "notes/demo.wav": "its name does not tell its part",
    }


def test_the_manifest_has_the_last_word(folder):
    said = {
        "one/track 7.wav": "guitar",
        "one/shaker.wav": None,
        "one/BassKeys.wav": "piano",
        "notes/demo.wav": "mixed",
        "gone.wav": "bass",
    }
    (folder / "parts.json").write_text(json.dumps(said))
    skips = {}
    _, one = find_pieces(folder, on_skip=skips.__setitem__)
    assert set(one.stems) == {Part.DRUMS, Part.PIANO, Part.GUITAR}
    assert loudest_hz(one.read(Part.DRUMS, RATE_HZ)) == [3000]
    assert list(skips) == ["gone.wav"]


def test_a_manifest_elsewhere_as_csv(folder, tmp_path_factory):
    manifest = tmp_path_factory.mktemp("elsewhere") / "parts.csv"
    manifest.write_text("file,part\none/track 7.wav,other\none/shaker.wav,\n")
    _, one = find_pieces(folder, manifest=manifest)
    assert set(one.stems) == {Part.DRUMS, Part.OTHER}
    assert loudest_hz(one.read(Part.DRUMS, RATE_HZ)) == [3000]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a.wav": "violin"}', "the part 'violin'"),
        ("{", "cannot be read"),
        ("[1, 2]", "cannot be read"),
        (None, "does not exist"),
    ],
)
def test_bad_manifests(folder, tmp_path_factory, text, sentence):
    manifest = tmp_path_factory.mktemp("elsewhere") / "parts.json"
    if text is not None:
        manifest.write_text(text)
    with pytest.raises(PartwiseError, match=sentence):
        find_pieces(folder, manifest=manifest)
