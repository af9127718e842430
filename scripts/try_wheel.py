"""Installs a wheel where nothing else is installed, and uses it as a listener would.

usage: python scripts/try_wheel.py WHEEL ENVIRONMENT

ENVIRONMENT is made anew. First without extras, so without torch and without the page: the demo, one
question, and what `serve` says when its packages are missing. Then with the extra `web`: the server
is started, asked, and stopped. Nothing runs in the source tree, so only the wheel can be meant.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
_START_S = 60


def main() -> None:
    wheel, environment = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    shutil.rmtree(environment, ignore_errors=True)
    run([sys.executable, "-m", "venv", environment], Path.cwd())
    with tempfile.TemporaryDirectory() as work:
        Trial(wheel, environment, Path(work)).everything()


class Trial:
    """One wheel in one environment, tried from one empty folder."""

    def __init__(self, wheel: Path, environment: Path, work: Path) -> None:
        self.wheel = wheel
        self.bin = environment / "bin"
        self.work = work
        self.library = work / "library"

    def everything(self) -> None:
        self.install("")
        self.python(
            "import importlib.util as found, partwise, sys;"
            "assert found.find_spec('torch') is None, 'torch is installed: this shows nothing';"
            "partwise.load_encoder();"
            "print(f'partwise {partwise.__version__} loads its encoder without torch')"
        )
        print(self.partwise("demo", "--library", self.library))
        song = self.python(
            "from partwise.demo.groups import load_groups; g = load_groups();"
            "print(g.path(g.pieces[0]))"
        ).strip()
        print(self.partwise("like", song, "--parts=drums", "--top=3", "--library", self.library))
        refused = run([self.bin / "partwise", "serve"], self.work, fails=True)
        expect("pip install 'partwise[web]'" in refused, f"serve without its packages: {refused}")
        self.install("[web]")
        self.serve(song)
        used = sum(file.stat().st_size for file in self.bin.parent.rglob("*") if file.is_file())
        print(f"the environment takes {used / 1e6:.0f} MB")

    def install(self, extra: str) -> None:
        began = time.monotonic()
        pip = [self.bin / "python", "-m", "pip", "install", "--quiet"]
        run([*pip, "-c", CONSTRAINTS, f"partwise{extra} @ {self.wheel.as_uri()}"], self.work)
        print(f"partwise{extra} installed in {time.monotonic() - began:.0f} s", flush=True)

    def python(self, code: str) -> str:
        return run([self.bin / "python", "-c", code], self.work)

    def partwise(self, *arguments: object) -> str:
        return run([self.bin / "partwise", *arguments], self.work)

    def serve(self, song: str) -> None:
        """Start the page's server, ask it, and stop it as a terminal would."""
        command = [self.bin / "partwise", "serve", "--port=0", "--library", self.library]
        server = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.work,
            env=environment_without_source(),
        )
        try:
            assert server.stdout is not None
            lines = iter(server.stdout.readline, "")
            address = next((m[1] for line in lines if (m := re.match(r"open (\S+)", line))), None)
            expect(address is not None, "serve ended without an address")
            assert address is not None
            page = fetch(address).decode()
            expect("partwise" in page and "<script" in page, "the page is not a page")
            tracks = json.loads(fetch(f"{address}api/v1/status"))
            client = (
                f"import partwise; c = partwise.Client({address.rstrip('/')!r});"
                f"print(*[f'{{h.score:.3f}} {{h.tags.title}}' for h in"
                f" c.search({song!r}, weights='bass', top=3)], sep='; ')"
            )
            hits = self.python(client).strip()
            print(f"serve answers: {len(page)} bytes of page, {tracks['tracks']} tracks; {hits}")
        finally:
            server.send_signal(signal.SIGINT)
            try:
                code = server.wait(_START_S)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
        expect(code in (0, 130), f"serve ended with {code}")
        print(f"serve stopped with exit code {code}")


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=_START_S) as answer:
        return answer.read()


def environment_without_source() -> dict[str, str]:
    """Ours without what would let Python find the source tree."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}


def run(command: list, folder: Path, *, fails: bool = False) -> str:
    """What a command printed. Ends the program with it when its exit code is not as meant."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment_without_source(),
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    expect((done.returncode != 0) == fails, f"{command[0]}: exit code {done.returncode}\n{said}")
    return said if fails else done.stdout


def expect(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(sentence)


if __name__ == "__main__":
    main()
