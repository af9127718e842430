"""How long a search over HTTP takes while others search and an indexing job runs.

    python benchmarks/serving.py                       # 100,000 segments, 16 clients
    python benchmarks/serving.py --segments 20000 --clients 4 --seconds 5

A library of made-up vectors (``made_up.MadeUp``: 20 segments a track) with stand-in files is served
by ``partwise serve`` in a process of its own. Two kinds of question, as the page asks them: for
whole songs (compared with all tracks) and for passages (compared with all segments); with 10 hits,
and with the 500 that the page re-ranks. Clients are threads of another process with connections
that stay open, in two ways: each asks once a second (listeners), and each asks again as soon as it
has its answer (the most that the machine can do). All of it first alone, and then while the server
indexes a folder of the demo's recordings, copied until they last.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from made_up import HOP_S, SEGMENT_S, SEGMENTS_PER_TRACK, THRESHOLD, MadeUp
from partwise.audio.tags import Tags
from partwise.demo.groups import load_groups
from partwise.embedding.embeddings import PartEmbeddings
from partwise.embedding.encoder import load_encoder
from partwise.hearing.child import ended_with_parent
from partwise.library.library import Library
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.writer import NewTrack, Writer, open_or_create
from partwise.parts import PARTS

BATCH_TRACKS = 500


def make_library(folder: Path, segments: int) -> list[str]:
    """Fill ``folder/library`` with made-up tracks of the shipped model's shape; returns their ids.

    Each has a file of its own in ``folder/music``: a hit without a file would not be shown.
    """
    encoder = load_encoder()
    thresholds = tuple(float(value) for value in encoder.presence_threshold)
    model = ModelInfo(encoder.digest, encoder.dim, thresholds)
    home, music = folder / "library", folder / "music"
    home.mkdir(parents=True)
    music.mkdir()
    writer = Writer(open_or_create(home, model), model)
    rng, source = np.random.default_rng(1), MadeUp(encoder.dim, 1.4, 200)
    ids: list[str] = []
    while len(ids) * SEGMENTS_PER_TRACK < segments:
        vectors, presence = source.tracks(BATCH_TRACKS, rng)
        tracks, rows = [], []
        for number in range(BATCH_TRACKS):
            track_id = f"{len(ids):064x}"
            ids.append(track_id)
            heard = presence[number] >= THRESHOLD
            # What counts as present is the model's business: clearly above, or clearly below.
            surely = np.where(heard, 0.99, 0.001).astype(np.float32)
            start_s = HOP_S * np.arange(SEGMENTS_PER_TRACK)
            seconds = float(start_s[-1] + SEGMENT_S + rng.uniform(0, 120))
            embeddings = PartEmbeddings(
                vectors[number] * heard[..., None],
                surely,
                start_s,
                start_s + SEGMENT_S,
                seconds,
                np.asarray(thresholds, np.float32),
            )
            path = music / f"{track_id}.mp3"
            path.write_text(track_id)
            tags = Tags(f"Song {len(ids)}", f"Artist {len(ids) % 700}", f"Album {len(ids) % 1500}")
            tracks.append(NewTrack(track_id, embeddings, tags))
            status = path.stat()
            rows.append(
                LedgerRow(
                    path=str(path),
                    size=status.st_size,
                    mtime_ns=status.st_mtime_ns,
                    content_hash=track_id,
                    state=State.INDEXED,
                    reason=None,
                    seconds=None,
                    model_digest=model.digest,
                    updated_at=now(),
                )
            )
        writer.add(tracks, rows)
    writer.compact()
    return ids


def questions(folder: Path, ids: list[str], passage: bool, top: int) -> list[bytes]:
    """Bodies for ``POST /search``: songs at random, one or two of the parts that they have."""
    rng = np.random.default_rng(3)
    table = Library.open(folder / "library").tracks()
    bodies = []
    for row in rng.choice(len(ids), 200, replace=False):
        there = np.flatnonzero(table.vectors[row].any(axis=-1))
        if not len(there):
            continue
        chosen = rng.choice(there, min(len(there), int(rng.integers(1, 3))), replace=False)
        body: dict[str, Any] = {
            "songs": [table.track_ids[row]],
            "weights": {str(PARTS[part]): float(rng.integers(1, 4)) for part in chosen},
            "top": top,
            "range": [10.0, 30.0] if passage else None,
        }
        bodies.append(json.dumps(body).encode())
    return bodies


class Clients:
    """So many clients at a time, each with one connection."""

    def __init__(self, port: int, count: int, bodies: list[bytes], pause_s: float) -> None:
        self.port, self.count, self.bodies, self.pause_s = port, count, bodies, pause_s
        self.latency_s: list[float] = []
        self.refused = 0

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._ask, args=(number, end)) for number in range(self.count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, number: int, end: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rng = np.random.default_rng(number)
        time.sleep(rng.uniform(0, self.pause_s) if self.pause_s else 0)
        while time.monotonic() < end:
            body = self.bodies[int(rng.integers(len(self.bodies)))]
            began = time.perf_counter()
            connection.request("POST", "/api/v1/search", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            took_s = time.perf_counter() - began
            if answer.status == 200:
                self.latency_s.append(took_s)
            else:
                self.refused += 1
            if self.pause_s:
                time.sleep(max(0.0, self.pause_s * rng.uniform(0.5, 1.5) - took_s))


def clients_process(port: int, count: int, bodies: Path, pause_s: float, seconds: float) -> None:
    """What ``--client`` runs: prints the latencies as JSON."""
    clients = Clients(port, count, bodies.read_bytes().splitlines(), pause_s)
    clients.run(seconds)
    json.dump({"latency_s": clients.latency_s, "refused": clients.refused}, sys.stdout)


def ask(port: int, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:200]!r}")
    return json.loads(text)


def start_server(library: Path) -> tuple[subprocess.Popen, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "partwise", "serve", "--library", str(library)]
    command = ended_with_parent([*command, "--port", str(port)])
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            ask(port, "GET", "/api/v1/status")
            return server, port
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise SystemExit("the server did not start")


def music_to_index(folder: Path, copies: int) -> Path:
    """Copies of the demo's recordings that differ in a few bytes at the end, so that all count."""
    groups = load_groups()
    out = folder / "to index"
    out.mkdir()
    for copy in range(copies):
        for piece in groups.pieces:
            source = Path(groups.path(piece))
            target = out / f"{copy:03}-{source.name}"
            shutil.copyfile(source, target)
            with target.open("ab") as file:
                file.write(f"copy {copy}".encode())
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a search over HTTP takes.")
    parser.add_argument("--segments", type=float, default=1e5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        port, count, bodies, pause_s, seconds = options.client
        clients_process(int(port), int(count), Path(bodies), float(pause_s), float(seconds))
        return
    folder = Path(tempfile.mkdtemp(prefix="partwise-serving-"))
    server = None
    try:
        ids = make_library(folder, int(options.segments))
        server, port = start_server(folder / "library")
        cases = [
            ("whole songs", False, 10),
            ("whole songs", False, 500),
            ("passages", True, 10),
            ("passages", True, 500),
        ]
        results = []
        print(
            f"{len(ids) * SEGMENTS_PER_TRACK:,} segments, {len(ids):,} tracks,"
            f" {options.clients} clients, {os.cpu_count()} cores ({platform.machine()})"
        )
        print(f"{'asked':<12} {'hits':>4}  {'clients ask':<22} {'indexing':<8}", end="")
        print(f" {'median':>8} {'p95':>8} {'p99':>8} {'a second':>9} {'refused':>8}")
        indexing_s = 2 * len(cases) * (options.seconds + 3)
        copies = int(indexing_s * 1200 / (35 * 34)) + 1  # more than both cores can hear meanwhile
        music = None
        for indexing in (False, True):
            if indexing:
                music = music_to_index(folder, copies)
                ask(port, "POST", "/api/v1/index", {"folders": [str(music)]})
                time.sleep(3)  # until the workers hear
            for name, passage, top in cases:
                bodies = folder / "bodies.jsonl"
                bodies.write_bytes(b"\n".join(questions(folder, ids, passage, top)))
                for how, pause_s in (("once a second", 1.0), ("again at once", 0.0)):
                    command = [sys.executable, __file__, "--client", str(port)]
                    command += [str(options.clients), str(bodies), str(pause_s)]
                    command = ended_with_parent([*command, str(options.seconds)])
                    run = subprocess.run(command, capture_output=True, check=True)
                    answer = json.loads(run.stdout)
                    ms = 1e3 * np.array(answer["latency_s"])
                    p50, p95, p99 = np.percentile(ms, [50, 95, 99])
                    rate = len(ms) / options.seconds
                    print(
                        f"{name:<12} {top:>4}  {how:<22} {'yes' if indexing else 'no':<8}"
                        f" {p50:>5.1f} ms {p95:>5.1f} ms {p99:>5.1f} ms {rate:>9.0f}"
                        f" {answer['refused']:>8}",
                        flush=True,
                    )
                    results.append(
                        {
                            "asked": name,
                            "hits": top,
                            "clients": how,
                            "indexing": indexing,
                            "median_ms": p50,
                            "p95_ms": p95,
                            "p99_ms": p99,
                            "per_s": rate,
                        }
                    )
        job = ask(port, "GET", "/api/v1/index")["job"]
        print(f"the indexing job at the end: {job['state']}, {job['files_done']} files")
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")
    finally:
        if server is not None:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
