"""Nothing is sent and nothing left behind: every process of several commands is watched."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import sounds
from partwise.parts import Part
from partwise.web.client import Client
from stand_in_server import PASSWORD, StandIn, serving

STRACE = shutil.which("strace")
# ONNX Runtime 1.32 looks up where to report to some 9 s after its start.
HEAR_AND_STAY = """
import sys, time
from partwise import load_encoder
load_encoder().embed_file(sys.argv[1])
time.sleep(20)
"""
CALL = re.compile(
    r"\d+ +(?:connect|send(?:to|msg|mmsg))\(.*sa_family=(?!AF_(?:UNIX|NETLINK|UNSPEC))"
)
ADDRESS = re.compile(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"')


class Watched:
    """A user with an empty home, whose programs are traced."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.home, self.scratch, self._traces = (folder / name for name in ("home", "tmp", "trace"))
        for made in (self.home, self.scratch, self._traces):
            made.mkdir()
        # Nothing else: in what looks like continuous integration ONNX Runtime reports nothing.
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src"),
            "HOME": str(self.home),
            "TMPDIR": str(self.scratch),
            **settings,
        }

    @contextmanager
    def runs(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Python with these arguments; it has to end well."""
        assert STRACE is not None
        trace = self._traces / str(len(list(self._traces.iterdir())))
        trace.touch()
        watch = [STRACE, "-f", "-qq", "-s", "256", "-e", "trace=network", "-o", trace]
        with subprocess.Popen(
            [*watch, sys.executable, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
            process.communicate()
        assert process.returncode in (0, 130)

    def outside(self) -> list[str]:
        """The calls that name an address beyond this machine."""
        lines = [line for file in self._traces.iterdir() for line in file.read_text().splitlines()]
        return [line for line in lines if CALL.match(line) and not is_here(line)]

    def files(self) -> list[str]:
        """What lies in the home and among the temporary files, apart from the library."""
        library = self.home / ".local" / "share" / "partwise"
        found = [*self.home.rglob("*"), *self.scratch.rglob("*")]
        return [str(path) for path in found if path.is_file() and library not in path.parents]


def is_here(call: str) -> bool:
    found = ADDRESS.findall(call)
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)


def use_everything(watched: Watched, folder: Path) -> None:
    """Hear with Python for a while; index, like and serve meanwhile."""
    music = sounds.write(folder / "one.wav", sounds.sound({Part.BASS: 0.5}))
    asked = sounds.write(folder / "two.wav", sounds.sound({Part.BASS: 0.6}))
    with watched.runs("-c", HEAR_AND_STAY, music):
        for arguments in (("index", music), ("like", asked)):
            with watched.runs("-m", "partwise", *arguments):
                pass
        with watched.runs("-m", "partwise", "serve", "--port", "0") as tracer:
            assert tracer.stdout is not None
            tracer.stdout.readline()
            address = tracer.stdout.readline().removeprefix("open ").strip()
            assert Client(address).search(asked)
            psutil.Process(tracer.pid).children()[0].send_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def tracing() -> None:
    if STRACE is None:
        pytest.skip("strace is not installed")
    if subprocess.run([STRACE, "-o", os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")


def test_nothing_looks_outside_or_leaves_foreign_files(tmp_path: Path, tiny_model: Path) -> None:
    watched = Watched(tmp_path, PARTWISE_MODEL=str(tiny_model))
    use_everything(watched, tmp_path)
    assert watched.outside() == []
    assert watched.files() == []


def test_a_server_that_is_named_is_asked_and_nobody_else(tmp_path: Path, tiny_model: Path) -> None:
    music = sounds.write(tmp_path / "one.wav", sounds.sound({Part.BASS: 0.5}))
    stand_in = StandIn()
    stand_in.add("1", music)
    watched = Watched(tmp_path, PARTWISE_MODEL=str(tiny_model), PARTWISE_SERVER_PASSWORD=PASSWORD)
    with (
        serving(stand_in),
        watched.runs("-m", "partwise", "index", "--from", stand_in.url) as tracer,
    ):
        assert tracer.stdout is not None and tracer.stdout.readline().startswith("indexed 1,")
    assert watched.outside() == [] and watched.files() == []
    library = watched.home / ".local" / "share" / "partwise" / "library"
    kept = b"".join(path.read_bytes() for path in library.rglob("*") if path.is_file())
    assert b"An album" in kept  # it is the right folder
    assert PASSWORD.encode() not in kept and music.read_bytes()[-4000:] not in kept


def test_ray_asks_no_cloud_whether_it_is_there(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("ray")
    watched = Watched(tmp_path, PARTWISE_MODEL=str(tiny_model))
    music = sounds.write(tmp_path / "one.wav", sounds.sound({Part.BASS: 0.5}))
    with watched.runs("-m", "partwise", "index", "--on", "ray", "--jobs", "1", music):
        pass
    # Its nodes speak by this machine's address, which a socket to 8.8.8.8 tells that sends nothing.
    ours = {each.address for every in psutil.net_if_addrs().values() for each in every}
    known = re.compile("|".join(map(re.escape, ours)) + r"|connect\(.*\(53\), .*\"8\.8\.8\.8\"")
    assert [call for call in watched.outside() if not known.search(call)] == []
    assert watched.files() == []


def test_what_somebody_asks_for_is_left_to_them_and_would_be_seen(
    tmp_path: Path, tiny_model: Path
) -> None:
    watched = Watched(tmp_path, PARTWISE_MODEL=str(tiny_model), ORT_DISABLE_TELEMETRY="0")
    code = "import os, partwise, socket; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'"
    look_up = "[socket.socket(2, 2).connect((host, 53)) for host in ('127.0.0.1', '192.0.2.1')]"
    with watched.runs("-c", f"{code}; {look_up}"):
        pass
    assert ["192.0.2.1" in call for call in watched.outside()] == [True]
