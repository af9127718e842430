"""Hearing on a local Ray: the rows of a run on one machine, whatever dies on the way."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen.flac import FLAC

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.reports import IndexSummary, Progress
from partwise.library.tables.ledger import State
from recordings import StopAfter, counts, record
from sounds import write

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="needs Ray: pip install 'partwise[scale]' -c constraints.txt",
)

# Read by every hearing process on Ray; what it does depends on the name of the file. What happens
# once leaves a mark beside the folder.
_MISBEHAVIOUR = """
import os, sys
hears = any("partwise.hearing.worker " in word for word in sys.orig_argv)
if hears and "MISBEHAVES_ON_RAY" in os.environ:
    import time
    from partwise.embedding.encoder import Encoder
    from partwise.hearing import worker as hearing

    embed, status = Encoder.embed_file, hearing._status

    def first_time(path):
        mark = os.path.dirname(os.path.dirname(path)) + "/" + os.path.basename(path) + ".mark"
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def embed_file(self, path, *args, **kwargs):
        name = os.path.basename(path)
        if "aborts" in name:
            os.abort()
        if "takes its worker along" in name:
            os.kill(os.getppid(), 9)
        if "killed once" in name and first_time(path):
            os.kill(os.getpid(), 9)
        if "worker dies once" in name and first_time(path):
            os.kill(os.getppid(), 9)
        if "slow" in name:
            time.sleep(0.3)
        return embed(self, path, *args, **kwargs)

    def look(path):
        if "elsewhere" in path:
            raise hearing._Failed("vanished before it was read", again=True, vanished=True)
        return status(path)

    Encoder.embed_file, hearing._status = embed_file, look
"""


@pytest.fixture(scope="module")
def ray_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a Ray whose hearing processes misbehave."""
    from partwise.library.index.ray_cluster import LocalRay

    folder = tmp_path_factory.mktemp("misbehaviour")
    (folder / "sitecustomize.py").write_text(_MISBEHAVIOUR)
    return {
        **LocalRay.access,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(folder),
        "MISBEHAVES_ON_RAY": "1",
    }


@pytest.fixture(scope="module")
def ray_address(ray_environment: dict[str, str]) -> Iterator[str]:
    """A Ray of one node with two CPUs, which this process has joined as a program would."""
    from partwise.library.index.ray_cluster import LocalRay

    local = None
    try:
        with pytest.MonkeyPatch.context() as patch:  # the workers of this machine behave
            for name, value in ray_environment.items():
                patch.setenv(name, value)
            import ray

            local = LocalRay(cpus=2)
            ray.init(address=local.address, log_to_driver=False, logging_level=logging.ERROR)
        yield local.address
    finally:
        if local is not None:
            ray.shutdown()
            local.end()


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> Callable[..., tuple[Library, IndexSummary]]:
    def run(music: Path, name: str, **options: Any) -> tuple[Library, IndexSummary]:
        library = Library(tmp_path / name)
        return library, library.index(music, model=tiny_model, jobs=2, **options)

    return run


@pytest.fixture
def mixed(music: Path) -> Path:
    """Five good recordings, one with tags, and a copy, garbage, silence and nothing."""
    tags = FLAC(music / "b.flac")
    tags.update({"title": "A Title", "artist": "Somebody", "date": "1999"})
    tags.save()
    shutil.copy(music / "b.flac", music / "copy.flac")
    (music / "garbage.mp3").write_bytes(b"no music at all" * 1000)
    write(music / "silence.wav", np.zeros(22050 * 2, np.float32))
    (music / "nothing.flac").touch()
    return music


def rows(library: Library) -> dict[str, tuple[Any, ...]]:
    """The ledger without what no two runs share."""
    return {
        row.path: (
            row.size,
            row.mtime_ns,
            row.content_hash,
            row.state,
            row.reason,
            row.model_digest,
        )
        for row in library.ledger()
    }


