import pytest

from partwise import PartwiseError
from partwise_lab.synthesis.midi_files import MidiEntry, chosen_takes, find_takes, read_index

INDEX = """file,source,licence,original_path,source_key
a.mid,Debian freedoom 0.12.1,BSD-3-Clause (original music),d_e1m1.mid,deb-freedoom
b.mid,a web page,none stated; fan sequences,x/Town Theme (2).mid,web
c.mid,mma,CC0-1.0 (generated),bossa kabiru.mid,mma
"""


@pytest.fixture
def index(tmp_path):
    (tmp_path / "index.csv").write_text(INDEX)
    return read_index(tmp_path / "index.csv")


@pytest.fixture
def songs(tmp_path, index):
    for name in ("a.mid", "b.mid", "c.mid", "d.MID", "notes.txt"):
        (tmp_path / name).touch()
    return find_takes([tmp_path], index)


def names(songs):
    return sorted(song.name for song in songs)


def test_titles_come_from_the_index_or_the_name(songs):
    assert {song.name: song.title for song in songs} == {
        "a": "dem",
        "b": "towntheme",
        "c": "bossakabiru",
        "d": "d",
    }


def test_songs_are_chosen_by_licence_and_by_source(songs, index):
    assert chosen_takes(songs, index, [], False) == songs
    assert names(chosen_takes(songs, index, [], True)) == ["a", "c"]
    assert names(chosen_takes(songs, index, ["Freedoom", "web"], False)) == ["a", "b"]
    assert names(chosen_takes(songs, index, ["bsd-3"], True)) == ["a"]
    assert names(chosen_takes(songs, index, ["deb-freedoom"], False)) == ["a"]


@pytest.mark.parametrize(
    ("licence", "licensed"),
    [
        ("GPL-2.0", True),
        ("GPL-3+ (package copyright file)", True),
        ("Artistic-1.0", True),
        ("CC-BY-4.0", True),
        ("CC BY-SA 3.0", True),
        ("public domain", True),
        ("CC BY-NC-SA 4.0 (as declared)", False),
        ("repo MIT; MIDI unstated", False),
        ("demo MIDIs, authors named, no licence text", False),
        ("none stated", False),
        ("", False),
    ],
)
def test_free_licences_are_told_from_others(licence, licensed):
    assert MidiEntry("title", "", licence).licensed is licensed


def test_files_of_one_name_are_songs_of_their_own(tmp_path):
    for folder in ("x", "y/z"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "intro.mid").touch()
    songs = find_takes([tmp_path], {})
    assert len({song.name for song in songs}) == 2
    assert songs == find_takes([tmp_path], {})
    assert songs == find_takes([tmp_path / "x", tmp_path], {})[:1] + songs[1:]


def test_what_cannot_be_chosen_gets_a_sentence(tmp_path, songs, index):
    with pytest.raises(PartwiseError, match="--titles"):
        chosen_takes(songs, {}, [], True)
    with pytest.raises(PartwiseError, match="no MIDI file has slakh in the index"):
        chosen_takes(songs, index, ["slakh"], False)
    with pytest.raises(PartwiseError, match="none does not exist"):
        find_takes([tmp_path / "none"], {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(PartwiseError, match="no MIDI file below"):
        find_takes([tmp_path / "empty"], {})
    (tmp_path / "other.csv").write_text("name,path\na,b\n")
    for name in ("other.csv", "absent.csv"):
        with pytest.raises(PartwiseError, match=f"{name} cannot be used for titles"):
            read_index(tmp_path / name)
