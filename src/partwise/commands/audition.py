"""``partwise audition``: a recording filtered for the parts that are named, to listen to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import typer

from partwise.atomic import is_stdout, replacing
from partwise.audio.channels import channel_blocks
from partwise.audio.decode import finite
from partwise.commands.console import Printer, check_out
from partwise.embedding.encoder import load_encoder
from partwise.embedding.masks import PartMasks
from partwise.errors import PartwiseError
from partwise.library.reports import Stage, duration_text
from partwise.parts import Part
from partwise.paths import shown

_FORMATS = {".flac": "FLAC", ".wav": "WAV", ".ogg": "OGG"}
_AT_ONCE = 65536  # samples: libsndfile 1.2.2 crashes on a long Ogg written at once


def audition(
    song: Path = typer.Argument(..., metavar="SONG", help="A recording."),
    part: list[str] = typer.Option(
        ..., "--part", help="Part to let through; several give their sum."
    ),
    out: Path = typer.Option(
        ..., "--out", metavar="FILE", help="Where to write: .flac, .wav or .ogg; - prints FLAC."
    ),
    model: Path | None = typer.Option(
        None,
        "--model",
        metavar="FILE.onnx",
        help="Another model than the one that is built in; its masks.onnx lies beside it.",
    ),
) -> None:
    """Write a recording filtered for some parts: a filter for listening, no separated stem.

    It makes a part easier to hear in its mix. The others shine through, and what two parts share
    is in both. Filtered for all five parts it is the recording.
    """
    parts = [Part.parse(name) for name in part]
    kind = "FLAC" if is_stdout(out) else _FORMATS.get(out.suffix.lower())
    if kind is None:
        known = ", ".join(_FORMATS)
        raise PartwiseError(f"--out {shown(out)}: the name of the file must end in {known}")
    check_out(out)
    masks = PartMasks(load_encoder(model))
    blocks = _finite(song)
    head, rate_hz = next(blocks)
    frames, began_s = 0, time.monotonic()

    def samples() -> Iterator[np.ndarray]:
        yield head
        yield from (block for block, _ in blocks)

    try:
        with (
            Printer() as printer,
            replacing(out) as file,
            soundfile.SoundFile(
                file.fileno(), "w", rate_hz, head.shape[1], format=kind, closefd=False
            ) as sound,
        ):
            for block in masks.audition(samples(), rate_hz, parts):
                for start in range(0, len(block), _AT_ONCE):
                    sound.write(block[start : start + _AT_ONCE])
                frames += len(block)
                note = f"{frames / rate_hz:,.0f} s of {shown(song.name)}"
                elapsed_s = time.monotonic() - began_s
                printer.update(Stage("filtering", 0, 1, "files", elapsed_s, note=note))
    except (OSError, soundfile.SoundFileError) as error:
        cause = getattr(error, "strerror", None) or getattr(error, "error_string", error)
        raise PartwiseError(f"--out {shown(out)} cannot be written ({cause})") from None
    named = " and ".join(sorted(set(parts), key=lambda one: one.index))
    said = f"wrote {shown(out)}: {duration_text(frames / rate_hz)} filtered for {named}, no stem"
    print(said, file=sys.stderr if is_stdout(out) else sys.stdout)


def _finite(song: Path) -> Iterator[tuple[np.ndarray, int]]:
    """The recording's blocks, at least one. Raises DecodeError."""
    for samples, rate_hz in channel_blocks(song):
        yield finite(samples)[0], rate_hz
