"""What is gone from a folder: deleted, or only away?

A disk that is not mounted leaves a folder that is there and empty, and a server without it lists no
songs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping

from partwise.library.index.planning import Scan
from partwise.library.reports import files_text
from partwise.library.tables.ledger import LedgerRow, State
from partwise.paths import is_address, is_under, shown, text_to_path

# Fewer than this are gone from a folder that still has others when somebody cleared up.
AT_ONCE = 10


def absences(scan: Scan, ledger: Mapping[str, LedgerRow], gone: Collection[str]) -> list[str]:
    """A sentence for each folder that lost so much that its disk may be away.

    gone : paths (text) that the scan looked for and did not find, without those that have moved.

    That is a folder of those asked for in which nothing was found, or that lost more than half of
    what was known in it and at least ``AT_ONCE``; and any folder below it that is there, empty, and
    had at least so many.
    """
    heard = {path for path, row in ledger.items() if row.state is not State.FAILED}
    lost = [text_to_path(path) for path in gone if path in heard]
    found = [text_to_path(path) for path in scan.files]
    told: list[str] = []
    for root in dict.fromkeys(scan.roots):
        here = [path for path in lost if is_under(path, root)]
        if not here or not (is_address(root) or os.path.isdir(root)):
            continue
        known = sum(is_under(text_to_path(path), root) for path in heard)
        if not any(is_under(path, root) for path in found):
            told.append(f"nothing was found in {shown(root)}, where {files_text(len(here))} were")
        elif len(here) >= AT_ONCE and 2 * len(here) > known:
            told.append(f"{len(here)} of the {files_text(known)} known in {shown(root)} are gone")
        else:
            told += [
                f"{shown(folder)} is empty, where {files_text(count)} were"
                for folder, count in _emptied(root, here).items()
            ]
    return told


def _emptied(root: str, lost: list[str]) -> dict[str, int]:
    """Folders below ``root`` that are there, empty, and had many of ``lost``: how many."""
    counts: Counter[str] = Counter()
    for path in lost:
        while (path := os.path.dirname(path)) != root:
            counts[path] += 1
    return {
        folder: count
        for folder, count in counts.items()
        if count >= AT_ONCE and os.path.isdir(folder) and not os.listdir(folder)
    }
