"""``partwise`` alone, before there is a library: where music was found, and what to do next."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from partwise.audio.types import is_audio_name
from partwise.paths import shown

_LOOK_S = 1.0  # at all of the folders together
_ENOUGH = 10_000  # recordings in one folder: more is not counted
_NAMED = 3  # folders
# Where disks and sticks are mounted, by system; below it, one folder each (or one of each user).
_MOUNTS = ("/media", "/run/media", "/mnt", "/Volumes")


def guide() -> str:
    """What to do first, in lines; folders with recordings first of all."""
    found = music_folders()
    if found:
        listed = ", ".join(f"{shown(path)} ({_count(count)})" for path, count in found[:_NAMED])
        folder = shlex.quote(str(found[0][0]))
    else:
        listed, folder = "none was found in the usual places", "FOLDER"
    return "\n".join(
        [
            f"Your music:    {listed}",
            f"Hear it once:  partwise index {folder}",
            "Open the page: partwise serve",
            "",
            "partwise demo shows what it does; partwise --help lists all commands.",
        ]
    )


def _count(count: int) -> str:
    more = "more than " if count >= _ENOUGH else ""
    return f"{more}{count:,} recording{'' if count == 1 else 's'}"


def music_folders(places: Iterable[Path] | None = None) -> list[tuple[Path, int]]:
    """Folders that hold recordings and how many, the fullest first; at most ``_ENOUGH`` is counted.

    places : where to look; by default the user's music folder and what is mounted. Counting ends
    after a second: it is a hint, and a network drive may be slow.
    """
    until = time.monotonic() + _LOOK_S
    found = [(place, _recordings(place, until)) for place in places or _places()]
    return sorted((one for one in found if one[1]), key=lambda one: -one[1])


def _places() -> list[Path]:
    from platformdirs import user_music_path

    places = []
    with suppress(RuntimeError):  # a user without a home
        places.append(user_music_path())
    for mount in map(Path, _MOUNTS):
        for disk in _folders(mount):
            # Of each user, where the system has it so: /media/me/STICK.
            places += _folders(disk) if mount.name == "media" and disk.name == _user() else [disk]
    return places


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError, ImportError):  # as in a container without an entry among the users
        return ""


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(Path(entry) for entry in os.scandir(place) if entry.is_dir())
    except OSError:
        return []


def _recordings(folder: Path, until: float) -> int:
    count = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        count += sum(is_audio_name(name) for name in files)
        if count >= _ENOUGH or time.monotonic() > until:
            break
    return min(count, _ENOUGH)
