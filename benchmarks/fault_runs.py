"""Disks, folders, clocks and processes that fail under a run or a search; for ``faults.py``."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from fault_seed import Seed, answers_of, same_answers
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.stores import lance
from partwise.library.tables import ledger
from partwise.library.tables.ledger import State
from partwise.library.tables.reader import Store

# Of the disk that fills up.
DISK_KILOBYTES = tuple(range(20, 141, 12))


@dataclass(frozen=True)
class Scene:
    """What came of one fault.

    done : what was done. seen : what the user saw. next_run : what the next run did.
    lost : what is not there any more beyond the batch in flight; "" for nothing.
    """

    done: str
    seen: str
    next_run: str
    lost: str


class NotHere(Exception):
    """This machine or user cannot play the scene; the text says why."""


def saying(function: Callable[[], object]) -> str:
    """What a user reads: the sentence of an error. Anything but a sentence is the scene's fault."""
    try:
        function()
    except PartwiseError as error:
        return str(error)
    return "nothing"


def afterwards(seed: Seed, library: Path, former: set[str] | None = None) -> tuple[str, str]:
    """Run the next index; what it did, and what is lost.

    former : contents that were stored before the fault, which have to be there still.
    """
    lost = []
    if former is not None:
        with suppress(PartwiseError):  # a library that was only begun
            gone = former - Store(library).track_ids()
            lost += [f"{len(gone)} tracks"] * bool(gone)
    summary = seed.index(library)
    done = f"heard {summary.indexed - summary.copies}, unchanged {summary.unchanged}"
    if summary.copies:
        done += f", known by content {summary.copies}"
    report = seed.check(library)
    lost += [str(finding) for finding in report.findings]
    if not same_answers(answers_of(seed, library), seed.answers):
        lost.append("other answers than before")
    return done, "; ".join(lost)


@contextmanager
def small_disk(work: Path, size: str) -> Iterator[Path]:
    """A file system of its own. Raises NotHere where mounting is not allowed."""
    work.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(work)]
    try:
        if subprocess.run(command, capture_output=True).returncode != 0:
            raise NotHere("mounting a small disk takes root")
    except FileNotFoundError:
        raise NotHere("there is no mount command") from None
    try:
        yield work
    finally:
        subprocess.run(["umount", "-l", str(work)], check=True)


def full_disk(seed: Seed, work: Path) -> Scene:
    """Fills up in the middle of a run, wherever that is: at many sizes."""
    said, lost, done = set(), [], ""
    for kilobytes in DISK_KILOBYTES:
        with small_disk(work, f"{kilobytes}k") as disk:
            library = disk / "library"
            said.add(saying(lambda: seed.index(library)).split(";")[0])  # noqa: B023
            former = set()
            with suppress(PartwiseError):
                former = Store(library).track_ids()
            subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
            done, missing = afterwards(seed, library, former)
            lost += [f"{kilobytes} kB: {missing}"] * bool(missing)
    sentences = sorted(text.replace(str(work), "…") for text in said - {"nothing"})
    return Scene(
        f"a run into a disk that is too small ({DISK_KILOBYTES[0]} to {DISK_KILOBYTES[-1]} kB)",
        "; ".join(sentences),
        f"last: {done}",
        "; ".join(lost),
    )


def read_only_disk(seed: Seed, work: Path) -> Scene:
    with small_disk(work, "20m") as disk:
        library = seed.copy(disk / "library")
        (seed.music / "new.wav").write_bytes((seed.music / "0.wav").read_bytes() + b"\0\0")
        try:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            seen = saying(lambda: seed.index(library))
            answers, report = answers_of(seed, library), seed.check(library)
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        finally:
            (seed.music / "new.wav").unlink()
        lost = "" if report.sound and len(answers) > len(seed.answers) - 1 else "no answers"
        done, missing = afterwards(seed, library)
    return Scene(
        "index, search and check in a read-only library",
        f"index: {seen.replace(str(work), '…')}; search and check work",
        done,
        lost + missing,
    )


