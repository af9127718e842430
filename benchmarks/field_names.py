"""Names of files and songs: two writings of one letter, odd signs, playlists, what a user types."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from field_case import ROOT, NotRun, Outcome, Place, case, judged, need
from field_music import flac

NFD = "Cafe\N{COMBINING ACUTE ACCENT}"
NFC = unicodedata.normalize("NFC", NFD)


def _music(place: Place, *names: str, seconds: float = 6.0) -> Path:
    """A folder of short files; each has its own content."""
    music = place.folder / "music"
    for number, name in enumerate(names):
        flac(music / name, number, 3.0 + number / 7, seconds)
    return music


@case(
    "navidrome/navidrome#4385, quodlibet/quodlibet#1760",
    "a file named in NFD (from a Mac), asked for as typed: partwise like Café",
    "found",
)
def two_writings(place: Place) -> Outcome:
    place.index(_music(place, f"{NFD}.flac", "other.flac"))
    ran = place.partwise("like", NFC, "--library", place.own, "--json")
    return judged({"like": ran.code == 0 or ran.short})


_ODD = (
    *(
        "#1 hash.flac",
        " blank.flac",
        "file:colon.flac",
        "C:\\drive.flac",
        "100%25.flac",
        "why?.flac",
    ),
    *(
        "\ufeffmark.flac",
        "\u202eright.flac",
        "\U0001f3b8 guitar.flac",
        "a&b <c>.flac",
        "-dash.flac",
    ),
    *("'quote\".flac", f"{'x' * 245}.flac"),
)


@case(
    "quodlibet/quodlibet#4235, video-dev/hls.js#498",
    "names with #, blanks, file:, C:\\, %25, ?, BOM, RTL mark, emoji, 250 bytes in both playlists",
    "each line leads to its file",
)
def odd_names_in_playlists(place: Place) -> Outcome:
    music = _music(place, *_ODD, "asks.flac", seconds=5.0)
    place.index(music)
    asked = ("like", music / "asks.flac", "--library", place.own, "--top", "50")
    lists = {"m3u8": place.folder / "l.m3u8", "xspf": place.folder / "l.xspf"}
    place.partwise(*asked, "--m3u8", lists["m3u8"], "--xspf", lists["xspf"])
    checks: dict[str, bool | str] = {}
    for kind, path in lists.items():
        led = {target for target in _targets(path) if target.is_file()}
        there = {target.resolve().name for target in led}
        missing = [name for name in _ODD if name not in there]
        checks[kind] = not missing or f"{len(missing)} lead nowhere"
    return judged(checks)


def _targets(playlist: Path) -> list[Path]:
    """Where a playlist's entries lead, as a player reads them."""
    if playlist.suffix == ".xspf":
        places = [
            e.text or "" for e in ElementTree.parse(playlist).iter() if e.tag.endswith("location")
        ]
        found = [unquote(urlsplit(place).path) for place in places]
    else:
        lines = playlist.read_text("utf-8").removeprefix("\ufeff").splitlines()
        found = [line for line in lines if line.strip() and not line.startswith("#")]
        found = [
            unquote(urlsplit(line).path) if line.startswith("file://") else line for line in found
        ]
    return [playlist.parent / name for name in found]


@case(
    "none: a newcomer",
    "--m3u8 and --xspf in folders '#1 & 100%/Café', read after the whole tree moved",
    "plays",
)
def playlists_move_along(place: Place) -> Outcome:
    tree = place.folder / "#1 & 100%" / NFC
    for number in range(3):
        flac(tree / f"{number}.flac", number, seconds=6.0)
    place.index(tree)
    asked = ("like", tree / "0.flac", "--library", place.own)
    ran = place.partwise(*asked, "--m3u8", tree / "l.m3u8", "--xspf", tree / "l.xspf")
    moved = place.folder / "moved"
    (place.folder / "#1 & 100%").rename(moved)
    return judged(
        {
            kind: sum(target.is_file() for target in _targets(moved / NFC / f"l.{kind}")) == 2
            or ran.short
            for kind in ("m3u8", "xspf")
        }
    )


@case(
    "none: a newcomer, docs/players.md and developers.md",
    "partwise path from part of a title, and from a copy of an indexed file",
    "as in search: a path, an id, or enough of a title",
)
def path_by_name(place: Place) -> Outcome:
    music = _music(place, "first.flac", "second.flac", "third.flac", seconds=11.0)
    place.index(music)
    copy = shutil.copy(music / "first.flac", place.folder / "copy.flac")
    asked = ("--library", place.own, "--count", "3", "--json")
    by_title = place.partwise("path", "third", music / "second.flac", *asked)
    by_copy = place.partwise("path", copy, music / "second.flac", *asked)
    weak = ("by a title", "by a copy")
    return judged(
        {
            "by a title": by_title.code == 0 or by_title.short,
            "by a copy": by_copy.code == 0 or by_copy.short,
        },
        weak,
    )


