import csv
import io
import lzma
import tarfile

import mido
import numpy as np
import pytest
import soundfile

from accelerator import kit, pack
from accelerator.unpack import write_start
from partwise import PartwiseError
from partwise_lab.synthesis.midi import read_midi

_PROGRAMS = {0: 33, 1: 0, 2: 25, 9: 0}


def write_midi(path, channels):
    file = mido.MidiFile(ticks_per_beat=480)
    for channel in channels:
        track = mido.MidiTrack()
        track.append(mido.Message("program_change", channel=channel, program=_PROGRAMS[channel]))
        for _ in range(60):
            track.append(mido.Message("note_on", channel=channel, note=50, time=80))
            track.append(mido.Message("note_off", channel=channel, note=50, time=400))
        file.tracks.append(track)
    file.save(path)


@pytest.fixture
def midi(tmp_path):
    """Six files of four titles; one has too few parts, one is broken."""
    folder = tmp_path / "midi"
    folder.mkdir()
    names = {
        "a1.mid": "tune.mid",
        "a2.mid": "tune (2).mid",
        "b1.mid": "song.mid",
        "c1.mid": "other.mid",
        "d1.mid": "thin.mid",
        "e1.mid": "broken.mid",
    }
    for name in names:
        write_midi(folder / name, (0, 9) if name == "d1.mid" else (0, 1, 2, 9))
    (folder / "e1.mid").write_bytes(b"no midi")
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "source", "licence", "original_path", "n_tracks"])
        writer.writerows([name, "us", "CC0", original, 4] for name, original in names.items())
    return folder


def packed_names(path):
    with tarfile.open(path) as archive:
        return sorted(name.removeprefix("midi/") for name in archive.getnames())


def test_only_usable_midi_is_packed_and_another_title_comes_first(midi, tmp_path):
    pack.pack_midi(midi, 20.0, 100, tmp_path / "all.tar.xz")
    assert packed_names(tmp_path / "all.tar.xz") == "a1.mid a2.mid b1.mid c1.mid index.csv".split()
    pack.pack_midi(midi, 20.0, 3, tmp_path / "some.tar.xz")
    assert packed_names(tmp_path / "some.tar.xz") == "a1.mid b1.mid c1.mid index.csv".split()


def test_packed_midi_unpacks_to_what_render_takes(midi, tmp_path):
    pack.pack_midi(midi, 20.0, 2, tmp_path / "two.tar.xz")
    with tarfile.open(tmp_path / "two.tar.xz") as archive:
        archive.extractall(tmp_path / "far", filter="data")
    with (tmp_path / "far/midi/index.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["b1.mid"] == {
        "file": "b1.mid",
        "original_path": "song.mid",
        "source": "us",
        "licence": "CC0",
    }
    for name in rows:
        assert read_midi(tmp_path / "far/midi" / name).seconds == pytest.approx(20.0, abs=0.1)


def test_fonts_are_small_for_training_and_whole_for_tests(tmp_path, monkeypatch):
    font = tmp_path / "Font.sf2"
    font.write_bytes(b"whole")
    pack.pack_fonts([font], 0.3, "test", tmp_path / "test")
    assert lzma.decompress((tmp_path / "test/Font.sf2.xz").read_bytes()) == b"whole"
    with pytest.raises(PartwiseError, match=r"Font\.sf2 is not a SoundFont 2 file"):
        pack.pack_fonts([font], 0.3, "train", tmp_path / "train")
    with pytest.raises(PartwiseError, match=r"none\.sf2 does not exist"):
        pack.pack_fonts([tmp_path / "none.sf2"], 0.3, "train", tmp_path / "train2")


def test_drum_samples_keep_their_names_and_are_cut_short(tmp_path):
    place = tmp_path / "kits" / "Kit one"
    place.mkdir(parents=True)
    (place / "drumkit.xml").write_text("<drumkit_info/>")
    (place / "picture.png").write_bytes(b"x")
    noise = np.random.default_rng(0).normal(0, 0.1, (44100 * 5, 2))
    soundfile.write(place / "snare.flac", noise, 44100)
    pack.pack_drumkits(tmp_path / "kits", 0.3, tmp_path / "kits.tar")
    with tarfile.open(tmp_path / "kits.tar") as archive:
        assert sorted(archive.getnames()) == [
            "drumkits/Kit one/drumkit.xml",
            "drumkits/Kit one/snare.flac",
        ]
        member = archive.extractfile("drumkits/Kit one/snare.flac")
        assert member is not None
        samples, rate_hz = soundfile.read(io.BytesIO(member.read()))
    assert (rate_hz, samples.shape) == (22050, (3 * 22050,))
    assert np.abs(samples[-10:]).max() < 0.02


def test_what_is_there_is_kept_and_what_fails_leaves_nothing(tmp_path):
    pack.once(tmp_path / "a", lambda out: out.mkdir())
    pack.once(tmp_path / "a", lambda out: pytest.fail("it is there already"))
    assert (tmp_path / "a").is_dir()

    def fail(out):
        out.mkdir()
        raise PartwiseError("no")

    for _ in range(2):
        with pytest.raises(PartwiseError):
            pack.once(tmp_path / "b", fail)
        assert not (tmp_path / "b").exists()


def test_too_large_a_kit_is_refused_with_the_table(tmp_path, monkeypatch, capsys):
    for name in (kit.MIDI, kit.FLUIDSYNTH, kit.WHEELS, *kit.FONTS.values()):
        (tmp_path / name).write_bytes(b"x" * 1000)
    arguments = ["--midi", str(tmp_path), "--kit", str(tmp_path)]
    assert pack.main(arguments) == 0
    assert "are left over" in capsys.readouterr().out
    monkeypatch.setattr(kit, "fits", lambda found: False)
    assert pack.main(arguments) == 1
    assert "fewer --pieces" in capsys.readouterr().err


def test_fluidsynth_is_started_through_the_carried_loader(tmp_path):
    lib = tmp_path / "fluidsynth" / "lib"
    lib.mkdir(parents=True)
    for path in (lib / "ld-linux-x86-64.so.2", tmp_path / "fluidsynth" / "program"):
        path.write_text("")
    write_start(tmp_path / "fluidsynth", tmp_path / "bin" / "fluidsynth")
    script = (tmp_path / "bin" / "fluidsynth").read_text()
    assert f'exec "{lib}/ld-linux-x86-64.so.2" --library-path "{lib}"' in script
    assert (tmp_path / "bin" / "fluidsynth").stat().st_mode & 0o111
