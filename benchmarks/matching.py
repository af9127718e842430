"""How long it takes to find tracks by text, beside two others in the same run.

    python benchmarks/matching.py                      # 100,000 tracks, 40 queries of each kind
    python benchmarks/matching.py --tracks 1e4 --queries 10 --json out.json

The tracks are made up: words of three to ten letters, as often as words of a language are (the
n-th most frequent n times rarer than the first), some with accents; ten tracks an album, the file
named after number and title. Queries of every kind are made from tracks drawn at random, and each
asks for the first 50 tracks and how many there are.

matcher : ``partwise.library.search.matcher``.
scan : the text as it stands, somewhere in title, artist, album or file name, in the order of the
listing: what the picker of partwise 0.2.0 did.
FTS5 : the full-text index of SQLite in memory, accents removed, every word as a prefix, ordered by
its own rank (bm25).

Times are of the processor, in one thread, so other programs hardly change them. A query counts as
answered when the track that it was made from is among the first 50.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from partwise.audio.tags import Tags
from partwise.library.search.matcher import Matcher, words_of
from partwise.library.tables.catalogue import Track

SHOWN = 50
LETTERS = np.array(list("etaoinshrdlucmfwypvbgk"))
ACCENTS = str.maketrans("eouanc", "éöüåñç")

# text -> ids of the first tracks, and how many there are
Find = Callable[[str], tuple[list[str], int]]


def draw_tracks(count: int, rng: np.random.Generator) -> dict[str, Track]:
    """A catalogue of made-up tracks."""
    known = 30_000
    spelt = ["".join(rng.choice(LETTERS, size=rng.integers(3, 11))) for _ in range(known)]
    spelt = [word.translate(ACCENTS) if n % 12 == 7 else word for n, word in enumerate(spelt)]
    often = 1.0 / np.arange(5, known + 5)
    drawn = iter(rng.choice(known, size=6 * count + 100, p=often / often.sum()).tolist())

    def name(most: int) -> str:
        return " ".join(spelt[next(drawn)] for _ in range(int(rng.integers(1, most + 1)))).title()

    artists = [name(3) for _ in range(max(1, count // 12))]
    catalogue = {}
    artist = album = ""
    for number in range(count):
        if number % 10 == 0:
            artist, album = artists[int(rng.integers(len(artists)))], name(4)
        title, track_id = name(4), f"{number:032x}"
        path = f"/music/{artist}/{album}/{number % 10 + 1:02} {title}.flac"
        catalogue[track_id] = Track(track_id, (path,), Tags(title, artist, album, 1990), 200.0)
    return catalogue


# --- what is asked


def _mistyped(text: str, rng: np.random.Generator) -> str:
    """The same with the longest word's third letter wrong."""
    word = max(text.split(), key=len)
    return text.replace(word, word[:2] + str(rng.choice(LETTERS)) + word[3:])