@contextmanager
def exfat_disk(work: Path) -> Iterator[Path]:
    """A disk as sticks have it, without hard links. Raises NotHere where none can be mounted."""
    image, disk, loop = work / "image", work / "stick", ""
    disk.mkdir(parents=True)
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    try:
        for command in (["mkfs.exfat", image], ["losetup", "--find", "--show", image]):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            loop = done.stdout.strip()
        subprocess.run(["mount.exfat-fuse", loop, disk], capture_output=True, check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise NotHere("mounting exFAT takes root, exfatprogs and exfat-fuse") from None
    finally:
        if loop.startswith("/dev/"):
            subprocess.run(["losetup", "--detach", loop], check=True)


def exfat(seed: Seed, work: Path) -> Scene:
    with exfat_disk(work) as disk:
        seen = saying(lambda: seed.index(disk / "new" / "library"))
        left = "something half made" if list(disk.iterdir()) else ""
        library = seed.copy(disk / "library")
        (seed.music / "new.wav").write_bytes((seed.music / "0.wav").read_bytes() + b"\0\0")
        try:
            again = saying(lambda: seed.index(library))
            answers, report = answers_of(seed, library), seed.check(library)
        finally:
            (seed.music / "new.wav").unlink()
        if again.replace("/library", "/new/library") != seen or not report.sound:
            left += again + "".join(map(str, report.findings))
        del answers["new.wav"]
        lost = "" if same_answers(answers, seed.answers) else "other answers than before"
        done, missing = afterwards(seed, shutil.copytree(library, work / "back"))
    return Scene(
        "a library to be made on exFAT, which has no hard links, and one that was copied there",
        f"{seen.replace(str(work), '…')}; search and check work",
        f"copied back: {done}",
        left + lost + missing,
    )


def music_is_not_mounted(seed: Seed, work: Path) -> Scene:
    """The folder is there, and nothing in it, when ``--prune`` runs as it does every night."""
    library, away = seed.copy(work / "library"), seed.home / "away"
    former = Store(library).track_ids()
    seed.music.rename(away)
    try:
        seed.music.mkdir()
        seen = saying(lambda: seed.index(library, prune=True))
        seed.music.rmdir()
    finally:
        away.rename(seed.music)
    return Scene(
        "`index --prune` while the disk with the music is not mounted",
        seen.replace(str(seed.home), "…"),
        *afterwards(seed, library, former),
    )


def library_vanishes_during_run(seed: Seed, work: Path) -> Scene:
    library, away = work / "library", work / "away"

    def vanish(number: int) -> None:
        if number == 2:
            library.rename(away)

    seen = saying(lambda: seed.index(library, vanish))
    former = Store(away).track_ids()
    shutil.rmtree(library, ignore_errors=True)
    away.rename(library)
    return Scene(
        "the library's folder goes away during a run, and comes back",
        seen.replace(str(work), "…"),
        *afterwards(seed, library, former),
    )


def library_vanishes_during_search(seed: Seed, work: Path) -> Scene:
    library, away = seed.copy(work / "library"), work / "away"
    opened = Library(library)
    song = str(next(iter(sorted(seed.music.glob("*.wav")))))
    opened.search(song, model=seed.model)
    library.rename(away)
    seen = saying(lambda: opened.search(song, model=seed.model))
    away.rename(library)
    done, lost = afterwards(seed, library)
    if not opened.search(song, model=seed.model):
        lost += "the open library does not answer again"
    return Scene(
        "the library's folder goes away between searches, and comes back",
        seen.replace(str(work), "…"),
        f"the same program answers again; {done}",
        lost,
    )


def music_vanishes(seed: Seed, work: Path) -> Scene:
    library, away = seed.copy(work / "library"), seed.home / "away"
    for name in ("x.wav", "y.wav"):
        shutil.copy(seed.music / "1.wav", seed.music / name)
        with open(seed.music / name, "ab") as file:
            file.write(name.encode())
    former = Store(library).track_ids()

    def vanish(number: int) -> None:
        if number == 0:
            seed.music.rename(away)

    try:
        summary = seed.index(library, vanish)
        seen = f"{summary.failed} failed: {summary.failures[0].reason}"
        absent = saying(lambda: seed.index(library))
    finally:
        away.rename(seed.music)
    try:
        done = seed.index(library)
        lost = former - Store(library).track_ids()
        failed = [row for row in Library(library).ledger() if row.state is State.FAILED]
        missing = f"{len(lost)} tracks, {len(failed)} files" if lost or failed else ""
    finally:
        for name in ("x.wav", "y.wav"):
            (seed.music / name).unlink()
    next_run = f"while it is away: {absent.replace(str(seed.home), '…')}; then heard {done.indexed}"
    return Scene("the disk with the music goes away during a run", seen, next_run, missing)


def clock_jumps(seed: Seed, work: Path) -> Scene:
    """Years back and forward; what a run then takes for old versions is gone at once."""
    lost = []
    library = work / "library"
    for years in (-30, 30):
        shutil.rmtree(library, ignore_errors=True)
        shifted_s = time.time() + years * 365.25 * 86400
        with patch.object(ledger.time, "time", return_value=shifted_s):
            seed.index(library)
        _, missing = afterwards(seed, library)
        lost += [f"{years} years: {missing}"] * bool(missing)
    # A reader that holds a version which a writer, its clock far ahead, takes for old.
    reader = Library(library)
    song = str(next(iter(sorted(seed.music.glob("*.wav")))))
    before = {hit.path.name for hit in reader.search(song, model=seed.model)}
    _rewrite_and_forget(library)
    again = {hit.path.name for hit in reader.search(song, model=seed.model)}
    tracks, segments = reader.store.tracks.fetch(), reader.store.segments.fetch()
    if again != before or not tracks.num_rows or not segments.num_rows:
        lost.append("a reader lost its version")
    return Scene(
        "the clock jumps 30 years back and forward between runs, and during a search",
        "nothing",
        "nothing heard again; a reader whose version was cleaned away reads the newest",
        "; ".join(lost),
    )


def _rewrite_and_forget(library: Path) -> None:
    """What a run does whose clock is far ahead: join pieces, and forget every other version."""
    with (
        patch.object(lance, "_KEEP_VERSIONS", timedelta(0)),
        patch.object(lance, "_MAX_SMALL_PIECES", 0),
    ):
        store = Store(library)
        store.tracks.optimise()
        store.segments.optimise()
        lance.join_pieces(store.ledger_table)


def two_indexers(seed: Seed, work: Path) -> Scene:
    library = work / "library"
    said: list[str] = []

    def second(number: int) -> None:
        if number == 1:
            said.append(saying(lambda: Library(library).index(seed.music, model=seed.model)))

    seed.index(library, second)
    seen = said[0].replace(str(work), "…")
    return Scene(
        "a second indexer beside the first", f"the second: {seen}", *afterwards(seed, library)
    )


def half_version(seed: Seed, work: Path) -> Scene:
    """A newer version of each table, half written, as a disk without journal may leave it."""
    lost, said = [], set()
    for name in sorted(path.name for path in seed.library.glob("*.lance")):
        library = seed.copy(work / "library")
        newest = min((library / name / "_versions").glob("*.manifest"))
        half = newest.read_bytes()[: newest.stat().st_size // 2]
        newest.with_name(f"{int(newest.stem) - 1}.manifest").write_bytes(half)
        said.add(saying(lambda: answers_of(seed, library)).split(": ")[-1])  # noqa: B023
        if seed.check(library).sound or not seed.check(library, repair=True).sound:
            lost.append(f"{name}: not found, or not mended")
        done, missing = afterwards(seed, library)
        if missing or not done.startswith("heard 0"):
            lost.append(f"{name}: {done}; {missing}")
    return Scene(
        "a half-written newer version of each table",
        "; ".join(sorted(said)),
        "--repair goes back to the version before: nothing heard again",
        "; ".join(lost),
    )


def server_beside_indexer(seed: Seed, work: Path) -> Scene:
    """Searches through the API, without a pause, while a run writes file by file."""
    from starlette.testclient import TestClient

    from partwise.web.app import create_app
    from partwise.web.server import Server

    library = seed.copy(work / "library")
    app = create_app(Server(Library(library, resident=True), seed.model))
    statuses: list[int] = []
    done = threading.Event()
    new = [seed.music / f"new {number}.wav" for number in range(3)]
    with TestClient(app, base_url="http://localhost") as client:
        ids = [t["track_id"] for t in client.get("/api/v1/tracks").json()["tracks"]]

        def ask() -> None:
            while not done.is_set():
                for track_id in ids:
                    question = {"songs": [track_id], "top": 5}
                    statuses.append(client.post("/api/v1/search", json=question).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for path in new:
                path.write_bytes((seed.music / "1.wav").read_bytes() + path.name.encode())
                seed.index(library)
                _rewrite_and_forget(library)
        finally:
            done.set()
            thread.join()
            for path in new:
                path.unlink(missing_ok=True)
    wrong = sorted({status for status in statuses if status != 200})
    next_run, lost = afterwards(seed, library)
    return Scene(
        "an indexer that writes, joins and forgets beside a server that is asked all the time",
        f"{len(statuses)} searches, all answered" if not wrong else f"statuses {wrong}",
        next_run,
        lost + ("" if not wrong else f"searches failed with {wrong}"),
    )


SCENES: dict[str, Callable[[Seed, Path], Scene]] = {
    function.__name__: function
    for function in (
        full_disk,
        read_only_disk,
        exfat,
        music_is_not_mounted,
        library_vanishes_during_run,
        library_vanishes_during_search,
        music_vanishes,
        clock_jumps,
        two_indexers,
        half_version,
        server_beside_indexer,
    )
}


def play(name: str, seed: Seed, work: Path) -> Scene:
    """One scene in a folder of its own. Raises NotHere."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return SCENES[name](seed, work)
