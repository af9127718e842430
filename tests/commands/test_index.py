"""``partwise index`` and ``partwise status`` as a person, or another program, meets them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.commands.index import summary_lines
from partwise.library.library import Library
from partwise.library.reports import IndexSummary, Progress, duration_text
from partwise.library.tables.ledger import LedgerRow, State
from partwise.library.tables.lock import WriterLock
from recordings import record


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(3):
        record(tmp_path / "music" / f"{number}.wav", number)
    return tmp_path / "music"


@pytest.fixture
def run(tmp_path: Path, music: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]):
    """Run ``partwise`` with the arguments; returns exit code, output and errors."""

    def run(verb: str, *arguments: str) -> tuple[int, str, str]:
        options = ["--library", str(tmp_path / "library")]
        if verb == "index":
            options += ["--model", str(tiny_model), "--jobs", "1"]
        code = main([verb, *arguments, *options])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_the_closing_line(run, music: Path) -> None:
    code, out, err = run("index", str(music))
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"indexed 3, unchanged 0, moved 0, failed 0, failed earlier 0, missing 0;"
        r" took \d+\.\d s for 6 s of audio\n",
        out,
    )
    (music / "1.wav").rename(music / "one.wav")
    (music / "2.wav").unlink()
    (music / "empty.mp3").touch()
    code, out, err = run("index", str(music))
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(
        "indexed 0, unchanged 1, moved 1, failed 1, failed earlier 0, missing 1; took "
    )
    assert lines[1] == f"  {music}/empty.mp3: empty (0 bytes)"
    assert lines[2].startswith("all failures with their reasons: partwise status --library ")
    assert lines[2].endswith(" --failed")
    code, out, err = run("index", str(music), "--prune", "--nice", "5")
    assert "failed 0, failed earlier 1, missing 0, pruned 1; took" in out
    shutil.rmtree(music)
    music.mkdir()
    away = f"nothing was found in {music}, where 2 files were"
    code, out, err = run("index", str(music))
    assert (code, out.splitlines()[1:]) == (0, [f"{away}: is its disk mounted?"])
    code, out, err = run("index", str(music), "--prune")
    assert code == 2 and ", missing 2; took" in out
    assert err == (
        f"partwise: --prune forgets nothing: {away}: is the disk mounted? --prune-anyway forgets"
        " what was deleted on purpose\n"
    )
    code, out, err = run("index", str(music), "--prune-anyway")
    assert code == 0 and ", missing 0, pruned 2; took" in out and "mounted" not in out


def test_status(run, music: Path, tmp_path: Path) -> None:
    (music / "empty.mp3").touch()
    shutil.copy(music / "0.wav", music / os.fsdecode(b"caf\xe9.wav"))
    run("index", str(music))
    (music / "2.wav").unlink()
    (music / os.fsdecode(b"caf\xe9.wav")).unlink()
    run("index", str(music))
    code, out, _ = run("status")
    assert code == 0
    assert f"library   {tmp_path / 'library'} (" in out
    assert "heard     3 tracks, 3 segments, 6 s" in out
    assert "files     2 indexed, 1 failed, 2 missing" in out
    assert f"failed:\n  {music}/empty.mp3: empty (0 bytes)\n" in out
    assert f"\n  {music}/caf\\xe9.wav\n" in out

    assert run("status", "--failed") == (0, f"{music}/empty.mp3: empty (0 bytes)\n", "")

    data = json.loads(run("status", "--json")[1])
    assert data["files"] == {"indexed": 2, "failed": 1, "missing": 2}
    assert data["failed"] == [{"path": f"{music}/empty.mp3", "reason": "empty (0 bytes)"}]
    assert data["missing"] == [f"{music}/2.wav", f"file://{music}/caf%E9.wav"]
    assert data["tracks"] == data["segments"] == 3
    assert data["audio_s"] == pytest.approx(6.03, abs=0.01)
    assert data["replacement"] is None
    assert data["model"]["dim"] == 16


def test_status_of_a_replacement_under_way(
    run, music: Path, tmp_path: Path, tiny_model: Path
) -> None:
    from partwise.library.tables.manifest import ModelInfo
    from partwise.library.tables.writer import Writer

    run("index", str(music))
    library = Library(tmp_path / "library")
    Writer(library.store, ModelInfo("0123456789abcdef", 4, (0.5,) * 5))
    assert "0 of 3 files are re-embedded by the model 0123456789abcdef" in run("status")[1]
    change = json.loads(run("status", "--json")[1])["replacement"]
    assert (change["files_done"], change["files_total"]) == (0, 3)


def test_no_library(run, tmp_path: Path) -> None:
    code, out, err = run("status")
    assert (code, out) == (2, "")
    assert err == (
        f"partwise: there is no library at {tmp_path / 'library'} yet:"
        " make one with `partwise index FOLDER`\n"
    )


def test_bad_input_is_one_sentence_and_exit_code_2(run, music: Path, tmp_path: Path) -> None:
    for arguments, message in [
        ((str(tmp_path / "nowhere"),), f"{tmp_path}/nowhere does not exist"),
        ((str(music), "--nice", "99"), "--nice is 99: it must be between 0 and 19"),
    ]:
        assert run("index", *arguments) == (2, "", f"partwise: {message}\n")
    assert run("index")[0] == 2
    assert not (tmp_path / "library").exists()
    run("index", str(music))
    with WriterLock(tmp_path / "library"):
        code, out, err = run("index", str(music))
    assert (code, out) == (2, "")
    assert err.startswith(f"partwise: process {os.getpid()} is writing to the library at")
    (tmp_path / "library" / "library.json").write_text("{")
    for verb in (("index", str(music)), ("status",)):
        code, out, err = run(*verb)
        assert (code, out) == (2, "")
        assert "library.json is damaged" in err
        assert err.count("\n") == 1


def test_many_failures_are_cut(tmp_path: Path) -> None:
    rows = [
        LedgerRow(f"/m/{n:02d}.mp3", 0, 0, None, State.FAILED, "empty", None, "", 0.0)
        for n in range(13)
    ]
    lines = summary_lines(IndexSummary(failed=13, failures=rows, seconds=1.0), "partwise status")
    assert lines[1] == "  /m/00.mp3: empty"
    assert lines[10] == "  /m/09.mp3: empty"
    assert lines[11:] == ["  and 3 more", "all failures with their reasons: partwise status"]


def test_what_was_left_aside_stands_below_the_counts() -> None:
    summary = IndexSummary(left_aside={".pdf": 3, ".jpg": 12}, not_entered={"#recycle": 1})
    assert summary_lines(summary, "partwise status")[1:] == [
        "left aside: 12 .jpg, 3 .pdf; folders not entered: 1 #recycle"
    ]


def test_durations_and_time_left() -> None:
    texts = [duration_text(s) for s in (0.2, 12.4, 89, 200, 5399, 5400, 36000)]
    assert texts == ["1 s", "12 s", "89 s", "3 min", "90 min", "1.5 h", "10.0 h"]
    progress = Progress(1, 4, audio_s=500, elapsed_s=2, left_s=6)
    assert progress.rate == 250
    assert str(progress) == "1 of 4 files, 250 x real time, about 6 s left"
    assert str(Progress(0, 4, 0, 2)) == "0 of 4 files, 0 x real time"


def start(
    music: Path,
    tmp_path: Path,
    tiny_model: Path,
    jobs: int = 2,
    stderr: int | None = None,
    start_new_session: bool = False,
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "partwise", "index", str(music), "--jobs", str(jobs)]
    command += ["--library", str(tmp_path / "library"), "--model", str(tiny_model)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, start_new_session=start_new_session
    )


# Makes the workers wait at one file, so that the run is on when the signal comes.
_WAITS = """
import os, pathlib, time
from partwise.embedding.encoder import Encoder

