import mido
import pytest

from midi_file import write_midi
from partwise import Part, PartwiseError
from partwise_lab.synthesis.midi import best_window, read_midi, title_of, write_window


def test_midi_is_split_into_parts(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid"))
    counts = {part: len(notes) for part, notes in piece.notes.items()}
    assert counts == dict.fromkeys(counts, 24)
    assert piece.notes[Part.DRUMS][0].channel == 9
    assert piece.notes[Part.BASS][1].start_s == pytest.approx(0.5)
    assert piece.seconds == pytest.approx(12.0, abs=0.1)


def test_the_window_is_where_most_parts_play(tmp_path):
    path = write_midi(tmp_path / "late.mid", seconds=30, start_s=20)
    start_s, shares = best_window(read_midi(path), 8.0)
    assert 16 <= start_s <= 22
    assert min(shares.values()) >= 0.5


def test_a_window_holds_its_notes_only(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid"))
    write_window(piece, Part.PIANO, 3.0, 4.0, tmp_path / "w.mid", program_of={0: 5})
    window = read_midi(tmp_path / "w.mid")
    assert len(window.notes[Part.PIANO]) == 8
    assert window.notes[Part.PIANO][0].start_s == pytest.approx(0.0, abs=0.01)
    assert {n.program for n in window.notes[Part.PIANO]} == {5}
    assert sum(len(notes) for notes in window.notes.values()) == 8


def test_velocities_and_tuning_are_written(tmp_path):
    piece = read_midi(write_midi(tmp_path / "a.mid"))
    reset = mido.Message("control_change", channel=1, control=121, value=0)
    piece.controls.append((5.0, reset))
    write_window(
        piece,
        Part.PIANO,
        3.0,
        4.0,
        tmp_path / "w.mid",
        program_of={},
        tuning_cents=-50.0,
        velocity_of=lambda velocity: velocity // 2,
    )
    window = read_midi(tmp_path / "w.mid")
    assert {n.velocity for n in window.notes[Part.PIANO]} == {32}
    controls = [(time_s, m.control, m.value) for time_s, m in window.controls]
    fine = [(0.0, 101, 0), (0.0, 100, 1), (0.0, 38, 0), (0.0, 6, 32)]
    assert controls[:4] == fine
    # A reset takes the tuning back, so it is set again.
    assert controls[6] == (2.0, 121, 0)
    assert controls[7:11] == [(2.0, control, value) for _, control, value in fine]


def test_the_tempo_is_that_of_the_window(tmp_path):
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    track.append(mido.Message("note_on", note=60))
    # 10 s at the default of 120, then 90.
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90), time=480 * 20))
    track.append(mido.Message("note_off", note=60, time=480 * 30))
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    piece = read_midi(tmp_path / "a.mid")
    assert piece.tempo_bpm(0.0, 8.0) == pytest.approx(120.0)
    assert piece.tempo_bpm(12.0, 8.0) == pytest.approx(90.0)
    assert piece.tempo_bpm(6.0, 8.0) == pytest.approx(105.0)
    assert piece.tempo_bpm(28.0, 40.0) == pytest.approx(90.0)  # past the end


def test_a_file_that_counts_frames_is_refused(tmp_path):
    path = write_midi(tmp_path / "a.mid")
    content = bytearray(path.read_bytes())
    content[12:14] = bytes([0xE7, 0x28])  # 25 frames a second, 40 ticks a frame
    path.write_bytes(bytes(content))
    with pytest.raises(PartwiseError, match=r"a\.mid is broken: it counts film frames"):
        read_midi(path)


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "is broken"), (b"RIFFnonsense" * 9, "is broken")]
)
def test_broken_midi_gets_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "broken.mid"
    path.write_bytes(content)
    with pytest.raises(PartwiseError, match=rf"broken\.mid {sentence}"):
        read_midi(path)


def test_titles_of_versions_are_one_title():
    names = ["Town Theme.mid", "a/town_theme (2).mid", "Town-Theme v3.MID", "town theme 04.mid"]
    assert {title_of(name) for name in names} == {"towntheme"}
    assert title_of("1999.mid") == "1999"
