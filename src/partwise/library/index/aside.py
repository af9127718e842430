"""What a scan leaves aside: files that promise no audio, and folders of what was thrown away.

A disk station, a synchroniser and a desktop keep deleted and former files in folders of their own,
and people mark folders that no player shall look into. None of it is in the library that its owner
means; all of it is counted, and heard when such a folder is named itself.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping

# Names in lower case: bins, former versions, and what file servers and systems keep for themselves.
_FOLDERS = frozenset(
    {
        *(
            "#recycle",
            "@recycle",
            "$recycle.bin",
            "recycler",
            "recycled",
            ".recycle",
            ".recycle.bin",
        ),
        *(".trash", ".trashes", "network trash folder", ".wastebasket"),
        *("files_trashbin", "files_versions", ".stversions", ".sync", ".stfolder"),
        *("#snapshot", "@snapshot", ".snapshot", ".snapshots", "@recently-snapshot", ".zfs"),
        *("@eadir", "@tmp", "@sharebin", ".@__thumb", ".synologyworkingdirectory"),
        *(".appledouble", ".appledb", ".appledesktop", ".temporaryitems", ".spotlight-v100"),
        *(".fseventsd", ".documentrevisions-v100", ".mobilebackups", ".dropbox.cache"),
        *(
            "system volume information",
            "lost+found",
            "lost.dir",
            ".thumbnails",
            ".tmp.drivedownload",
        ),
    }
)
_TRASH_OF_USER = re.compile(r"\.trash-\d+")
MARK = ".nomedia"

_ENDING = re.compile(r"\.[a-z0-9+_-]{1,9}")
_NAMED = 5  # kinds in a line; the rest is a number


def is_left_out(folder: str) -> bool:
    """Whether a folder of this name is one that others keep for what is not music any more."""
    name = folder.lower()
    return name in _FOLDERS or _TRASH_OF_USER.fullmatch(name) is not None


def kind_of(name: str) -> str:
    """What a file that promises no audio is counted as: its ending, or that it has none."""
    if name.startswith("._"):
        return "._*"
    ending = os.path.splitext(name)[1].lower()
    return ending if _ENDING.fullmatch(ending) else "without ending"


def aside_text(files: Mapping[str, int], folders: Mapping[str, int]) -> str:
    """One line: ``left aside: 12 .jpg, 3 .pdf; folders not entered: 2 #recycle``; or ''."""
    parts = []
    if files:
        parts.append(f"left aside: {_most(files)}")
    if folders:
        parts.append(f"folders not entered: {_most(folders)}")
    return "; ".join(parts)


def _most(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count} {kind}" for kind, count in ordered[:_NAMED]]
    if len(ordered) > _NAMED:
        words.append(f"{Counter(dict(ordered[_NAMED:])).total()} others")
    return ", ".join(words)
