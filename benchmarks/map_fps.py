"""Frames per second of the map in headless Chromium, for each way to draw it.

    python benchmarks/map_fps.py --tracks 50000

Makes a library of made-up tracks (clustered vectors, no audio) with its map, serves it, opens
/map?fps=1 and drags and zooms for some seconds by real input. Every frame is drawn. What counts is
the time from one frame to the next as the browser reports it to the page. The library is kept in
--work and used again.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.library import Library
from partwise.library.map.atlas import make_atlas
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.manifest import FILE_NAME, ModelInfo
from partwise.library.tables.writer import NewTrack, Writer, open_or_create
from partwise.parts import PARTS

DIM = 64
ARTISTS = 1500
BATCH = 10_000
# Keeps the times between frames; ``draw`` is called in every one by the page itself (?fps=1).
_WATCH = """() => {
  window.frameTimes = [];
  const note = (now) => { window.frameTimes.push(now); requestAnimationFrame(note); };
  requestAnimationFrame(note);
}"""


def make_library(folder: Path, tracks: int, seed: int = 0) -> Library:
    """A library of made-up tracks of made-up artists, each with a sound of its own in each part."""
    rng = np.random.default_rng(seed)
    model = ModelInfo("feedfeedfeedfeed", DIM, (0.5,) * len(PARTS))
    folder.mkdir(parents=True)
    writer = Writer(open_or_create(folder, model), model)
    sounds = rng.normal(size=(ARTISTS, len(PARTS), DIM)).astype(np.float32)
    artists = np.minimum(rng.geometric(4 / ARTISTS, tracks) - 1, ARTISTS - 1)
    for first in range(0, tracks, BATCH):
        new, rows = [], []
        for number in range(first, min(tracks, first + BATCH)):
            vectors = sounds[artists[number]] + 0.8 * rng.normal(size=(len(PARTS), DIM))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            heard = PartEmbeddings(
                vectors[None].astype(np.float32),
                np.full((1, len(PARTS)), 0.9, np.float32),
                np.zeros(1),
                np.full(1, 10.0),
                10.0,
            )
            track_id = f"{number:032x}"
            tags = Tags(f"Track {number}", f"Artist {artists[number]}")
            new.append(NewTrack(track_id, heard, tags))
            path = f"/music/{number}.flac"
            rows.append(
                LedgerRow(path, 1, 1, track_id, State.INDEXED, None, 0.1, model.digest, now())
            )
        writer.add(new, rows)
    writer.compact()
    return Library.open(folder)


@contextmanager
def served(library: Library) -> Iterator[str]:
    """The address of a server of the library."""
    import uvicorn

    from partwise.web.app import create_app
    from partwise.web.server import Server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(create_app(Server(library)), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def move(page, seconds: float) -> None:
    """Drag in circles and turn the wheel, as a hand would."""
    box = page.get_by_test_id("map-canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        if gone % 2 < 1.2:
            page.mouse.down()
            for step in range(12):
                angle = 2 * math.pi * step / 12 + gone
                page.mouse.move(x + 150 * math.cos(angle), y + 120 * math.sin(angle))
                time.sleep(0.01)
            page.mouse.up()
        else:
            for _ in range(6):
                page.mouse.wheel(0, -120 if gone % 4 < 2 else 120)
                time.sleep(0.02)


def measure(address: str, renderer: str, seconds: float, chromium: str, shot: Path | None) -> None:
    """Print the frames of one renderer."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.monotonic()
        page.goto(f"{address}/map?fps=1&renderer={renderer}")
        page.wait_for_selector("canvas[data-points]", timeout=60_000)
        opened_s = time.monotonic() - began
        points = page.get_by_test_id("map-canvas").get_attribute("data-points")
        page.evaluate(_WATCH)
        move(page, seconds)
        times = np.diff(page.evaluate("window.frameTimes"))
        own = page.get_by_test_id("map-fps").text_content()
        if shot is not None:
            page.screenshot(path=shot / f"map-{renderer}.png")
        browser.close()
    print(
        f"{renderer:7} {points} points, opened in {opened_s:.1f} s:"
        f" {1000 / times.mean():.0f} frames a second, median {np.median(times):.1f} ms,"
        f" p95 {np.percentile(times, 95):.1f} ms, longest {times.max():.0f} ms"
        f" ({len(times)} frames; the page says: {own})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--work", type=Path, help="folder for the made-up library")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--renderers", nargs="+", default=["webgl", "canvas"])
    parser.add_argument("--shots", type=Path, help="folder for a picture of each renderer")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="partwise-map-"))
    folder = work / f"library-{options.tracks}"
    if (folder / FILE_NAME).exists():
        library = Library.open(folder)
    else:
        library = make_library(folder, options.tracks)
    began = time.monotonic()
    if make_atlas(library.store):
        print(f"map of {options.tracks} tracks made in {time.monotonic() - began:.0f} s")
    print(f"{os.cpu_count()} processor cores; headless Chromium without a graphics processor")
    with served(library) as address:
        for renderer in options.renderers:
            measure(address, renderer, options.seconds, options.chromium, options.shots)


if __name__ == "__main__":
    main()
