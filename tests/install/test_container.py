"""The container: its files say what the command line knows; where podman runs, it is used.

Building needs a base image that is there already, as tests load nothing from elsewhere:
``PARTWISE_TEST_BASE=docker.io/library/python:3.13-slim-trixie``, or one made on the machine
(docs/install.md). ``PARTWISE_TEST_PODMAN`` is the command if it is not ``podman``, and
``PARTWISE_TEST_PODMAN_BUILD`` and ``PARTWISE_TEST_PODMAN_RUN`` are more words for those two.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from partwise.commands.serve import serve

ROOT = Path(__file__).resolve().parents[2]
AUDIO = ROOT / "src/partwise/demo/audio"
BASE = os.environ.get("PARTWISE_TEST_BASE")
PODMAN = shlex.split(os.environ.get("PARTWISE_TEST_PODMAN", "podman"))
IMAGE = "localhost/partwise-tested"
USER = 12345
WITHIN_S = 240.0


# --- the files, everywhere


def containerfile() -> str:
    return (ROOT / "Containerfile").read_text()


def service() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text()
    return yaml.safe_load(text)["services"]["partwise"]


def environment_of_image() -> dict[str, str]:
    block = re.search(r"^ENV PATH=.*?[^\\]\n", containerfile(), re.DOTALL | re.MULTILINE)
    assert block is not None
    return dict(re.findall(r"(\w+)=(\S+)", block[0]))


def options_of_serve() -> tuple[set[str], set[str]]:
    """What ``partwise serve`` takes: options, and the variables that stand in for them."""
    app = typer.Typer()
    app.command()(serve)
    params = get_command(app).params
    options = {name for param in params for name in param.opts}
    return options, {param.envvar for param in params if isinstance(param.envvar, str)}


def test_the_command_of_the_image_is_one_that_there_is() -> None:
    command = re.search(r"^CMD (\[.*\])$", containerfile(), re.MULTILINE)
    assert command is not None
    words = json.loads(command[1])
    assert words[0] == "serve"
    options, variables = options_of_serve()
    assert {word for word in words if word.startswith("--")} <= options
    assert "PARTWISE_TOKEN_FILE" in variables
    assert words[words.index("--watch") + 1] == "/music"


def test_image_and_compose_file_mean_the_same_port_and_folders() -> None:
    text, compose = containerfile(), service()
    port = re.search(r"^EXPOSE (\d+)$", text, re.MULTILINE)
    assert port is not None
    assert f'"{port[1]}"' in text  # of the command
    assert f"127.0.0.1:{port[1]}/" in (ROOT / "packaging/healthy.py").read_text()
    assert compose["ports"] == [f"${{PORT:-{port[1]}}}:{port[1]}"]
    assert [volume.rsplit("}")[-1] for volume in compose["volumes"]] == [
        ":/music:ro",
        "library:/library",
    ]
    image = environment_of_image()
    assert image["PARTWISE_LIBRARY"].startswith("/library/")
    assert compose["environment"]["PARTWISE_TOKEN_FILE"] == image["PARTWISE_TOKEN_FILE"]
    # A library's own folder holds nothing else before there is a library.
    assert Path(image["PARTWISE_TOKEN_FILE"]).parent != Path(image["PARTWISE_LIBRARY"])
    assert compose["environment"]["PUID"] == f"${{PUID:-{image['PUID']}}}"


def test_the_service_may_do_no_more_than_it_has_to() -> None:
    compose = service()
    assert compose["read_only"] is True
    assert compose["cap_drop"] == ["ALL"]
    assert "privileged" not in compose
    assert compose["security_opt"] == ["no-new-privileges:true"]
    health = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", containerfile(), re.MULTILINE)
    assert health is not None
    assert compose["healthcheck"]["test"] == ["CMD", *json.loads(health[1])]


def test_what_the_image_is_built_from_is_sent_to_the_builder() -> None:
    """Everything that the wheel's recipe names, and no file of any other kind."""
    kept = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    assert all((ROOT / name).exists() for name in kept)
    recipe = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, wheel = recipe["project"], recipe["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [project["readme"], *project["license-files"], *wheel["packages"]]
    needed += [*wheel["shared-data"], "pyproject.toml", "constraints.txt", "packaging"]
    assert not [name for name in needed if not any(name.startswith(one) for one in kept)]


def run_entrypoint(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The entry point with stand-ins for what it hands over to: they print what they are given."""
    for name, line in {
        "id": "echo 0",
        "find": 'echo "find $*"',
        "setpriv": 'echo "setpriv $*"',
    }.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    return subprocess.run(
        ["sh", ROOT / "packaging/entrypoint.sh", "doctor", "two words"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
    )


def test_the_entry_point_becomes_the_user_that_was_asked_for(tmp_path: Path) -> None:
    done = run_entrypoint(tmp_path, PUID="1026", PGID="100")
    assert done.returncode == 0, done.stderr
    given, started = done.stdout.splitlines()
    assert given.startswith("find /library ") and "1026:100" in given
    assert "--reuid=1026 --regid=100" in started and "--no-new-privs" in started
    assert started.endswith("/opt/partwise/bin/partwise doctor two words")


@pytest.mark.parametrize(("puid", "pgid"), [("0", "1"), ("1000", "users"), ("", "1"), ("-1", "1")])
def test_root_and_names_are_refused_as_users(puid: str, pgid: str, tmp_path: Path) -> None:
    done = run_entrypoint(tmp_path, PUID=puid, PGID=pgid)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"PUID and PGID have to be numbers above 0, .*\n", done.stderr)


# --- built and run


def podman(*words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*PODMAN, *map(str, words)], capture_output=True, text=True, timeout=600)
    assert not check or done.returncode == 0, f"podman {words[0]}: {done.stdout}{done.stderr}"
    return done


def more_words(command: str) -> list[str]:
    return shlex.split(os.environ.get(f"PARTWISE_TEST_PODMAN_{command.upper()}", ""))


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    if BASE is None:
        pytest.skip("PARTWISE_TEST_BASE names no base image")
    if shutil.which(PODMAN[0]) is None:
        pytest.skip(f"there is no {PODMAN[0]}")
    tried = podman("run", "--rm", *more_words("run"), BASE, "python3", "--version", check=False)
    if tried.returncode:
        pytest.skip(f"podman runs nothing here: {tried.stderr.strip()[-200:]}")
    build = ["build", "--format=docker", f"--build-arg=BASE={BASE}", *more_words("build")]
    podman(*build, "-t", IMAGE, "-f", ROOT / "Containerfile", ROOT)
    yield IMAGE
    podman("rmi", "--force", IMAGE, check=False)


@dataclass
class Container:
    """One container of the image, started as the compose file says, at a free port."""

    image: str
    volume: Path
    words: list[str] = field(default_factory=list)
    name: str = "partwise-tested"
    port: int = 0

    def start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        compose = service()
        self.remove()
        podman(
            *("run", "--detach", "--name", self.name, "--read-only", "--cap-drop=ALL"),
            *(f"--cap-add={name}" for name in compose["cap_add"]),
            *("--security-opt=no-new-privileges", "--tmpfs", *compose["tmpfs"]),
            *("-p", f"127.0.0.1:{self.port}:8321"),
            *("-v", f"{AUDIO}:/music:ro", "-v", f"{self.volume}:/library"),
            *(*more_words("run"), *self.words, self.image),
        )

    def remove(self) -> None:
        podman("rm", "--force", self.name, check=False)

    def log(self) -> str:
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def ask(self, address: str, body: dict[str, Any] | None = None) -> Any:
        token = (self.volume / "token.txt").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{address}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def when(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status of the library once something holds of it."""
        until = time.monotonic() + WITHIN_S
        status: dict[str, Any] = {}
        while time.monotonic() < until:
            try:
                status = self.ask("status")
            except (OSError, urllib.error.URLError):
                status = {}
            if status and holds(status):
                return status
            time.sleep(0.3)
        raise AssertionError(f"after {WITHIN_S:.0f} s: {status}\n{self.log()}")


def heard_all(status: dict[str, Any]) -> bool:
    job = status["job"]
    return job is not None and job["state"] == "done"


@pytest.fixture
def container(image: str, tmp_path: Path) -> Iterator[Container]:
    volume = tmp_path / "library"
    volume.mkdir()
    started = Container(image, volume, ["-e", f"PUID={USER}", "-e", f"PGID={USER}"])
    yield started
    started.remove()


@pytest.mark.timeout(1200)
def test_a_container_hears_answers_and_loses_nothing(container: Container) -> None:
    songs = len(list(AUDIO.glob("*.opus")))
    container.start()

    # Killed while it hears: what is written stays, and nothing is in the way of the next start.
    container.when(lambda status: status["tracks"] > 0)
    podman("kill", "--signal=KILL", container.name)
    killed_at = container.volume / "partwise"
    assert killed_at.is_dir()
    container.start()
    status = container.when(heard_all)
    assert (status["tracks"], status["failed"], status["missing"]) == (songs, 0, 0)

    # Asked over HTTP, with the token that it made for itself.
    page = container.ask("tracks?limit=1")["tracks"][0]
    hits = container.ask("search", {"songs": [page["track_id"]], "weights": {"drums": 1}, "top": 3})
    assert len(hits["hits"]) == 3
    assert podman("exec", container.name, "/opt/partwise/bin/healthy.py").returncode == 0

    # Nobody but that user made what lies in the volume, and nothing can be written elsewhere.
    assert {path.stat().st_uid for path in container.volume.rglob("*")} == {USER}
    refused = podman("exec", container.name, "touch", "/opt/partwise/x", "/music/x", check=False)
    assert refused.returncode != 0 and refused.stderr.count("Read-only file system") == 2

    # Told to stop, it ends by itself; started again, it hears nothing twice.
    podman("stop", "--time=60", container.name)
    assert podman("inspect", "-f", "{{.State.ExitCode}}", container.name).stdout.strip() == "0"
    container.start()
    status = container.when(heard_all)
    assert status["tracks"] == songs
    assert status["job"]["files_total"] == 0


@pytest.mark.timeout(600)
def test_another_user_of_the_container_needs_no_root(image: str, tmp_path: Path) -> None:
    volume = tmp_path / "library"
    volume.mkdir()
    os.chown(volume, USER, USER)
    done = podman(
        *("run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop=ALL"),
        *("--user", f"{USER}:{USER}", "-v", f"{volume}:/library"),
        *(*more_words("run"), image, "demo", "--library", "/library/partwise"),
    )
    assert "First answer with the same player" in done.stdout
    assert {path.stat().st_uid for path in volume.rglob("*")} == {USER}
