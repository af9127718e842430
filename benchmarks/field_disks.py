"""Disks and folders: what cannot do everything, what went away, what nobody wants."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from field_case import PARTWISE, NotRun, Outcome, Place, case, judged, need
from field_music import flac

_SECONDS = 6.0


def _music(place: Place, *names: str) -> Path:
    music = place.folder / "music"
    for name in names:
        number = place.shared["songs"] = place.shared.get("songs", 0) + 1
        flac(music / name, number, 3.0 + number / 7, _SECONDS)
    return music


@contextmanager
def _exfat() -> Iterator[Path]:
    """A small exFAT disk, mounted; for root alone. Raises NotRun."""
    if os.geteuid() != 0:
        raise NotRun("mounting exFAT needs root")
    make, mount = need("mkfs.exfat", "exfatprogs"), need("mount.exfat-fuse", "exfat-fuse")
    folder = Path(tempfile.mkdtemp(prefix="partwise-exfat-"))
    loop = ""
    try:
        with (folder / "image").open("wb") as image:
            image.truncate(200_000_000)
        loop = _done(need("losetup", "mount"), "-f", "--show", folder / "image").strip()
        _done(make, loop)
        (folder / "stick").mkdir()
        _done(mount, loop, folder / "stick")
        try:
            yield folder / "stick"
        finally:
            _done("umount", folder / "stick")
    finally:
        if loop:
            _done("losetup", "-d", loop)
        shutil.rmtree(folder)


def _done(*command: str | Path) -> str:
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    if ended.returncode:
        raise NotRun(f"{Path(command[0]).name}: {(ended.stderr or ended.stdout).strip()[-100:]}")
    return ended.stdout


@case(
    "lancedb/lancedb#1231, #1630; voxel51/fiftyone#4404",
    "partwise index MUSIC --library ON_EXFAT",
    "works, or one sentence, and no half-made folder",
)
def library_on_exfat(place: Place) -> Outcome:
    music = _music(place, "one.flac", "two.flac")
    with _exfat() as stick:
        ran = place.partwise("index", music, "--library", stick / "lib", "--jobs", "1")
        if ran.code == 0:
            like = place.partwise("like", music / "one.flac", "--library", stick / "lib")
            return judged({"index": "indexed 2" in ran.said or ran.short, "like": like.code == 0})
        left = list((stick / "lib").rglob("*")) if (stick / "lib").exists() else []
        return judged(
            {
                "a sentence": ran.is_sentence or ran.short,
                "nothing left": not left or f"{len(left)} files left",
            }
        )


@case(
    "lancedb/lancedb#1231, second part",
    "a good library copied to exFAT, then a new song",
    "works, or one sentence on the disk",
)
def library_moved_to_exfat(place: Place) -> Outcome:
    music = _music(place, "one.flac", "two.flac")
    place.index(music)
    with _exfat() as stick:
        shutil.copytree(place.own, stick / "lib")
        _music(place, "three.flac")
        found = place.partwise("like", music / "one.flac", "--library", stick / "lib")
        ran = place.partwise("index", music, "--library", stick / "lib", "--jobs", "1")
        on_disk = ran.is_sentence and "check --repair" not in ran.err
        return judged(
            {
                "search": found.code == 0 or found.short,
                "index": (ran.code == 0 and "indexed 1" in ran.said) or on_disk or ran.short,
            },
            weak=("index",),
        )


_BINS = (
    *("#recycle/deleted.flac", ".Trash-1000/files/gone.flac", "$RECYCLE.BIN/S-1/$R1.flac"),
    *(".stversions/old~2024.flac", "quiet/plain.flac", "@eaDir/thumb.flac"),
    *(".AppleDouble/song.flac", "._song.flac"),
)


@case(
    "MediaBrowser/Emby#3305, rembo10/headphones#796, zyrouge/symphony#697",
    "#recycle, $RECYCLE.BIN, .Trash-1000, .stversions, .nomedia, @eaDir, .AppleDouble, ._x",
    "left out",
)
def bins(place: Place) -> Outcome:
    music = _music(place, "wanted.flac", *_BINS)
    (music / "quiet" / ".nomedia").touch()
    ran = place.index(music)
    told = json.loads(place.partwise("status", "--library", place.own, "--json").out)
    return judged(
        {
            "left out": told["tracks"] == 1 or f"{told['tracks'] - 1} of {len(_BINS)} are tracks",
            "not failed": not told["failed"] or f"{len(told['failed'])} failed",
            "the wanted one": "indexed 1" in ran.said or ran.short,
        },
        weak=("left out", "not failed", "the wanted one"),
    )


@case(
    "clementine-player/Clementine#2201, airsonic-advanced#520, soundspan/soundspan#319",
    "the folder is there and empty (a NAS that is not mounted): index --prune, as in cron",
    "refused; without --prune missing, and back later",
)
def empty_mount_point(place: Place) -> Outcome:
    music = _music(place, *(f"{number}.flac" for number in range(4)))
    place.index(music)
    away = music.rename(place.folder / "away")
    music.mkdir()
    plain = place.index(music)
    pruned = place.index(music, "--prune")
    music.rmdir()
    away.rename(music)
    back = place.index(music)
    return judged(
        {
            "without": "missing 4" in plain.said or plain.short,
            "refused": pruned.is_sentence or pruned.short,
            "back": ("unchanged 4" in back.said or "moved 4" in back.said) or back.short,
        }
    )


@case(
    "clementine-player/Clementine#3894",
    "like NAME while the drive is away and a run has marked all missing",
    "known, but its file is not there",
)
def drive_away(place: Place) -> Outcome:
    music = _music(place, "known song.flac", "other.flac")
    place.index(music)
    music.rename(place.folder / "away")
    music.mkdir()
    place.index(music)
    ran = place.partwise("like", "known song", "--library", place.own)
    known = ran.code == 0 or (ran.is_sentence and "no track of the library" not in ran.err)
    return judged({"like": known or ran.short}, weak=("like",))


@case("none: a newcomer", "music folder moved, index again", "moved, nothing heard again")
def folder_moved(place: Place) -> Outcome:
    music = _music(place, "one.flac", "two.flac", "three.flac")
    place.index(music)
    moved = music.rename(place.folder / "elsewhere")
    ran = place.index(moved)
    old = place.index(music)
    return judged(
        {
            "moved 3": "moved 3" in ran.said or ran.short,
            "the old path": (old.is_sentence and "does not exist" in old.err) or old.short,
        }
    )


@case("none: a newcomer", "folder without audio", "one sentence; no library is made")
def no_audio(place: Place) -> Outcome:
    (place.folder / "music").mkdir()
    (place.folder / "music" / "notes.txt").write_text("no music")
    ran = place.index(place.folder / "music")
    return judged({"sentence": ran.is_sentence or ran.short, "no library": not place.own.exists()})


@case(
    "rustdesk/rustdesk-server#612, NousResearch/hermes-agent#108356",
    "container: --user 12345, no HOME",
    "one sentence that names --library and PARTWISE_LIBRARY",
)
def no_home(place: Place) -> Outcome:
    # Somebody whom this machine does not know; in the eyes of its disks it is still the caller.
    other = (need("unshare", "util-linux"), "--user", "--map-user=12345", "--map-group=12345")
    if place.run(*other, "true").code:
        raise NotRun("this machine lets nobody be another user")
    ran = place.run(*other, *PARTWISE, "status", env={"HOME": None}, cwd="/")
    named = "--library" in ran.err and "PARTWISE_LIBRARY" in ran.err
    return judged({"status": (ran.is_sentence and named) or ran.short})
