"""Writes docs/commands.md from the command line's own help.

python scripts/make_commands.py            rewrite docs/commands.md
python scripts/make_commands.py --check    exit 1 if it is out of date
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from partwise.cli import PROGRAM, Program
from partwise_lab.cli import PROGRAM as LAB

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

HEAD = """# Commands

<!-- Made by `python scripts/make_commands.py` from the commands' own help. Do not edit. -->

`partwise COMMAND --help` says the same in the terminal, `partwise --version` which version it is. A
command ends with 0; with 1 when it did its work and the answer is no; with 2 after a mistake that
it explains in one sentence; with 130 after Ctrl-C. `partwise` is what a listener installs,
`partwise-lab` is for people who train and measure.

| | |
| --- | --- |
"""


def commands(program: Program) -> Iterator[tuple[str, Any]]:
    """Every command by its full name, sub-commands too, in the order of ``--help``."""
    for verb in program.verbs:
        made = program.command_of(verb)
        if isinstance(made, typer.Typer):
            group = get_command(made)
            for name, command in group.commands.items():  # type: ignore[attr-defined]
                yield f"{program.name} {verb} {name}", command
        else:
            app = typer.Typer(add_completion=False)
            app.command(verb)(made)
            yield f"{program.name} {verb}", get_command(app)


def page() -> str:
    """The whole document."""
    found = dict(pair for program in (PROGRAM, LAB) for pair in commands(program))
    rows = [
        f"| [`{program.name} {verb}`](#{anchor(f'{program.name} {verb}', found)}) | {summary} |"
        for program in (PROGRAM, LAB)
        for verb, summary in program.verbs.items()
    ]
    return HEAD + "\n".join(rows) + "\n" + "".join(section(*pair) for pair in found.items())


def anchor(verb: str, found: dict[str, Any]) -> str:
    """Where a verb's section, or the first of its sub-commands, begins on the page."""
    return next(name for name in found if f"{name} ".startswith(f"{verb} ")).replace(" ", "-")


def section(name: str, command: Any) -> str:
    """One command: usage, what it does, its arguments and options."""
    arguments = [entry for entry in command.params if entry.param_type_name == "argument"]
    options = [
        entry
        for entry in command.params
        if entry.param_type_name == "option" and "--help" not in entry.opts and not entry.hidden
    ]
    usage = " ".join(
        [
            name,
            *(written(entry) for entry in arguments),
            *(["[OPTIONS]"] if options else []),
        ]
    )
    lines = ["", f"## {name}", "", "```", usage, "```", ""]
    lines += [inspect.cleandoc(command.help or "").replace("\f", ""), ""]
    if arguments or options:
        lines += ["| | | default |", "| --- | --- | --- |"]
        lines += [row(entry) for entry in [*arguments, *options]]
    return "\n".join(lines) + "\n"


def written(entry: Any) -> str:
    """An argument in a usage line: brackets where it may be left out, dots where it may repeat."""
    name = (entry.metavar or entry.name.upper()).strip("[].")
    name += "..." if entry.nargs == -1 else ""
    return name if entry.required else f"[{name}]"


def row(entry: Any) -> str:
    """One argument or option in a table."""
    if entry.param_type_name == "argument":
        names = f"`{written(entry)}`"
    else:
        value = "" if entry.is_flag else f" {entry.metavar or kind(entry)}"
        names = ", ".join(f"`{name}{value}`" for name in [*entry.opts, *entry.secondary_opts])
    text = " ".join((entry.help or "").split()).replace("|", "\\|")
    if entry.multiple:
        text += " May be given several times."
    default = entry.default
    shown = isinstance(default, (str, int, float, Path)) and not isinstance(default, bool)
    return f"| {names} | {text} | {f'`{default}`' if shown and default != '' else ''} |"


def kind(entry: Any) -> str:
    """What an option takes, where it has no name for it."""
    taken = entry.type_descriptor.annotation
    if isinstance(taken, type) and issubclass(taken, Enum):
        return "\\|".join(str(choice.value) for choice in taken)
    return entry.name.upper()


def main() -> None:
    new = page()
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != new:
            sys.exit("docs/commands.md is out of date: python scripts/make_commands.py")
    else:
        DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
