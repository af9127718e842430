"""Progress on stderr for long work: rate and time left, as a bar or as occasional lines."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from types import TracebackType

import typer

from partwise.library.reports import duration_text

_LINE_EVERY_S = 15.0
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


class Ticker:
    """Shows done / total with rate and time left; call it after each step.

    On a terminal one line is rewritten; elsewhere a line is printed every 15 s.
    """

    def __init__(self, verb: str, unit: str) -> None:
        self.verb, self.unit = verb, unit
        self._live = sys.stderr.isatty()
        self._began = time.monotonic()
        self._first: float | None = None  # what was already done before this run
        self._shown = -_LINE_EVERY_S if self._live else self._began

    def __call__(self, done: float, total: float, note: str = "") -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now - self._shown < (0.2 if self._live else _LINE_EVERY_S):
            return
        self._shown = now
        rate = (done - self._first) / max(now - self._began, 1e-9)
        left = f", {duration_text((total - done) / rate)} left" if rate > 0 else ""
        text = f"{self.verb}: {done:.4g} of {total:.4g} {self.unit}, {rate:.2f}/s{left}"
        if note:
            text += f", {note}"
        if self._live:
            sys.stderr.write(f"\r\x1b[K{text}")
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def __enter__(self) -> Ticker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
