"""``partwise embed``: part embeddings of recordings as a NumPy file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer

from partwise.atomic import is_stdout, replacing
from partwise.audio.decode import RecordingError
from partwise.audio.segment import HOP_S, SEGMENT_S, check_segmentation
from partwise.commands.console import Printer, check_out
from partwise.embedding.embeddings import PartEmbeddings
from partwise.embedding.encoder import Encoder, load_encoder
from partwise.errors import PartwiseError
from partwise.library.reports import Stage
from partwise.parts import PARTS
from partwise.paths import shown

# More threads than this do not make one file faster.
_MOST_THREADS = 4


def embed(
    files: list[Path] = typer.Argument(..., metavar="FILE...", help="Recordings."),
    out: Path = typer.Option(..., "--out", metavar="FILE.npz", help="Where to write; - prints it."),
    segment_s: float = typer.Option(SEGMENT_S, "--segment-s", help="Length of a segment."),
    hop_s: float = typer.Option(HOP_S, "--hop-s", help="From one segment's start to the next's."),
    model: Path | None = typer.Option(
        None, "--model", metavar="FILE.onnx", help="Another model than the one that is built in."
    ),
) -> None:
    """Write the part embeddings of every segment of one or more recordings.

    Each row is a segment, in the order of the recordings: path, start_s, end_s, embeddings (five
    parts by dim; unit norm, or zeros where the part is absent) and presence (five parts, 0 to 1).
    Beside them stand the names of the parts and the model_digest.

    A recording that cannot be used is named on stderr and left out; if none can be used, nothing
    is written and the exit code is 2.
    """
    check_segmentation(segment_s, hop_s)
    check_out(out)
    encoder = load_encoder(model, threads=min(_MOST_THREADS, os.cpu_count() or 1))
    heard: list[tuple[Path, PartEmbeddings]] = []
    began_s = time.monotonic()
    with Printer() as printer:
        for done, path in enumerate(files):

            def tell(seconds: float, done: int = done, path: Path = path) -> None:
                note = f"{seconds:,.0f} s of {shown(path.name)}"
                elapsed_s = time.monotonic() - began_s
                printer.update(Stage("embedding", done, len(files), "files", elapsed_s, note=note))

            try:
                found = encoder.embed_file(path, segment_s, hop_s, tell)
            except RecordingError as error:
                if len(files) == 1:
                    raise
                printer.say(f"partwise: {error}")
                continue
            for note in found.notes:
                printer.say(f"partwise: {shown(path)}: {note}")
            heard.append((path, found))
    if not heard:
        raise PartwiseError(f"none of the {len(files)} files can be used: nothing was written")
    segments = _write(out, encoder, heard)
    said = f"wrote {shown(out)}: segments {segments}, files {len(heard)} of {len(files)}"
    print(said, file=sys.stderr if is_stdout(out) else sys.stdout)


def _write(out: Path, encoder: Encoder, heard: list[tuple[Path, PartEmbeddings]]) -> int:
    """Write all at once or not at all; returns how many segments."""
    pieces = [found for _, found in heard]
    # Bytes of a name that are not UTF-8 stand as surrogates: os.fsencode gives the name back where
    # the locale is UTF-8, and it is written the same where it is not.
    names = [os.fsencode(path).decode("utf-8", "surrogateescape") for path, _ in heard]
    paths = [name for name, found in zip(names, pieces, strict=True) for _ in range(len(found))]
    arrays: dict[str, Any] = {
        "path": np.array(paths),
        "start_s": np.concatenate([piece.start_s for piece in pieces]),
        "end_s": np.concatenate([piece.end_s for piece in pieces]),
        "embeddings": np.concatenate([piece.embeddings for piece in pieces]),
        "presence": np.concatenate([piece.presence for piece in pieces]),
        "parts": np.array([str(part) for part in PARTS]),
        "model_digest": np.array(encoder.digest),
    }
    try:
        with replacing(out) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise PartwiseError(f"--out {shown(out)} cannot be written ({error.strerror})") from None
    return len(paths)
