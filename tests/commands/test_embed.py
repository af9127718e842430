"""``partwise embed`` from the command line's point of view."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from partwise.cli import main
from partwise.embedding.encoder import load_encoder
from partwise.parts import PARTS, Part
from sounds import sound, tone, write

SONG = {Part.BASS: 0.3, Part.PIANO: 0.6}


@pytest.fixture(autouse=True)
def _use_the_tiny_model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PARTWISE_MODEL", str(tiny_model))


def embed(*arguments: str | Path) -> int:
    return main(["embed", *map(str, arguments)])


def test_writes_what_the_encoder_hears(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    first = write(tmp_path / "a.flac", sound(SONG, 23.0))
    second = write(tmp_path / "b.wav", sound({Part.DRUMS: 0.5}, 3.0))
    out = tmp_path / "out.npz"
    assert embed(first, second, "--out", out) == 0
    captured = capfd.readouterr()
    assert captured.out == f"wrote {out}: segments 5, files 2 of 2\n"
    assert captured.err == ""
    encoder = load_encoder()
    expected = [encoder.embed_file(path) for path in (first, second)]
    with np.load(out) as written:
        assert written["path"].tolist() == [str(first)] * 4 + [str(second)]
        assert written["start_s"].tolist() == [0.0, 5.0, 10.0, 13.0, 0.0]
        assert written["end_s"].tolist() == [10.0, 15.0, 20.0, 23.0, 3.0]
        assert written["embeddings"].dtype == written["presence"].dtype == np.float32
        for name in ("embeddings", "presence"):
            both = np.concatenate([getattr(heard, name) for heard in expected])
            np.testing.assert_allclose(written[name], both, atol=1e-5)
        assert written["parts"].tolist() == [str(part) for part in PARTS]
        assert str(written["model_digest"]) == encoder.digest
    assert sorted(os.listdir(tmp_path)) == ["a.flac", "b.wav", "out.npz"]
    assert (out.stat().st_mode & 0o777) == (first.stat().st_mode & 0o777)


def test_to_a_link_and_to_standard_output(tmp_path: Path, capfdbinary):
    path = write(tmp_path / "a.wav", sound(SONG, 3.0))
    (tmp_path / "link").symlink_to("real.npz")
    assert embed(path, "--out", tmp_path / "link") == 0
    assert (tmp_path / "link").is_symlink()
    capfdbinary.readouterr()
    assert embed(path, "--out", "-") == 0
    captured = capfdbinary.readouterr()
    assert captured.err == b"wrote -: segments 1, files 1 of 1\n"
    with np.load(tmp_path / "real.npz") as first, np.load(io.BytesIO(captured.out)) as second:
        np.testing.assert_array_equal(first["embeddings"], second["embeddings"])


def test_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path):
    monkeypatch.setenv("PARTWISE_MODEL", "/nowhere.onnx")
    path = write(tmp_path / "a.wav", sound(SONG, 6.0))
    out = tmp_path / "out.npz"
    assert (
        embed(path, "--out", out, "--model", tiny_model, "--segment-s", "2", "--hop-s", "1.5") == 0
    )
    with np.load(out) as written:
        assert written["start_s"].tolist() == [0.0, 1.5, 3.0, 4.0]
        assert written["end_s"].tolist() == [2.0, 3.5, 5.0, 6.0]


def test_bad_files_among_good_ones(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    good = write(tmp_path / "good.wav", sound(SONG, 3.0))
    mislabelled = tmp_path / "wav.mp3"
    shutil.copy(good, mislabelled)
    words = tmp_path / "words.mp3"
    words.write_text("no music")
    short = write(tmp_path / "short.wav", tone(0.2))
    out = tmp_path / "out.npz"
    assert embed(words, good, short, tmp_path / "none", mislabelled, "--out", out) == 0
    captured = capfd.readouterr()
    assert sorted(captured.err.splitlines()) == sorted(
        [
            f"partwise: {words}: not audio: it holds text",
            f"partwise: {short}: too short (0.2 s; at least 1 s is needed)",
            f"partwise: {tmp_path}/none: there is no such file",
            f"partwise: {mislabelled}: named as MP3 but holds WAV",
        ]
    )
    assert captured.out == f"wrote {out}: segments 2, files 2 of 5\n"
    with np.load(out) as written:
        assert written["path"].tolist() == [str(good), str(mislabelled)]


def test_nothing_usable(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    words = tmp_path / "words.mp3"
    words.write_text("no music")
    out = tmp_path / "out.npz"
    assert embed(words, "--out", out) == 2
    assert capfd.readouterr().err == f"partwise: {words}: not audio: it holds text\n"
    assert embed(words, tmp_path / "none", "--out", out) == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        "partwise: none of the 2 files can be used: nothing was written"
    )
    assert not out.exists()


def test_odd_bytes_in_names(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav")
    shutil.copy(write(tmp_path / "a.wav", sound(SONG, 2.0)), name)
    out = tmp_path / "out.npz"
    assert embed(name, "--out", out) == 0
    with np.load(out) as written:
        assert os.fsencode(str(written["path"][0])) == os.fsencode(name)
    os.remove(name)
    assert embed(name, "--out", out) == 2
    assert "\\xff.wav: there is no such file" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("none/out.npz", "there is no folder {tmp}/none"),
        (".", "is a folder: name a file in it"),
    ],
)
def test_an_out_that_cannot_be_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], out: str, message: str
):
    path = write(tmp_path / "a.wav", sound(SONG, 2.0))
    assert embed(path, "--out", tmp_path / out) == 2
    assert message.format(tmp=tmp_path) in capfd.readouterr().err


def test_a_full_disk_keeps_the_old_file_and_what_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    path = write(tmp_path / "a.wav", sound(SONG, 2.0))
    out = tmp_path / "out.npz"
    out.write_bytes(b"old")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:  # what was heard has a place, and all of it has none
        patched.setattr("partwise.library.export.files._Column.write", full)
        assert embed(path, "--out", out) == 2
    expected = f"partwise: --out {out} cannot be written (No space left on device)\n"
    assert capfd.readouterr().err == expected
    assert out.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "out.npz", "out.npz.part"]
    assert embed(path, "--out", out) == 0  # goes on from there
    assert capfd.readouterr().err == "1 of 1 files were heard before\n"
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "out.npz"]


def test_a_folder_as_a_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    import pyarrow.parquet as pq

    music = tmp_path / "music"
    write(music / "b" / "one.wav", sound(SONG, 20.0))
    write(music / "a.flac", sound({Part.DRUMS: 0.5}, 3.0))
    (music / "bad.mp3").write_text("no music")
    out = tmp_path / "out.parquet"
    assert embed(music, "--out", out, "--jobs", "2") == 0
    captured = capfd.readouterr()
    assert captured.out == f"wrote {out}: segments 4, files 2 of 3\n"
    assert captured.err == f"partwise: {music}/bad.mp3: not audio: it holds text\n"
    table = pq.read_table(out)
    paths = [f"{music}/a.flac", *[f"{music}/b/one.wav"] * 3]
    assert table.column("path").to_pylist() == paths
    assert table.column("start_s").to_pylist() == [0.0, 0.0, 5.0, 10.0]
    heard = load_encoder().embed_file(music / "b" / "one.wav")
    for part in PARTS:
        column = table.column(f"embedding_{part}").to_pylist()
        np.testing.assert_allclose(column[1:], heard.embeddings[:, part.index], atol=1e-5)
        column = table.column(f"presence_{part}").to_pylist()
        np.testing.assert_allclose(column[1:], heard.presence[:, part.index], atol=1e-5)
    assert set(table.column("model_digest").to_pylist()) == {load_encoder().digest}
    assert sorted(os.listdir(tmp_path)) == ["music", "out.parquet"]


def test_a_run_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    from partwise.library.export.recordings import Aside

    music = tmp_path / "music"
    for number in range(3):
        write(music / f"{number}.wav", sound(SONG, 2.0 + number))
    out = tmp_path / "out.npz"
    kept, save = [], Aside.save

    def stopped(self, file, heard):
        save(self, file, heard)
        kept.append(file)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Aside, "save", stopped)
        assert embed(music, "--out", out, "--jobs", "1") == 130
    assert not out.exists() and (tmp_path / "out.npz.part").is_dir()
    (tmp_path / "out.npz.part" / "mine.txt").write_text("not ours to remove")
    os.utime(music / "0.wav", (1, 1))  # it may be another now: heard again
    capfd.readouterr()
    assert embed(music, "--out", out) == 0
    assert capfd.readouterr().err == "1 of 3 files were heard before\n"
    with np.load(out) as written:
        assert written["end_s"].tolist() == [2.0, 3.0, 4.0]
    assert os.listdir(tmp_path / "out.npz.part") == ["mine.txt"]


def test_the_ending_says_what_a_file_becomes(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    path = write(tmp_path / "a.wav", sound(SONG, 2.0))
    for name in ("e.csv", "e", "e.npz.bak"):
        assert embed(path, "--out", tmp_path / name) == 2
        assert "ending says what it becomes: .parquet" in capfd.readouterr().err
    (tmp_path / "empty").mkdir()
    assert embed(tmp_path / "empty", "--out", tmp_path / "e.npz") == 2
    assert "no audio files in" in capfd.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "empty"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--segment-s", "0", "segments of 0 s are not possible"),
        ("--hop-s", "0", "a hop of 0 s is not possible"),
        ("--model", "/nowhere.onnx", "the model /nowhere.onnx cannot be read"),
    ],
)
def test_bad_options(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], option: str, value: str, message: str
):
    path = write(tmp_path / "a.wav", sound(SONG, 2.0))
    assert embed(path, "--out", tmp_path / "out.npz", option, value) == 2
    assert message in capfd.readouterr().err


def test_progress_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    path = write(tmp_path / "a[b].wav", sound(SONG, 2.0))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert embed(path, "--out", tmp_path / "out.npz") == 0
    assert "segments 1, files 1 of 1" in capfd.readouterr().out
