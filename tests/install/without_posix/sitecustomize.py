"""Makes every Python that finds this file on its path as poor as that of Windows, for partwise.

The listener half's tests, all of them, in such processes:

    PYTHONPATH=src:tests/install/without_posix python -m pytest tests/audio tests/commands ...

Modules of partwise cannot import what Windows has not, and nobody can fork; what partwise is built
on (portalocker, the standard library) may use what it likes, as it has its own ways there. Where
``WITHOUT_POSIX_LOG`` names a file, each process and each refused import adds a line to it.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from contextlib import suppress
from typing import Any

ABSENT = frozenset({"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"})

_import = builtins.__import__
_import_module = importlib.import_module


def note(line: str) -> None:
    if log := os.environ.get("WITHOUT_POSIX_LOG"):
        # Another user's process may not write here, and is to say nothing that it would not say.
        with suppress(OSError), open(log, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {line}\n")


def refuse(name: str, asking: str) -> None:
    """Raise as Python does for a module that is not there, where a module of partwise asks."""
    if name.partition(".")[0] in ABSENT and asking.partition(".")[0] == "partwise":
        note(f"refused {name} to {asking}")
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def import_statement(name: str, globals: Any = None, *rest: Any, **more: Any) -> Any:
    refuse(name, (globals or {}).get("__name__") or "")
    return _import(name, globals, *rest, **more)


def import_module(name: str, package: str | None = None) -> Any:
    refuse(name, sys._getframe(1).f_globals.get("__name__", ""))
    return _import_module(name, package)


builtins.__import__ = import_statement
importlib.import_module = import_module
for lacking in ("fork", "forkpty"):
    if hasattr(os, lacking):
        delattr(os, lacking)
note("began")
