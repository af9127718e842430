"""The password for somebody's server: never on the command line, and never kept."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.paths import shown
from partwise.servers.address import ServerAddress

VARIABLE = "PARTWISE_SERVER_PASSWORD"


def server_password(address: ServerAddress, file: Path | None) -> str:
    """From a file's first line, from the environment, else asked for where somebody can answer.

    Raises PartwiseError where there is none.
    """
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            cause = getattr(error, "strerror", None) or "it is not UTF-8"
            raise PartwiseError(f"--password-file {shown(file)}: {cause.lower()}") from None
        if not lines or not lines[0]:
            raise PartwiseError(f"--password-file {shown(file)}: its first line is empty")
        return lines[0]
    if given := os.environ.get(VARIABLE):
        return given
    who = f"password of {address.user}" if address.user else "API key"
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            if typed := getpass.getpass(f"{who} at {address.host}: "):
                return typed
        except EOFError:
            pass
    raise PartwiseError(
        f"the {who} at {address.host} is needed: set {VARIABLE}, or name a --password-file"
    )
