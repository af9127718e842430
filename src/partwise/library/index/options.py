"""How an indexing run goes, and how it may end without all that was asked of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from partwise.audio.tags import check_encoding
from partwise.errors import PartwiseError
from partwise.library.reports import IndexSummary
from partwise.servers.subsonic import Subsonic


@dataclass(frozen=True)
class IndexOptions:
    """How a run goes.

    jobs : int > 0, worker processes; None for one per core, of a cluster all together.
    nice : 0..19, their niceness.
    prune : forget files below the roots that are gone, and what was heard in them; nothing where
        so much is gone at once that a disk may only be away.
    prune_anyway : forget them then too.
    retry_failed : try files again that failed before and have not changed.
    tags : read the tags of unchanged files again; nothing is heard for that.
    tag_encoding : of texts in old tags (``audio.tags.read_tags``), such as ``cp1251``. The library
        keeps it; None for what it has. To name one reads tags again, as ``tags`` does.
    model : an ONNX file to hear with; None for the shipped one.
    store, precision : where a library that is made here keeps its vectors (a URI such as
        ``s3://bucket/prefix``; None for its folder) and in which precision.
    server : whose songs are heard in place of folders, see ``server_source``; None for folders.
    match : take only the ids of those of its songs that were heard already, from files; nothing is
        downloaded.
    quiet_s : files that changed less than so many seconds ago are left for another run, because
        somebody may still be writing them.
    on : where to hear: None for worker processes of this machine, ``ray`` for a Ray that the run
        starts and ends, ``ray://ADDRESS`` for a Ray cluster of which this machine is a node.

    Raises PartwiseError for a number or an encoding that makes no sense.
    """

    jobs: int | None = None
    nice: int = 0
    prune: bool = False
    prune_anyway: bool = False
    retry_failed: bool = False
    tags: bool = False
    tag_encoding: str | None = None
    model: str | os.PathLike[str] | None = None
    store: str | None = None
    precision: str | None = None
    server: Subsonic | None = None
    match: bool = False
    on: str | None = None
    quiet_s: float = 0.0

    def __post_init__(self) -> None:
        if self.match and self.server is None:
            raise PartwiseError("--match is for the songs of a server: name it with --from")
        if self.server is not None and (self.on or self.tags or self.tag_encoding):
            raise PartwiseError(
                "--on, --tags and --tag-encoding are for folders: a server tells the tags itself,"
                " and its songs are heard on this machine"
            )
        if self.jobs is not None and self.jobs < 1:
            raise PartwiseError(f"--jobs is {self.jobs}: it must be at least 1")
        if not 0 <= self.nice <= 19:
            raise PartwiseError(f"--nice is {self.nice}: it must be between 0 and 19")
        if self.tag_encoding is not None:
            check_encoding(self.tag_encoding)


class NoAudio(PartwiseError):
    """There is nothing to hear, and nothing is known of what was asked for."""


class PruneRefused(PartwiseError):
    """So much is gone that a disk may only be away: nothing was forgotten.

    summary : what else the run has done.
    """

    def __init__(self, summary: IndexSummary) -> None:
        super().__init__(
            f"--prune forgets nothing: {'; '.join(summary.away)}: is the disk mounted?"
            " --prune-anyway forgets what was deleted on purpose"
        )
        self.summary = summary
