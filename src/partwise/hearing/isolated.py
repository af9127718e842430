"""A child process that hears one file that a stranger sent.

It limits itself before it touches the file: processor time, memory, size of what it writes. So a
file that makes a decoder loop, grow or crash costs this process and nothing else. What it heard
goes to an ``.npz`` file without pickles, or one reason goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

CPU_S = 120
# 0.8 GB of addresses were measured with the shipped model, most of them never touched.
MEMORY_BYTES = 3 << 30
FILE_BYTES = 256 << 20

UNREADABLE, TOO_LONG, UNUSABLE = 415, 413, 422


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def limit() -> None:
    """Take the limits upon this process; those that the system does not have are left out."""
    try:
        import resource
    except ImportError:  # not on every platform
        return
    for name, most in (
        ("RLIMIT_CPU", CPU_S),
        ("RLIMIT_AS", MEMORY_BYTES),
        ("RLIMIT_FSIZE", FILE_BYTES),
        ("RLIMIT_CORE", 0),
    ):
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):  # a system that knows the name and not the thing
            continue


def hear(asked: argparse.Namespace) -> dict[str, Any]:
    """Arrays of what was heard in the file. Raises PartwiseError and _Refused."""
    import numpy as np

    from partwise.audio import container
    from partwise.audio.tags import read_tags
    from partwise.embedding.encoder import load_encoder
    from partwise.hearing.worker import hash_content

    def progress(seconds: float) -> None:
        # Segments overlap, so this runs ahead of the recording by less than one of them.
        if seconds > asked.longest_s + asked.segment_s:
            raise _Refused(TOO_LONG, f"longer than {asked.longest_s / 60:g} minutes")

    encoder = load_encoder(asked.model, threads=1)
    with open(asked.file, "rb") as file:
        kind = container.sniff(container.read_head(file)) or ""
    found = encoder.embed_file(asked.file, asked.segment_s, asked.hop_s, progress)
    if found.seconds > asked.longest_s:
        raise _Refused(TOO_LONG, f"longer than {asked.longest_s / 60:g} minutes")
    tags = read_tags(asked.file)
    facts = {
        "digest": encoder.digest,
        "kind": kind,
        "content_hash": hash_content(asked.file),
        "tags": [tags.title, tags.artist, tags.album, tags.year],
    }
    return {
        "embeddings": found.embeddings,
        "presence": found.presence,
        "start_s": found.start_s,
        "end_s": found.end_s,
        "seconds": np.float64(found.seconds),
        "presence_threshold": found.presence_threshold,
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
    }


def main() -> int:
    """Hear a file. 0 and the arrays in ``out``, or 1 and ``{"status", "reason"}`` on stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("out")
    parser.add_argument("--model", default=None)
    parser.add_argument("--segment-s", type=float, required=True)
    parser.add_argument("--hop-s", type=float, required=True)
    parser.add_argument("--longest-s", type=float, required=True)
    asked = parser.parse_args()
    limit()
    # One place for the reason; what decoders print goes nowhere.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        import numpy as np

        from partwise.audio.decode import DecodeError
        from partwise.errors import PartwiseError

        try:
            arrays = hear(asked)
            with Path(asked.out).open("wb") as out:
                np.savez(out, **arrays)
            return 0
        except _Refused as error:
            refusal = error.status, str(error)
        except DecodeError as error:
            refusal = UNREADABLE, error.reason
        except PartwiseError as error:
            refusal = UNUSABLE, getattr(error, "reason", None) or str(error)
    except MemoryError:
        refusal = UNUSABLE, "it needs too much memory"
    except Exception as error:  # a decoder's surprise costs one upload
        refusal = UNUSABLE, f"it cannot be heard ({type(error).__name__})"
    status, reason = refusal
    answer.write(json.dumps({"status": status, "reason": reason}))
    answer.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
