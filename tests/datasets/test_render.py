import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from midi_file import write_midi
from partwise import PartwiseError
from partwise.hearing.child import environment
from partwise_lab.data.stems import data_digest, find_pieces
from partwise_lab.synthesis import render, synthesis
from partwise_lab.synthesis.midi_files import Take
from partwise_lab.synthesis.render import RenderSettings, render_folder
from partwise_lab.synthesis.soundfont import read_soundfont

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not FONT.exists(),
    reason="FluidSynth and the SoundFont TimGM6mb are needed: apt-get install fluidsynth "
    "timgm6mb-soundfont",
)
SETTINGS = RenderSettings(seconds=4.0, min_parts=3)
PLAIN = replace(SETTINGS, effects=0.0, touch=0.0, tuning_cents=0.0)


@needs_fluidsynth
def test_rendering_is_deterministic_resumable_and_adds_up(tmp_path):
    for number in range(3):
        write_midi(tmp_path / "midi" / f"{number}.mid", transpose=number)
    (tmp_path / "midi" / "broken.mid").write_bytes(b"MThd")
    write_midi(tmp_path / "midi" / "thin.mid", channels=(0, 9))
    first, second = tmp_path / "first", tmp_path / "second"
    midi = tmp_path / "midi"
    assert render_folder(midi, first, [FONT], SETTINGS, jobs=2) == (3, 2)
    assert render_folder(midi, second, [FONT], SETTINGS, jobs=1, limit=2)[0] == 2
    untouched = next(iter(second.glob("*/mix.flac")))
    made = untouched.stat().st_mtime_ns
    assert render_folder(midi, second, [FONT], SETTINGS, jobs=1) == (3, 2)
    assert untouched.stat().st_mtime_ns == made
    pieces = find_pieces(first)
    assert data_digest(pieces) == data_digest(find_pieces(second))
    for piece in pieces:
        stems = [piece.read(part, 22050) for part in piece.stems]
        assert len(stems) == 5
        mix, rate_hz = soundfile.read(first / piece.name / "mix.flac", dtype="float32")
        assert rate_hz == 22050
        assert len(mix) == 4 * 22050
        np.testing.assert_allclose(np.sum(stems, axis=0), mix, atol=2e-4)
        assert np.abs(mix).max() <= 0.91
        metadata = json.loads((first / piece.name / "metadata.json").read_text())
        assert set(metadata["stems"]) == {"drums", "bass", "piano", "guitar", "other"}
        assert metadata["tempo_bpm"] == 120.0
        voice = metadata["stems"]["guitar"]
        assert {"family", "program_of", "tuning_cents", "touch", "effects"} <= set(voice)
    assert "broken.mid is broken" in (first / "skipped.csv").read_text()
    thin = "has only 2 parts that sound long enough (not piano, guitar, other)"
    assert thin in (first / "skipped.csv").read_text()
    split = json.loads((first / "split.json").read_text())
    assert set(split["pieces"]) == {"0", "1", "2"}
    assert split["families"] == ["timgm"]


