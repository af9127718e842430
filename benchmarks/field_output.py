"""What a command writes, and what it is told: full disks, pipes, links, conditions, mistakes."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from field_case import Judging, NotRun, Outcome, Place, case, judged
from field_music import flac


def _library(place: Place) -> Path:
    """A library of three songs, in the case's own folder; gives the first of them."""
    music = place.folder / "music"
    for number in range(3):
        flac(music / f"{number}.flac", number, seconds=6.0)
    place.index(music)
    return music / "0.flac"


@case("none: own, beside SIGPIPE", "status, like, --json into /dev/full", "no space left, exit 2")
def full_output(place: Place) -> Outcome:
    song = _library(place)
    if not os.path.exists("/dev/full"):
        raise NotRun("no /dev/full here")
    checks: dict[str, bool | str] = {}
    for words in (("status",), ("status", "--json"), ("like", song), ("like", song, "--json")):
        with open("/dev/full", "wb") as full:
            ran = place.partwise(*words, "--library", place.own, out=full)
        good = ran.is_sentence and "no space left" in ran.err.lower()
        checks[" ".join(Path(word).name for word in words)] = good or ran.short
    return judged(checks)


@case(
    "twpayne/chezmoi#2367, harehare/mq#2299",
    "--m3u8 into a link as /dev/stdout is, -, a pipe as >(cmd) gives, a linked playlist",
    "written to it",
)
def outputs_that_are_no_files(place: Place) -> Outcome:
    song = _library(place)
    asked = ("like", song, "--library", place.own, "--m3u8")
    link = place.folder / "stdout"  # never the machine's own
    link.symlink_to("/proc/self/fd/1")
    through = place.partwise(*asked, link)
    dash = place.partwise(*asked, "-")
    kept, seen = place.folder / "real.m3u8", place.folder / "seen.m3u8"
    kept.write_text("old\n")
    kept.chmod(0o640)
    seen.symlink_to(kept)
    place.partwise(*asked, seen)
    reads, writes = os.pipe()
    pipe = place.partwise(*asked, f"/dev/fd/{writes}", pass_fds=(writes,))
    os.close(writes)
    with os.fdopen(reads, "rb") as end:
        piped = end.read()
    return judged(
        {
            "a link to standard output": (link.is_symlink() and ".flac" in through.out)
            or ("the link is gone" if not link.is_symlink() else through.short),
            "-": (".flac" in dash.out and not (place.folder / "-").exists()) or dash.short,
            "a linked playlist": seen.is_symlink() and ".flac" in kept.read_text(),
            "its mode": kept.stat().st_mode & 0o777 == 0o640,
            "a pipe": b".flac" in piped or pipe.short,
        }
    )


_TAILS = (
    "duration_s > 0 title = 'no such title'",
    "duration_s > 0, year < 1900",
    "duration_s > 4:00",
    "duration_s > 0) OR (1=1",
    "duration_s > 0; DROP TABLE tracks",
)


@case(
    "apache/datafusion#16810",
    "--where with something behind the condition (no operator, comma, 4:00, a bracket, ;)",
    "no hits, or one sentence",
)
def where_tails(place: Place) -> Judging:
    _shelf(place)
    yield
    checks: dict[str, bool | str] = {}
    for where in _TAILS:
        ran = _where(place, where)
        hits = len(json.loads(ran.out)["hits"]) if ran.code == 0 else 0
        checks[where] = ran.is_sentence or (ran.code == 0 and not hits) or f"{hits} hits"
    return judged(checks)


@case(
    "none: a newcomer",
    "--where with a wrong name, quote or type, or nothing",
    "one sentence; a wrong name is named",
)
def where_mistakes(place: Place) -> Judging:
    _shelf(place)
    yield
    wrong = {"titel = 'x'": "titel", "title = 'x": "", "year = 'x'": "", "": ""}
    checks: dict[str, bool | str] = {}
    for where, named in wrong.items():
        ran = _where(place, where)
        checks[where or "nothing"] = (ran.is_sentence and named in ran.err) or ran.short
    return judged(checks)


def _shelf(place: Place) -> None:
    for number in range(3):
        path = place.shelf / f"{number}.flac"
        if not path.exists():
            flac(path, number, seconds=6.0)


def _where(place: Place, where: str):
    asked = ("like", place.shelf / "0.flac", "--library", place.library, "--where", where)
    return place.partwise(*asked, "--json")


@case(
    "none: a newcomer",
    "serve on a busy port, on port 80808, without a library",
    "sentences; the page of an empty library",
)
def serve_mistakes(place: Place) -> Outcome:
    from field_case import fetch, serving

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = place.partwise("serve", "--library", place.own, "--port", port)
    high = place.partwise("serve", "--library", place.own, "--port", "80808")
    with serving(place, place.folder / "none") as (url, _):
        status, _, page = fetch(url)
    return judged(
        {
            "busy": (busy.is_sentence and port in busy.err and "--port" in busy.err) or busy.short,
            "80808": (high.code == 2 and "Traceback" not in high.err) or high.short,
            "no library": status == 200 and b"Index a folder" in page,
        }
    )
