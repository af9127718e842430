"""What commands have in common: an option, and what is told on standard error."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import typer

from partwise.errors import PartwiseError
from partwise.library.reports import Progress, Stage
from partwise.paths import shown

# The option of every command that asks or fills a library.
LIBRARY = typer.Option(
    None,
    "--library",
    metavar="DIR",
    help="The library's folder (default: PARTWISE_LIBRARY, else your data folder).",
)
_FIRST_LINE_S = 10.0
_LINE_EVERY_S = 15.0
_REWRITTEN_EVERY_S = 0.2
_CLEAR = "\r\x1b[K"
_BAR = 24  # characters
_SHOWN = 10  # of the things left out


def tell_left_out(left_out: Sequence[tuple[str, str]], more: str = "") -> None:
    """On stderr: how much was left out, and the first reasons, as (what, why).

    more : where the others can be read.
    """
    if left_out:
        typer.echo(f"{len(left_out)} left out or silent:", err=True)
    for what, why in left_out[:_SHOWN]:
        typer.echo(f"  {what}: {why}", err=True)
    if len(left_out) > _SHOWN:
        typer.echo(f"  and {len(left_out) - _SHOWN} more{more}", err=True)


def check_out(out: Path) -> None:
    """Refuse before the work what could not be written to ``--out`` after it."""
    if out.is_dir():
        raise PartwiseError(f"--out {shown(out)} is a folder: name a file in it")
    folder = Path(os.path.realpath(out)).parent
    if not folder.is_dir():
        raise PartwiseError(f"--out {shown(out)}: there is no folder {shown(folder)}")


def command_line(context: typer.Context, verb: str) -> str:
    """The command as it was given, whoever called it: options by their values, no defaults."""
    words = [context.find_root().info_name or "partwise", verb]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        value = context.params.get(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if parameter.param_type_name == "argument":
            words.insert(2, str(value))
        elif value is True:
            words.append(parameter.opts[0])
        else:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                words += [parameter.opts[0], str(item)]
    return shlex.join(words)


class Printer:
    """A ``Reporter`` on standard error: on a terminal a line that is rewritten, else one now and
    then."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next_s: float | None = None  # counted from the first update

    def say(self, sentence: str) -> None:
        self.close()
        print(sentence, file=sys.stderr, flush=True)

    def update(self, progress: Progress | Stage) -> None:
        now_s = time.monotonic()
        if self._next_s is None:
            self._next_s = now_s + (0.0 if self._live else _FIRST_LINE_S)
        if now_s < self._next_s or (not self._live and progress.done == progress.total != 0):
            return
        if not self._live:
            self._next_s = now_s + _LINE_EVERY_S
            self.say(str(progress))
            return
        self._next_s = now_s + _REWRITTEN_EVERY_S
        full = round(_BAR * min(1.0, progress.done / progress.total)) if progress.total else 0
        line = f"{'━' * full}{'─' * (_BAR - full)} {shown(str(progress))}"
        width = shutil.get_terminal_size().columns
        sys.stderr.write(f"{_CLEAR}{line[: width - 1]}")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._live:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Ticker(Printer):
    """For work that calls back with how much is done: call it after each step."""

    def __init__(self, verb: str, unit: str) -> None:
        super().__init__()
        self.verb, self.unit = verb, unit
        self._began_s = time.monotonic()
        self._first: float | None = None  # what was already done before this run

    def __call__(self, done: float, total: float, note: str = "") -> None:
        if self._first is None:
            self._first = done
        elapsed_s = time.monotonic() - self._began_s
        self.update(Stage(self.verb, done, total, self.unit, elapsed_s, self._first, note))