@needs_fluidsynth
def test_takes_are_the_same_music_with_other_voices(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid")
    write_midi(tmp_path / "midi" / "b.mid", transpose=2)
    out = tmp_path / "out"
    assert render_folder(tmp_path / "midi", out, [FONT], SETTINGS, takes=1, limit=1)[0] == 1
    assert render_folder(tmp_path / "midi", out, [FONT], SETTINGS, takes=2)[0] == 4
    records = {
        piece.name: json.loads((out / piece.name / "metadata.json").read_text())
        for piece in find_pieces(out)
    }
    assert set(records) == {"a", "a-2", "b", "b-2"}
    first, second = records["a"], records["a-2"]
    assert (first["take"], second["take"]) == (1, 2)
    assert first["title"] == second["title"]
    assert first["start_s"] == second["start_s"]
    assert all(first["stems"][part] != second["stems"][part] for part in first["stems"])


@needs_fluidsynth
def test_a_band_plays_all_its_pieces_with_the_same_voices(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid")
    write_midi(tmp_path / "midi" / "b.mid", transpose=2)
    out = tmp_path / "out"
    render_folder(tmp_path / "midi", out, [FONT], replace(SETTINGS, bands=1))
    first, second = (json.loads((out / name / "metadata.json").read_text()) for name in "ab")
    assert first["players"] == second["players"]
    assert first["stems"] == second["stems"]
    assert {piece.players for piece in find_pieces(out)} == {first["players"]}
    with pytest.raises(PartwiseError, match="bands"):
        render_folder(tmp_path / "midi", out, [FONT], SETTINGS)


@needs_fluidsynth
def test_drum_kits_play_drums(tmp_path):
    kit = tmp_path / "kit"
    kit.mkdir()
    names = ("Kick", "Snare", "Closed HH")
    rows = "".join(
        f"<instrument><name>{name}</name><filename>{name}.wav</filename></instrument>"
        for name in names
    )
    (kit / "drumkit.xml").write_text(f"<drumkit_info>{rows}</drumkit_info>")
    noise = 0.5 * np.random.default_rng(0).standard_normal(2000)
    for name in names:
        soundfile.write(kit / f"{name}.wav", noise, 44100)
    for number in range(4):
        write_midi(tmp_path / "midi" / f"{number}.mid", transpose=number)
    out = tmp_path / "out"
    render_folder(tmp_path / "midi", out, [FONT], SETTINGS, drumkits=[kit], jobs=2)
    families = {
        json.loads(path.read_text())["stems"]["drums"]["family"]
        for path in out.glob("*/metadata.json")
    }
    assert families == {"timgm", "hydrogen"}
    assert json.loads((out / "render.json").read_text())["drumkits"] == ["kit"]


@needs_fluidsynth
def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    write_midi(tmp_path / "midi" / "a.mid")
    midi, out = tmp_path / "midi", tmp_path / "out"
    render_folder(midi, out, [FONT], PLAIN, jobs=1)
    with pytest.raises(PartwiseError, match=r"seed = 0, not 1"):
        render_folder(midi, out, [FONT], replace(PLAIN, seed=1), jobs=1)
    # A folder from before there were effects was rendered plainly.
    record = json.loads((out / "render.json").read_text())
    for key in ("effects", "touch", "tuning_cents", "drumkits", "sources", "licensed"):
        del record[key]
    (out / "render.json").write_text(json.dumps(record))
    with pytest.raises(PartwiseError, match=r"effects = 0\.0, not 0\.8"):
        render_folder(midi, out, [FONT], replace(PLAIN, effects=0.8), jobs=1)
    assert render_folder(midi, out, [FONT], PLAIN, jobs=1) == (1, 0)
    assert asdict(PLAIN).items() <= json.loads((out / "render.json").read_text()).items()


@needs_fluidsynth
def test_a_full_disk_leaves_nothing_half_done(tmp_path, monkeypatch):
    song = Take(write_midi(tmp_path / "midi" / "a.mid"), "a", "a")
    out = tmp_path / "out"
    out.mkdir()
    written = []

    def full(path, *_):
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(render, "_write_flac", full)
    with pytest.raises(OSError, match="No space"):
        render.render_piece(song, out, [read_soundfont(FONT)], SETTINGS)
    assert len(written) == 3
    assert list(out.iterdir()) == []
    # Through the pool it is one sentence, and running again goes on.
    with pytest.raises(PartwiseError, match=r"no space left on the disk of .*goes on from here"):
        written.clear()
        render_folder(tmp_path / "midi", out, [FONT], SETTINGS, jobs=1)
    assert [path.name for path in out.iterdir()] == ["render.json"]
    monkeypatch.undo()
    assert render_folder(tmp_path / "midi", out, [FONT], SETTINGS, jobs=1) == (1, 0)


def test_missing_tools_and_folders_get_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis.shutil, "which", lambda _: None)
    with pytest.raises(PartwiseError, match="FluidSynth is not installed"):
        render_folder(tmp_path, tmp_path / "out", [], SETTINGS)


@needs_fluidsynth
def test_nothing_is_left_running_by_a_run_that_was_ended(tmp_path):
    for number in range(60):
        write_midi(tmp_path / "midi" / f"{number}.mid", transpose=number % 12)
    command = [sys.executable, "-m", "partwise_lab", "render", tmp_path / "midi", "--jobs", "2"]
    command += ["--out", tmp_path / "out", "--soundfont", FONT]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment(), start_new_session=True
    ) as run:
        try:
            while run.poll() is None and not any(tmp_path.glob("out/*/mix.flac")):
                time.sleep(0.1)
            run.terminate()
            run.communicate(timeout=20)  # once all have ended that have the pipe open
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGTERM
