"""``partwise index``: hear folders into the library."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from partwise.commands.console import LIBRARY, Printer
from partwise.commands.server_password import server_password
from partwise.errors import PartwiseError
from partwise.library.index.aside import aside_text
from partwise.library.index.options import NoAudio, PruneRefused
from partwise.library.reports import IndexSummary, duration_text, files_text
from partwise.paths import absolute, shown

if TYPE_CHECKING:
    from partwise.library.library import Library

_LISTED_FAILURES = 10


def index(
    folders: list[Path] | None = typer.Argument(
        None,
        metavar="FOLDER",
        help="Folders of recordings; single files work too.",
        show_default=False,
    ),
    server: str | None = typer.Option(
        None,
        "--from",
        metavar="URL",
        help="Hear the songs of an OpenSubsonic server instead: subsonic://USER@HOST (https) or"
        " subsonic+http://USER@HOST:PORT. Its password is asked for, or read from"
        " PARTWISE_SERVER_PASSWORD.",
    ),
    password_file: Path | None = typer.Option(
        None, "--password-file", metavar="PATH", help="A file whose first line is that password."
    ),
    match: bool = typer.Option(
        False,
        "--match",
        help="Download nothing: take only the server's ids of songs that were heard from files,"
        " by title, artist, album and length.",
    ),
    library: Path | None = LIBRARY,
    jobs: int | None = typer.Option(
        None, "--jobs", metavar="N", help="Worker processes (default: one per core)."
    ),
    nice: int = typer.Option(
        0, "--nice", metavar="N", help="Niceness of the workers, 0 to 19: 19 yields to all else."
    ),
    prune: bool = typer.Option(
        False, "--prune", help="Forget files below the folders that are gone."
    ),
    prune_anyway: bool = typer.Option(
        False, "--prune-anyway", help="Also where so many are gone that a disk may only be away."
    ),
    retry_failed: bool = typer.Option(
        False, "--retry-failed", help="Try files again that failed before."
    ),
    tags: bool = typer.Option(
        False, "--tags", help="Read the tags of unchanged files again; nothing is heard for that."
    ),
    tag_encoding: str | None = typer.Option(
        None,
        "--tag-encoding",
        metavar="NAME",
        help="What old tags (ID3v1 and the like) are written in, such as cp1251; the library "
        "remembers it, and tags are read again.",
    ),
    model: Path | None = typer.Option(
        None,
        "--model",
        metavar="PATH",
        help="An ONNX model to hear with (default: the shipped one).",
    ),
    store: str | None = typer.Option(
        None,
        "--store",
        metavar="URI",
        help="Where a new library keeps its vectors: s3://BUCKET/PREFIX or milvus://HOST:PORT"
        " (default: its own folder).",
    ),
    precision: str | None = typer.Option(
        None,
        "--precision",
        metavar="P",
        help="What a new library stores its vectors as: float32 (the default), float16 or int8.",
    ),
    on: str | None = typer.Option(
        None,
        "--on",
        metavar="WHERE",
        help="Hear on Ray: ray starts one here, ray://ADDRESS is a cluster this machine is in.",
    ),
    watch: bool = typer.Option(
        False,
        "--watch",
        help="Go on until Ctrl-C: hear what changes in the folders when it has come to rest.",
    ),
    poll: bool = typer.Option(
        False,
        "--poll",
        help="With --watch, look through the folders every 30 s: for drives of which the system"
        " does not tell. Network drives that it knows as such are polled anyway.",
    ),
) -> int:
    """Hear every recording in one or more folders, or every song of a server.

    Only what is new or has changed is heard. A run can be interrupted, even killed, at any moment:
    the same command goes on from there.
    """
    from partwise.library.library import Library

    if server is None and (not folders or password_file is not None):
        raise PartwiseError("name a folder to index, or a server with --from")
    source = None
    if server is not None:
        from partwise.servers.address import parse_server
        from partwise.servers.subsonic import Subsonic

        address = parse_server(server)
        source = Subsonic(address, server_password(address, password_file))
    folders = folders or []
    target = Library(library)
    option = "" if library is None else f" --library {shown(library)}"
    status_command = f"partwise status{option} --failed"
    options: dict[str, Any] = dict(  # noqa: C408
        jobs=jobs,
        nice=nice,
        prune=prune,
        prune_anyway=prune_anyway,
        retry_failed=retry_failed,
        tags=tags,
        tag_encoding=tag_encoding,
        model=model,
        store=store,
        precision=precision,
        server=source,
        match=match,
        on=on,
    )
    if poll and not watch:
        raise PartwiseError("--poll says how to watch: it needs --watch")
    if watch and source is not None:
        raise PartwiseError("--watch is for folders: it cannot be told to a server (--from)")
    if watch:
        with _stopping() as stopped:
            return watch_folders(target, folders, options, poll, status_command, stopped)
    try:
        with _stopping() as stopped, Printer() as reporter:
            summary = target.index(folders, **options, reporter=reporter, stop=stopped.event)
    except PruneRefused as refused:
        print("\n".join(summary_lines(refused.summary, status_command)))
        raise
    print("\n".join(summary_lines(summary, status_command)))
    if summary.interrupted:
        print(
            f"partwise: interrupted with {files_text(summary.left)} left;"
            " the same command goes on from here",
            file=sys.stderr,
        )
        return 128 + stopped.number
    if not (summary.usable or summary.missing or summary.pruned):
        names = ", ".join(shown(folder) for folder in folders or [server or ""])
        raise PartwiseError(f"nothing usable in {names}: every file failed")
    return 0


def watch_folders(
    library: Library,
    folders: list[Path],
    options: dict[str, Any],
    poll: bool,
    status_command: str,
    stopped: Stopped,
) -> int:
    """Hear folders, and then what changes in them, until a signal comes; returns the exit code."""
    from partwise.library.index.watch import QUIET_S, Watch, follow

    names = [absolute(folder) for folder in folders]
    for name in names:
        if not os.path.isdir(name):
            raise PartwiseError(f"{shown(name)} is not a folder: only folders can be watched")
    watch = Watch(library.path)
    for name in names:
        watch.add(name, True if poll else None)
    how = ", ".join(f"{shown(path)} ({state})" for path, state in watch.states().items())
    print(f"watching {how}; Ctrl-C ends it", flush=True)
    code = 0

    def run(roots: list[str]) -> list[str] | None:
        nonlocal code
        try:
            with Printer() as reporter:
                summary = library.index(
                    roots, **options, quiet_s=QUIET_S, reporter=reporter, stop=stopped.event
                )
        except NoAudio:
            return []
        except PruneRefused as refused:
            summary = refused.summary
            print(f"partwise: {refused}", file=sys.stderr, flush=True)
        except PartwiseError as error:  # busy, or the disk is full: it may be over a little later
            print(f"partwise: {error}", file=sys.stderr, flush=True)
            return None
        if summary.interrupted:
            code = 128 + stopped.number
        if summary.interrupted or _tells(summary):
            clock = time.strftime("%H:%M:%S")
            print(f"{clock} " + "\n".join(summary_lines(summary, status_command)), flush=True)
        return summary.unfinished

    try:
        follow(watch, run, stopped.event)
    finally:
        watch.close()
    return code


def _tells(summary: IndexSummary) -> bool:
    """Whether a run of a watch found anything."""
    changed = summary.indexed, summary.moved, summary.failed, summary.missing, summary.pruned
    return any(changed) or bool(summary.tags_changed)


def summary_lines(summary: IndexSummary, status_command: str) -> list[str]:
    """The end of a run in words: counts, then what failed and why."""
    copies = f" ({summary.copies} with content known already)" if summary.copies else ""
    counts = [
        f"indexed {summary.indexed}{copies}",
        *([] if summary.matched is None else [f"matched {summary.matched}"]),
        f"unchanged {summary.unchanged}",
        f"moved {summary.moved}",
        f"failed {summary.failed}",
        f"failed earlier {summary.failed_earlier}",
        f"missing {summary.missing}",
        *([f"pruned {summary.pruned}"] if summary.pruned else []),
        *([f"tags changed {summary.tags_changed}"] if summary.tags_changed else []),
    ]
    line = f"{', '.join(counts)}; took {summary.seconds:.1f} s"
    if summary.audio_s:
        line += f" for {duration_text(summary.audio_s)} of audio"
    lines = [line]
    if aside := aside_text(summary.left_aside, summary.not_entered):
        lines.append(aside)
    if summary.noted:
        listing = status_command.removesuffix(" --failed")
        lines.append(f"{files_text(summary.noted)} indexed with a note: {listing}")
    lines += [f"{told}: is its disk mounted?" for told in summary.away if not summary.pruned]
    if summary.replaced:
        lines.append("the new model has heard everything and answers from now on")
    if summary.waiting:
        lines.append(
            "the old model goes on answering:"
            f" {files_text(len(summary.waiting))} that it heard cannot be reached,"
            f" such as {summary.waiting[0]}; --prune gives them up"
        )
    for row in summary.failures[:_LISTED_FAILURES]:
        lines.append(f"  {row.shown_path}: {row.reason}")
    if len(summary.failures) > _LISTED_FAILURES:
        lines.append(f"  and {len(summary.failures) - _LISTED_FAILURES} more")
    if summary.failed or summary.failed_earlier:
        lines.append(f"all failures with their reasons: {status_command}")
    return lines


class Stopped:
    """event : set by the first signal. number : which one it was."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.number = int(signal.SIGINT)


@contextmanager
def _stopping() -> Iterator[Stopped]:
    """The first Ctrl-C (or SIGTERM, SIGHUP) asks for an orderly end, the second one insists."""
    stopped = Stopped()

    def handle(number: int, frame: FrameType | None) -> None:
        if stopped.event.is_set():
            raise KeyboardInterrupt
        stopped.number = number
        stopped.event.set()

    former: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # nohup and the like have the signal ignored: leave it so.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                former[number] = signal.signal(number, handle)
    try:
        yield stopped
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