KINDS: dict[str, Callable[[Tags, np.random.Generator], str]] = {
    "first letter": lambda tags, _: str(tags.title)[:1],
    "three letters": lambda tags, _: str(tags.title)[:3],
    "whole title": lambda tags, _: str(tags.title),
    "title typed halfway": lambda tags, _: str(tags.title)[: len(str(tags.title)) // 2 + 2],
    "title, then artist": lambda tags, _: f"{tags.title} {tags.artist}",
    "artist, title begun": lambda tags, _: f"{tags.artist} {str(tags.title)[:4]}",
    "without accents": lambda tags, _: " ".join(words_of(str(tags.title))),
    "inside words": lambda tags, _: str(tags.title)[1:],
    "with a typing error": lambda tags, rng: _mistyped(f"{tags.title} {tags.artist}", rng),
    "nothing": lambda tags, _: f"{tags.title} qqxqzzx",
}


# --- who answers


def by_matcher(catalogue: dict[str, Track]) -> Find:
    matcher = Matcher(catalogue)

    def find(text: str) -> tuple[list[str], int]:
        found = matcher.numbers(text)
        return [track.track_id for track in matcher.tracks(found[:SHOWN])], len(found)

    find("warm-up")  # makes what is made for the first question
    find("abcdefgh")
    return find


def by_scan(catalogue: dict[str, Track]) -> Find:
    listed = sorted(catalogue.values(), key=lambda track: "\0".join(_fields(track)[1::-1]))
    texts = ["\n".join(_fields(track)).casefold() for track in listed]

    def find(text: str) -> tuple[list[str], int]:
        wanted = text.casefold()
        pairs = zip(listed, texts, strict=True)
        found = [track.track_id for track, names in pairs if wanted in names]
        return found[:SHOWN], len(found)

    return find


def by_fts5(catalogue: dict[str, Track]) -> Find:
    tables = sqlite3.connect(":memory:")
    tables.execute(
        "CREATE VIRTUAL TABLE names USING fts5(id UNINDEXED, title, artist, album, file,"
        " tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
    )
    rows = ((track.track_id, *_fields(track)) for track in catalogue.values())
    tables.executemany("INSERT INTO names VALUES (?, ?, ?, ?, ?)", rows)
    tables.execute("INSERT INTO names(names) VALUES ('optimize')")

    def find(text: str) -> tuple[list[str], int]:
        asked = (" ".join(f'"{word}"*' for word in text.split()),)
        where = "FROM names WHERE names MATCH ?"
        best = tables.execute(f"SELECT id {where} ORDER BY rank LIMIT {SHOWN}", asked).fetchall()
        (count,) = tables.execute(f"SELECT count(*) {where}", asked).fetchone()
        return [track_id for (track_id,) in best], count

    return find


def _fields(track: Track) -> tuple[str, str, str, str]:
    tags, file = track.tags, track.paths[0].rpartition("/")[2]
    return tags.title or "", tags.artist or "", tags.album or "", file


METHODS = {"matcher": by_matcher, "scan": by_scan, "FTS5": by_fts5}


# --- all of it


def measure(catalogue: dict[str, Track], find: Find, queries: int) -> dict[str, dict[str, float]]:
    """Latency, tracks found and share of queries answered, by kind of query."""
    rng = np.random.default_rng(2)
    tracks = list(catalogue.values())
    result = {}
    for kind, make in KINDS.items():
        took_s, counts, answered = [], [], []
        for number in rng.integers(len(tracks), size=queries):
            track = tracks[number]
            text = make(track.tags, rng)
            started = time.process_time()
            best, count = find(text)
            took_s.append(time.process_time() - started)
            counts.append(count)
            answered.append(track.track_id in best)
        result[kind] = {
            "median_ms": 1e3 * float(np.median(took_s)),
            "p95_ms": 1e3 * float(np.percentile(took_s, 95)),
            "median_found": float(np.median(counts)),
            "answered": float(np.mean(answered)),
        }
    return result


def show(results: dict[str, dict[str, Any]], tracks: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{tracks:,} tracks: CPU ms, median / 95th percentile; queries answered")
    table.add_column("query")
    for name, result in results.items():
        table.add_column(f"{name} (built in {result['build_s']:.1f} s)", justify="right")
    for kind in KINDS:
        cells = [
            f"{by['median_ms']:.1f} / {by['p95_ms']:.1f}  {by['answered']:4.0%}"
            for by in (result["by_kind"][kind] for result in results.values())
        ]
        table.add_row(kind, *cells)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", default="1e5", help="how many tracks")
    parser.add_argument("--queries", type=int, default=40, help="of each kind")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    options = parser.parse_args()
    count = int(float(options.tracks))
    catalogue = draw_tracks(count, np.random.default_rng(1))
    results: dict[str, dict[str, Any]] = {}
    for name, build in METHODS.items():
        print(f"{name} ...", file=sys.stderr)
        started = time.process_time()
        find = build(catalogue)
        build_s = time.process_time() - started
        results[name] = {
            "build_s": build_s,
            "by_kind": measure(catalogue, find, options.queries),
        }
    show(results, count)
    if options.json:
        about = {
            "tracks": count,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "load_average": round(os.getloadavg()[0], 1),
            "sqlite": sqlite3.sqlite_version,
        }
        options.json.write_text(json.dumps({**about, "methods": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
