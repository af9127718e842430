"""The one printer of progress."""

from __future__ import annotations

import pytest

from partwise.commands import console
from partwise.commands.console import Printer, Ticker
from partwise.library.reports import Progress, Stage

RUN = Progress(1, 4, audio_s=500, elapsed_s=4, left_s=12)


def test_what_is_said() -> None:
    assert str(RUN) == "1 of 4 files, 125 x real time, about 12 s left"
    assert str(Progress(0, 1, 0.0, 0.0)) == "0 of 1 file, 0 x real time"
    assert str(Stage("index of tracks")) == "index of tracks"
    assert str(Stage("tracks", 4000, elapsed_s=2, unit="rows")) == "tracks: 4000 rows, 2000.00/s"
    stage = Stage("rendering", 30, 100, "pieces", 10, first=20, note="busy")
    assert str(stage) == "rendering: 30 of 100 pieces, 1.00/s, about 70 s left, busy"


def test_elsewhere_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with Printer() as printer:
        for now_s in (101.0, 110.0, 112.0, 120.0, 128.0):
            now[0] = now_s
            printer.update(RUN)
        now[0] = 200.0
        printer.update(Progress(4, 4, 500, 4))
        printer.say("a sentence")
    assert capsys.readouterr().err == f"{RUN}\n{RUN}\na sentence\n"


def test_on_a_terminal_one_line_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    with Ticker("rendering", "pieces") as ticker:
        ticker(1, 2)
        ticker.say("out of the way")
    said = capsys.readouterr().err
    bar = "━" * 12 + "─" * 12
    clear = "\r\x1b[K"
    assert said == f"{clear}{bar} rendering: 1 of 2 pieces{clear}out of the way\n{clear}"
