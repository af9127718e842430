"""Writes docs/partwise.1, the manual page in the wheel, from the command line's own help.

python scripts/make_man.py            rewrite docs/partwise.1
python scripts/make_man.py --check    exit 1 if it is out of date
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from make_commands import DOCUMENT as COMMANDS
from make_commands import commands, kind, written
from partwise import __version__
from partwise.cli import PROGRAM

DOCUMENT = COMMANDS.with_name("partwise.1")

HEAD = f""".TH PARTWISE 1 "" "partwise {__version__}" "User Commands"
.SH NAME
partwise \\- find music by the part you mean
.SH SYNOPSIS
.B partwise
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Hears the recordings in your folders once, and ranks them by how alike the drums, the bass, the
piano, the guitar or the rest of them sounds. Nothing leaves the machine.
.SH COMMANDS
"""

TAIL = """.SH EXIT STATUS
0; 1 when the work was done and the answer is no; 2 after a mistake, told in one sentence; 130 after
Ctrl-C.
.SH ENVIRONMENT
.TP
.B PARTWISE_LIBRARY
The library's folder, instead of one below your data folder.
.SH COMPLETION
partwise \\-\\-install\\-completion, for bash, zsh, fish and PowerShell.
"""


def page() -> str:
    """The whole manual."""
    return HEAD + "".join(section(*pair) for pair in commands(PROGRAM)) + TAIL


def section(name: str, command: Any) -> str:
    """One command: usage, what it does, its options."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [
        one
        for one in command.params
        if one.param_type_name == "option" and "--help" not in one.opts and not one.hidden
    ]
    usage = " ".join([name.partition(" ")[2], *(written(one) for one in arguments)])
    lines = [f".SS {roff(usage)}", *map(roff, inspect.cleandoc(command.help or "").splitlines())]
    for one in [*arguments, *options]:
        if one.param_type_name == "argument":
            names = written(one)
        else:
            value = "" if one.is_flag else f" {one.metavar or kind(one)}"
            names = ", ".join(f"{name}{value}" for name in [*one.opts, *one.secondary_opts])
        lines += [".TP", f".B {roff(names)}", roff(" ".join((one.help or "").split())) or "\\&"]
    return "\n".join(line or ".PP" for line in lines) + "\n"


def roff(text: str) -> str:
    """Text with nothing in it that would be a request."""
    text = text.replace("\f", "").replace("\\|", "|").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    new = page()
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != new:
            sys.exit("docs/partwise.1 is out of date: python scripts/make_man.py")
    else:
        DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