def assert_same(found: Library, wanted: Library) -> None:
    """The same rows of all tables."""
    assert rows(found) == rows(wanted)
    mine, theirs = found.tracks(), wanted.tracks()
    assert sorted(mine.track_ids) == sorted(theirs.track_ids)
    segments, wanted_segments = (
        library.store.segments_of(library.tracks().track_ids) for library in (found, wanted)
    )
    for place, track_id in enumerate(mine.track_ids):
        other = theirs.track_ids.index(track_id)
        for name in "duration_s segments tags".split():
            assert getattr(mine, name)[place] == getattr(theirs, name)[other], name
        for name in "vectors presence".split():
            np.testing.assert_allclose(
                getattr(mine, name)[place], getattr(theirs, name)[other], atol=1e-6
            )
        for name in "embeddings presence start_s end_s".split():
            np.testing.assert_allclose(
                getattr(segments[track_id], name),
                getattr(wanted_segments[track_id], name),
                atol=1e-6,
            )


@needs_ray
@pytest.mark.usefixtures("ray_address")
def test_the_rows_are_those_of_one_machine_though_workers_are_killed(index, mixed: Path) -> None:
    record(mixed / "its worker dies once.wav", 20)
    record(mixed / "killed once.wav", 21)
    alone, summary = index(mixed, "alone")
    assert counts(summary) == {"indexed": 8, "copies": 1, "failed": 3}
    on_ray, again = index(mixed, "on ray", on="ray")
    assert (mixed.parent / "its worker dies once.wav.mark").exists()
    assert (mixed.parent / "killed once.wav.mark").exists()
    assert counts(again) == counts(summary)
    assert again.audio_s == pytest.approx(summary.audio_s)
    assert_same(on_ray, alone)
    # What is known is not heard again, nor is its content in another file.
    os.utime(mixed / "a.wav", ns=(1, 1_600_000_000_000_000_001))
    shutil.move(mixed / "c.mp3", mixed / "moved.mp3")
    _, third = index(mixed, "on ray", on="ray")
    assert counts(third) == {"unchanged": 7, "moved": 1, "failed_earlier": 3}
    assert third.audio_s == 0


@needs_ray
@pytest.mark.usefixtures("ray_address")
def test_what_ends_its_process_or_its_worker_every_time_fails_alone(index, music: Path) -> None:
    bad = {
        "aborts.wav": "the decoder crashed while reading it (SIGABRT)",
        "takes its worker along.wav": "its worker was killed while reading it",
        "elsewhere.wav": f"not to be found on the node {socket.gethostname()}, though it is here",
    }
    for number, name in enumerate(bad):
        record(music / name, 30 + number)
    library, summary = index(music, "library", on="ray")
    assert counts(summary) == {"indexed": 5, "failed": 3}
    failed = {Path(row.path).name: row for row in library.ledger() if row.state is State.FAILED}
    assert {name: row.reason for name, row in failed.items()} == bad
    # Only a crash is a matter of the content: the others are looked at again by the next run.
    assert [name for name, row in failed.items() if row.mtime_ns > 0] == ["aborts.wav"]


@needs_ray
@pytest.mark.usefixtures("ray_address")
def test_an_interrupted_run_goes_on_where_it_was(index, tmp_path: Path) -> None:
    music = tmp_path / "music"
    for number in range(16):
        record(music / f"slow {number}.wav", number)
    reporter = StopAfter(3)
    _, first = index(music, "on ray", on="ray", reporter=reporter, stop=reporter.stop)
    assert first.interrupted
    assert 0 < first.left < 16
    assert reporter.said == ["hearing on Ray: 1 node, 2 CPUs"]
    library, second = index(music, "on ray", on="ray")
    assert counts(second) == {"indexed": first.left, "unchanged": 16 - first.left}
    alone, _ = index(music, "alone")
    assert_same(library, alone)


class _WhenHeard:
    """A Reporter that does something once when some files are done."""

    def __init__(self, files: int, act: Callable[[], object]) -> None:
        self.files, self.act = files, act

    def say(self, sentence: str) -> None:
        self.said = sentence

    def update(self, progress: Progress) -> None:
        if progress.files_done >= self.files:
            self.act()
            self.act = int


