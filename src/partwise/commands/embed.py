"""``partwise embed``: part embeddings of recordings as a Parquet or a NumPy file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from partwise.atomic import is_stdout
from partwise.audio.segment import HOP_S, SEGMENT_S, check_segmentation
from partwise.commands.console import Printer, check_out
from partwise.errors import PartwiseError
from partwise.parts import PART_NAMES
from partwise.paths import path_to_text, shown

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.library.export.recordings import Aside, Recording


def embed(
    files: list[Path] = typer.Argument(
        ..., metavar="FILE|FOLDER...", help="Recordings, and folders of them."
    ),
    out: Path = typer.Option(
        ...,
        "--out",
        metavar="FILE",
        help="Where to write: .parquet is a table, .npz NumPy arrays; - prints an NPZ.",
    ),
    segment_s: float = typer.Option(SEGMENT_S, "--segment-s", help="Length of a segment."),
    hop_s: float = typer.Option(HOP_S, "--hop-s", help="From one segment's start to the next's."),
    model: Path | None = typer.Option(
        None, "--model", metavar="FILE.onnx", help="Another model than the one that is built in."
    ),
    jobs: int | None = typer.Option(
        None, "--jobs", metavar="N", min=1, help="Worker processes (default: one per core)."
    ),
) -> None:
    """Write the part embeddings of every segment of recordings, and of all below folders.

    Each row is a segment, in the order of the recordings: path, start_s, end_s, presence (0 to 1)
    and embeddings (unit norm, or zeros where the part is absent) of the five parts, model_digest.
    In Parquet each part has columns of its own (presence_drums, embedding_drums); an NPZ has
    presence [n, 5] and embeddings [n, 5, dim].

    A recording that cannot be used is named on stderr and left out; if none can be used, nothing
    is written and the exit code is 2. What was heard when a run is stopped lies in FILE.part, and
    the same command goes on from there.
    """
    from partwise.embedding.encoder import load_encoder
    from partwise.hearing.worker import Settings
    from partwise.library.export import files as written
    from partwise.library.export.recordings import find, hear, putting_aside

    check_segmentation(segment_s, hop_s)
    check_out(out)
    kind = written.format_of(out, "--out")
    encoder = load_encoder(model)
    digest = encoder.digest
    settings = Settings(os.path.abspath(encoder.path), segment_s, hop_s)
    del encoder
    found = find(files)
    total = len(found.recordings) + len(found.problems)
    with putting_aside(out, digest, settings) as aside, Printer() as printer:
        failures = list(found.problems)
        failures += hear(found.recordings, digest, settings, aside, printer, jobs)
        failed = {name for name, _ in failures}
        heard = [one for one in found.recordings if one.name not in failed]
        if len(failures) == total == 1:
            raise PartwiseError(f"{shown(failures[0][0])}: {failures[0][1]}")
        for name, reason in failures:
            printer.say(f"partwise: {shown(name)}: {reason}")
        if not heard:
            raise PartwiseError(f"none of the {total} files can be used: nothing was written")
        count = _Counted()
        if kind == "parquet":
            written.write_parquet(out, count.tables(heard, aside, digest), "--out")
        else:
            written.write_npz(out, count.pieces(heard, aside, digest), count.others, "--out")
    said = f"wrote {shown(out)}: segments {count.segments}, files {len(heard)} of {total}"
    print(said, file=sys.stderr if is_stdout(out) else sys.stdout)


class _Counted:
    """What was put aside, recording by recording, and how many segments that was."""

    def __init__(self) -> None:
        self.segments = 0
        self.others: dict[str, np.ndarray] = {}

    def tables(self, heard: list[Recording], aside: Aside, digest: str) -> Iterator[pa.Table]:
        """For Parquet, where text is UTF-8 and nothing else."""
        import pyarrow as pa

        from partwise.library.export.embeddings import heard_columns

        for one in heard:
            piece = aside.load(one.file)
            self.segments += len(piece)
            path = pa.array([path_to_text(one.name)] * len(piece), pa.string())
            yield pa.table({"path": path, **heard_columns(piece, digest)})

    def pieces(
        self, heard: list[Recording], aside: Aside, digest: str
    ) -> Iterator[dict[str, np.ndarray]]:
        """For NPZ. Bytes of a name that are not UTF-8 stand as surrogates: os.fsencode gives the
        name back where the locale is UTF-8, and it is written the same where it is not."""
        paths: list[str] = []
        for one in heard:
            piece = aside.load(one.file)
            self.segments += len(piece)
            name = os.fsencode(one.name).decode("utf-8", "surrogateescape")
            paths += [name] * len(piece)
            fields = ("start_s", "end_s", "embeddings", "presence")
            yield {field: getattr(piece, field) for field in fields}
        self.others["path"] = np.array(paths)
        self.others["parts"] = np.array(PART_NAMES)
        self.others["model_digest"] = np.array(digest)