heard = Encoder.embed_file

def embed_file(self, path, *args, **kwargs):
    if "waits" in os.path.basename(path):
        pathlib.Path(os.environ["WAITING"], str(os.getpid())).touch()
        time.sleep(600)
    return heard(self, path, *args, **kwargs)

Encoder.embed_file = embed_file
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False], ids=["to all", "to the parent"])
def test_signals_end_a_run_in_order(
    music: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    group: bool,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_WAITS)
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setenv("WAITING", str(waiting))
    record(music / "z waits.wav", 9)
    with start(
        music, tmp_path, tiny_model, 1, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not os.listdir(waiting) and time.monotonic() < deadline:
            time.sleep(0.01)
        (worker,) = os.listdir(waiting)
        (os.killpg if group else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert out.startswith(b"indexed 3, unchanged 0,")
    assert err == (b"partwise: interrupted with 1 file left; the same command goes on from here\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(worker), 0)
    assert len(Library(tmp_path / "library").tracks()) == 3
    monkeypatch.setenv("PYTHONPATH", "")
    with start(music, tmp_path, tiny_model) as process:
        assert process.communicate()[0].startswith(b"indexed 1, unchanged 3,")


def test_progress_on_a_terminal(music: Path, tmp_path: Path, tiny_model: Path) -> None:
    pty = pytest.importorskip("pty")
    screen, terminal = pty.openpty()
    with start(music, tmp_path, tiny_model, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                block = os.read(screen, 4096)
            except OSError:  # how Linux tells the end of a terminal
                break
            if not block:
                break
            shown += block
        out = process.communicate()[0]
    os.close(screen)
    assert process.returncode == 0
    assert b" of 3 files, " in shown
    assert b"x real time" in shown
    assert out.startswith(b"indexed 3, ")
    assert b"\x1b" not in out