@needs_ray
def test_a_node_that_is_lost_costs_no_row(
    index, tmp_path: Path, ray_address: str, ray_environment: dict[str, str]
) -> None:
    psutil = pytest.importorskip("psutil")
    import ray

    arguments = [f"--address={ray_address}", "--num-cpus=2", "--block"]
    arguments += ["--object-store-memory=100000000", "--disable-usage-stats"]
    node = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments],
        env={**os.environ, **ray_environment, "PYTHONPATH": _path(ray_environment)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def lose() -> None:
        everything = [*psutil.Process(node.pid).children(recursive=True), node]
        for process in everything:
            process.kill()
        node.wait()

    try:
        late = time.monotonic() + 60
        while ray.cluster_resources().get("CPU") != 4.0:
            assert node.poll() is None
            assert time.monotonic() < late, "the second node did not join"
            time.sleep(0.1)
        music = tmp_path / "music"
        for number in range(24):
            record(music / f"slow {number}.wav", number)
        library = Library(tmp_path / "on ray")
        reporter = _WhenHeard(4, lose)
        summary = index(music, "on ray", on=f"ray://{ray_address}", reporter=reporter)[1]
        assert reporter.said == "hearing on Ray: 2 nodes, 4 CPUs"
        assert reporter.act is int, "the node was not lost midway"
        assert counts(summary) == {"indexed": 24}
        alone, _ = index(music, "alone")
        assert_same(library, alone)
    finally:
        if node.poll() is None:
            lose()


def _path(environment: dict[str, str]) -> str:
    import partwise

    source = str(Path(partwise.__file__).parent.parent)
    return os.pathsep.join([source, environment["PYTHONPATH"]])


@needs_ray
@pytest.mark.usefixtures("ray_address")
def test_every_node_needs_the_same_partwise(
    index, music: Path, ray_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import partwise

    monkeypatch.setattr(partwise, "__version__", "99.0")
    with pytest.raises(PartwiseError, match=r"every node needs the version .* 99\.0$"):
        index(music, "library", on=f"ray://{ray_address}")


@needs_ray
def test_the_command_starts_a_ray_and_leaves_nothing_behind(
    music: Path, tmp_path: Path, tiny_model: Path
) -> None:
    arguments = [str(music), "--library", str(tmp_path / "library"), "--model", str(tiny_model)]
    before = set(Path("/tmp").glob("partwise-ray-*"))
    done = subprocess.run(
        [sys.executable, "-m", "partwise", "index", *arguments, "--on", "ray", "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "real time" not in line]  # on a busy day
    assert (done.returncode, said) == (0, ["hearing on Ray: 1 node, 1 CPU"])
    assert done.stdout.startswith("indexed 5, unchanged 0")
    assert set(Path("/tmp").glob("partwise-ray-*")) <= before
    assert len(Library.open(tmp_path / "library").tracks()) == 5


@pytest.mark.parametrize("on", ["rya", "ray://", "spark", "ray://host:port", "ray://host:70000"])
@needs_ray
def test_no_such_place(index, music: Path, on: str) -> None:
    with pytest.raises(PartwiseError, match=f"^--on is {on}: "):
        index(music, "library", on=on)


@needs_ray
def test_an_address_that_does_not_answer(index, music: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(PartwiseError, match=rf"^no Ray answers at 127\.0\.0\.1:{port} \("):
        index(music, "library", on=f"ray://127.0.0.1:{port}")
    assert not (tmp_path / "library").exists()


def test_a_missing_package_is_named(
    index, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partwise.library.index.ray_cluster.find_spec", lambda name: None)
    with pytest.raises(PartwiseError, match=r"pip install 'partwise\[scale\]' -c constraints.txt"):
        index(music, "library", on="ray")
    assert not (tmp_path / "library").exists()


def test_nothing_of_ray_is_imported_unless_asked_for(
    music: Path, tmp_path: Path, tiny_model: Path
) -> None:
    program = (
        "import sys, partwise; from partwise.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'ray'])\n"
        "sys.exit(code)"
    )
    arguments = ["index", str(music), "--library", str(tmp_path / "l"), "--model", str(tiny_model)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--jobs", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_one_content_is_handed_in(tmp_path: Path) -> None:
    """Copies may be heard at the same time in two places; the second hearing counts for nothing."""
    from partwise.hearing.worker import Outcome
    from partwise.library.index.ray_workers import RayWorkers

    taken = threading.Event()

    def decide(path: str, content: str) -> bool:
        first = not taken.is_set()
        taken.set()
        return first

    workers = RayWorkers.__new__(RayWorkers)
    workers._decide = decide
    heard: Any = object()
    outcomes = [Outcome(f"/{n}.wav", 1, 1, "content", embeddings=heard) for n in range(2)]
    checked = [workers._checked(outcome, "node") for outcome in outcomes]
    assert [outcome.embeddings for outcome in checked] == [heard, None]
