import csv
import shutil

import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.cli import main
from partwise_lab.synthesis import arrange
from partwise_lab.synthesis.arrange import Style, arrange_folder, compose, mma_library, read_styles
from partwise_lab.synthesis.midi import best_window, read_midi, title_of
from partwise_lab.synthesis.midi_files import find_takes, read_index

needs_mma = pytest.mark.skipif(
    shutil.which("mma") is None, reason="mma is needed: apt-get install mma"
)
STYLES = [Style("swing", ("Swing", "SwingSus")), Style("rock", ("Rock1",))]


def test_a_song_is_drawn_from_seed_and_number():
    songs = [compose(STYLES, seed, number) for seed in (0, 1) for number in range(40)]
    assert songs == [compose(STYLES, seed, number) for seed in (0, 1) for number in range(40)]
    assert len({song.text for song in songs}) == 80
    # Titles are compared by their letters alone: they must differ in them.
    assert len({title_of(f"{song.name}.mid") for song in songs}) == 80
    for song in songs:
        lines = song.text.splitlines()
        tempo = next(int(line.split()[1]) for line in lines if line.startswith("Tempo"))
        bars = [line for line in lines if line[0].isdigit()]
        assert 40 < len(bars) * 240 / tempo < 240
        grooves = {line.split()[1] for line in lines if line.startswith("Groove")}
        assert any(grooves <= set(style.grooves) for style in STYLES)


def test_chords_are_written_in_the_key():
    assert arrange._phrase("0 9m,7z7 11m7b5 5M7", 0) == ["C", "Am / G7", "Bm7b5", "FM7"]
    assert arrange._phrase("0 9m 5 7", 7) == ["G", "Em", "C", "D"]


def test_patterns_stay_within_the_bar():
    rng = np.random.default_rng(0)
    for _ in range(100):
        for pattern in (arrange._riff(rng, 1, 8), arrange._broken(rng)):
            for hit in pattern.split("; "):
                beat, ticks, _ = hit.split()
                assert 1 <= float(beat) < 5
                assert (float(beat) - 1) * 192 + int(ticks.removesuffix("t")) <= 4 * 192 + 1


def test_styles_in_four_are_read(tmp_path):
    (tmp_path / "swing.mma").write_text(
        "Time 4\nDefGroove Swing Plain.\nDefGroove SwingIntro x\nDefGroove SwingEnd x\n"
    )
    (tmp_path / "waltz.mma").write_text("Time 3\nDefGroove Waltz\n")
    assert read_styles(tmp_path) == [Style("swing", ("Swing",))]
    (tmp_path / "swing.mma").unlink()
    with pytest.raises(PartwiseError, match="no style in four beats"):
        read_styles(tmp_path)


def test_without_mma_there_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["arrange", "--out", str(tmp_path / "out"), "--count", "1"]) == 2
    assert "mma is not installed: try `apt-get install mma`" in capsys.readouterr().err
    (tmp_path / "mma").write_text("#!/bin/sh\n")
    (tmp_path / "mma").chmod(0o755)
    monkeypatch.setenv("MMA_HOME", str(tmp_path))
    with pytest.raises(PartwiseError, match="set MMA_HOME"):
        mma_library()


@needs_mma
def test_songs_have_the_parts_and_an_index(tmp_path, capsys):
    out, again = tmp_path / "out", tmp_path / "again"
    command = ["arrange", "--out", str(out), "--seed", "3", "--jobs", "2"]
    assert main([*command, "--count", "2"]) == 0
    first = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mid")}
    assert main([*command, "--count", "4"]) == 0  # goes on
    assert "4 songs" in capsys.readouterr().out
    assert arrange_folder(again, 4, 3, jobs=1)[0] == 4
    files = sorted(out.glob("*.mid"))
    assert len(files) == 4
    for path in files:
        assert path.read_bytes() == (again / path.name).read_bytes()
        assert first.get(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
        _, shares = best_window(read_midi(path), 40.0)
        assert sum(share >= 0.25 for share in shares.values()) >= 4
    assert (out / "index.csv").read_text() == (again / "index.csv").read_text()
    index = read_index(out / "index.csv")
    assert all(entry.licensed and entry.source == "mma" for entry in index.values())
    assert len({song.title for song in find_takes([out], index)}) == 4


@needs_mma
def test_what_mma_refuses_is_replaced_and_recorded(tmp_path, monkeypatch):
    bad = Style("none", ("NoSuchGroove",))
    styles = [bad, bad, Style("swing", ("Swing",))]
    monkeypatch.setattr(arrange, "read_styles", lambda _: styles)
    done, skipped = arrange_folder(tmp_path, 2, 0)
    assert done == 2
    assert skipped >= 1
    with (tmp_path / "skipped.csv").open() as file:
        rows = list(csv.reader(file))
    assert len(rows) == skipped
    assert all("could not be found" in reason for _, reason in rows)
    monkeypatch.setattr(arrange, "read_styles", lambda _: [bad])
    with pytest.raises(PartwiseError, match=r"mma makes no song of use: .*could not be found"):
        arrange_folder(tmp_path / "bad", 1, 0)