@case(
    "navidrome/navidrome#2136, namidaco/namida#1152, Polochon-street/blissify-rs#3",
    "one FLAC with album.cue of three tracks",
    "three songs, or told that .cue is not read",
)
def cue_sheet(place: Place) -> Outcome:
    music = place.folder / "music"
    flac(music / "album.flac", seconds=24.0)
    lines = ['FILE "album.flac" WAVE']
    for number, title in enumerate(("Tidal", "Amber", "Jagged")):
        at = f"00:{8 * number:02d}:00"
        lines += [f"  TRACK {number + 1:02d} AUDIO", f'    TITLE "{title}"', f"    INDEX 01 {at}"]
    (music / "album.cue").write_text("\n".join(lines) + "\n")
    ran = place.index(music)
    found = place.partwise("like", "Tidal", "--library", place.own, "--json")
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = any(
        re.search(r"(?i)\bcue\b", page.read_text("utf-8"))
        for page in pages
        if page.name != "field.md"
    )
    good = found.code == 0 or ".cue" in ran.said or told
    return judged({"a track of the sheet": good or found.short}, weak=("a track of the sheet",))


@case(
    "beetbox/beets#2374, #2793, #3526",
    "LC_ALL=de_DE.ISO-8859-1 (and LC_ALL=C without UTF-8 mode): like a song whose name is an emoji",
    "escaped; paths are remembered as before",
)
def latin_locale(place: Place) -> Outcome:
    places = place.folder / "locale"
    places.mkdir()
    made = subprocess.run(
        (
            need("localedef", "locales"),
            "-i",
            "de_DE",
            "-f",
            "ISO-8859-1",
            places / "de_DE.ISO-8859-1",
        ),
        capture_output=True,
    )
    if not (places / "de_DE.ISO-8859-1").exists():
        raise NotRun(f"no locale of Latin 1 here: {made.stderr.decode()[-80:]}")
    music = _music(place, "\U0001f3b8.flac", f"{NFC}.flac", "asks.flac")
    place.index(music)
    latin = {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(places)}
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    checks: dict[str, bool | str] = {}
    for name, env in {"Latin 1": latin, "C": plain}.items():
        ran = place.partwise("like", music / "asks.flac", "--library", place.own, env=env)
        checks[f"like in {name}"] = ran.code == 0 or ran.short
        ran = place.index(music, env=env)
        checks[f"index in {name}"] = "unchanged 3" in ran.said or ran.short
        ran = place.index(music)
        checks[f"index after {name}"] = "unchanged 3" in ran.said or ran.short
    return judged(checks)


@case(
    "none: a newcomer",
    "embed of two files, one missing; --out without .npz; two libraries; --at 1:10; deep folders",
    "sentences, and what can be done is done",
)
def small_mistakes(place: Place) -> Outcome:
    music = _music(place, "one.flac", "two.flac", seconds=11.0)
    place.index(music)
    out = place.folder / "e.npz"
    one = place.partwise("embed", music / "one.flac", music / "none.flac", "--out", out)
    elsewhere = {"PARTWISE_LIBRARY": str(place.folder / "elsewhere")}
    named = place.partwise("status", "--library", place.own, "--json", env=elsewhere)
    range_ = place.partwise("like", music / "one.flac", "--at", "1:10", "--library", place.own)
    deep = place.partwise("index", "/x" * 2100, "--library", place.own)
    odd = place.partwise("embed", music / "one.flac", "--out", place.folder / "plain")
    return judged(
        {
            "one of two": ("none.flac" in one.said and out.exists()) or one.short,
            "--library first": (named.code == 0 and json.loads(named.out)["tracks"] == 2)
            or named.short,
            "--at": (range_.is_sentence and "1:10" in range_.err) or range_.short,
            "deep folder": deep.is_sentence or deep.short,
            "without .npz": odd.code == 0 or odd.is_sentence or odd.short,
        }
    )


@case(
    "none: a newcomer",
    "all Python of developers.md and README.md as it stands",
    "runs",
)
def examples_run(place: Place) -> Outcome:
    tests = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    env = {"HOME": os.environ.get("HOME")}
    ran = place.run(*tests, "tests/test_docs.py", "-k", "python", cwd=ROOT, env=env, timeout_s=300)
    return judged({"examples": (ran.code == 0 and "passed" in ran.out) or ran.short})


@case("none: a newcomer", "links of docs/ followed in the checkout", "pages")
def links_of_the_docs(place: Place) -> Outcome:
    dead = []
    for page in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\(([^()\s]+)\)", page.read_text("utf-8")):
            path = unquote(target.partition("#")[0])
            if (
                path
                and not re.match(r"[a-z][a-z+.-]*:", path)
                and not (page.parent / path).exists()
            ):
                dead.append(f"{page.name}: {target}")
    return judged({"links": not dead or f"{len(dead)} dead ({dead[0]})"}, weak=("links",))
