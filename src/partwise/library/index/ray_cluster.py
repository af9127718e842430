"""Ray to hear on: the cluster at an address, or one of this machine alone for the length of a run.

Ray forks when it starts, which a process with open tables and threads had better not do; and what
it starts must end with the run, even one that is killed. So a Ray of this machine lives in a
process of its own: ``main`` ends when its standard input does. It answers only who knows its token,
which stays within this process and its children.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from partwise.errors import PartwiseError
from partwise.hearing.child import environment

_SCHEME = "ray://"
_PORT = 6379
_ANSWER_S = 5.0
# Nodes start a Python process to answer; on a busy machine that takes its time.
_NODES_ANSWER_S = 120.0
# No report to its makers, no remarks.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Ray keeps what it reads of the environment when it is imported.
_joined_before: list[Target] = []
# Results are written as they come; only what a busy disk keeps waiting lies in Ray's memory.
_STORE_BYTES = 256 << 20
_END_S = 15.0
# Ray gives its parts 30 s to start, which a busy machine needs for reading them from disk.
_STARTS = 3
# One for the whole process, since Ray reads it once.
_TOKEN = secrets.token_hex(32)
_PROGRAM = "from partwise.library.index.ray_cluster import main; main()"


@dataclass(frozen=True)
class Target:
    """Where to hear. address : ``host:port`` or ``auto``; None for a Ray that the run starts."""

    address: str | None


def parse_target(on: str) -> Target:
    """``ray`` or ``ray://ADDRESS``.

    Raises PartwiseError for anything else, when Ray is not installed or nothing answers there.
    """
    if on != "ray" and not (on.startswith(_SCHEME) and len(on) > len(_SCHEME)):
        raise PartwiseError(f"--on is {on}: it must be ray or ray://ADDRESS")
    if find_spec("ray") is None or find_spec("pandas") is None:
        raise PartwiseError(
            "--on ray needs Ray Data: pip install 'partwise[scale]' -c constraints.txt"
        )
    if on == "ray":
        return Target(None)
    address = on[len(_SCHEME) :].rstrip("/")
    if address == "auto":
        return Target(address)
    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, str(_PORT)
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise PartwiseError(f"--on is {on}: {port} is no port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        cause = error.strerror or "no answer"
        raise PartwiseError(f"no Ray answers at {host}:{port} ({cause.lower()})") from None
    return Target(f"{host}:{port}")


@dataclass
class Cluster:
    """Ray, connected. cpus : of all nodes. close : disconnect, ending whatever is under way."""

    cpus: int
    nodes: int
    close: Callable[[], None]

    @property
    def shown(self) -> str:
        nodes = "1 node" if self.nodes == 1 else f"{self.nodes} nodes"
        cpus = "1 CPU" if self.cpus == 1 else f"{self.cpus} CPUs"
        return f"hearing on Ray: {nodes}, {cpus}"


@contextmanager
def connected(target: Target, cpus: int) -> Iterator[Cluster]:
    """Join the Ray that this program uses already, else the one at the address, else start one.

    cpus : of the Ray that is started here, which ends with this block.

    Raises PartwiseError when Ray cannot be used, or one of its nodes has another partwise.
    """
    foreign = "ray" in sys.modules and not _joined_before
    with _environment(target):
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise PartwiseError(
                f"Ray cannot be used ({error}): pip install 'partwise[scale]' -c constraints.txt"
            ) from None
        close: Callable[[], None] = _nothing
        if not ray.is_initialized():
            if foreign and target.address is None:
                raise PartwiseError(
                    "this program has imported Ray: it must call ray.init() before on='ray', and"
                    " its Ray is used then"
                )
            close = _connect(target, cpus)
            _joined_before.append(target)
    try:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if target.address is not None:
            _check_nodes(nodes)
        total = int(ray.cluster_resources().get("CPU", 0))
        if total < 1:
            raise PartwiseError("Ray has no CPU to hear with: start a node that has one")
        yield Cluster(total, len(nodes), close)
    finally:
        close()


def _nothing() -> None:
    """The Ray of the surrounding program stays."""


def _connect(target: Target, cpus: int) -> Callable[[], None]:
    import ray

    # Ray prints what its pipelines do; here that would stand between the lines of progress.
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    logging.getLogger("ray.data").handlers.clear()
    local: LocalRay | None = None
    former = signal.getsignal(signal.SIGTERM)  # Ray sets its own, which would end the run at once

    def close() -> None:
        with suppress(Exception):  # what cannot be disconnected any more is gone
            ray.shutdown()
        if local is not None:
            local.end()

    try:
        if target.address is None:
            local = LocalRay(cpus)
        address = target.address if local is None else local.address
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except BaseException as error:  # anything from a wrong version to a full disk, and Ctrl-C
        close()
        if not isinstance(error, Exception):
            raise
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        where = "Ray" if target.address is None else f"Ray at {target.address}"
        raise PartwiseError(f"{where} cannot be used: {cause}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)
    return close


@contextmanager
def _environment(target: Target) -> Iterator[None]:
    """Ray reads these when it is imported and started."""
    wanted = {**_QUIET, **(LocalRay.access if target.address is None else {})}
    former = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_nodes(nodes: Sequence[dict[str, Any]]) -> None:
    import ray
    from ray.exceptions import GetTimeoutError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    import partwise

    ask = ray.remote(num_cpus=0, max_retries=0)(_version)
    answers = {
        node["NodeManagerAddress"]: ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in nodes
    }
    for name, answer in answers.items():
        try:
            found = ray.get(answer, timeout=_NODES_ANSWER_S)
        except GetTimeoutError:
            raise PartwiseError(f"the node {name} of the cluster does not answer") from None
        except Exception:  # Ray wraps the ImportError in one of several errors of its own
            found = None
        if found != partwise.__version__:
            has = "no partwise" if found is None else f"partwise {found}"
            raise PartwiseError(
                f"the node {name} of the cluster has {has}: every node needs the version of this"
                f" machine, {partwise.__version__}"
            )


def _version() -> str:
    """The partwise of the node that runs this."""
    import partwise

    return partwise.__version__


class LocalRay:
    """Started with a number of CPUs. address : where it answers, ``host:port``.

    access : environment variables with which Ray must be imported and joined.

    Raises OSError with the last words of Ray when it does not start.
    """

    access: ClassVar = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}

    def __init__(self, cpus: int) -> None:
        # Sockets lie in this folder, and the name of a socket must be short.
        self._folder = tempfile.mkdtemp(prefix="partwise-ray-", dir="/tmp")
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, json.dumps([cpus, self._folder])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                # Whatever it was told of reports, Ray asks clouds by HTTP whether it is in theirs:
                # through a proxy that is not there it reaches nobody.
                env={**environment(), **self.access, "http_proxy": "http://127.0.0.1:9"},
                start_new_session=True,  # Ctrl-C is for the run, which ends this in its own time
            )
            assert self._process.stdout is not None
            try:
                self.address = self._process.stdout.readline().decode().strip()
            except BaseException:
                self.end()
                raise
            if not self.address:
                self.end()
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise OSError(*last or ["it ended without a word"])

    def end(self) -> None:
        """End all of its processes, and remove what it wrote."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def main() -> None:
    """Start Ray, print its address, and end it when the standard input ends."""
    import ray

    cpus, folder = json.loads(sys.argv[1])
    try:
        for attempt in range(1, _STARTS + 1):
            try:
                _start(cpus, folder)
                break
            except Exception:
                ray.shutdown()
                if attempt == _STARTS:
                    raise
        print(ray.get_runtime_context().gcs_address, flush=True)
        sys.stdin.read()
        ray.shutdown()
    finally:  # also when who started this was killed
        shutil.rmtree(folder, ignore_errors=True)


def _start(cpus: int, folder: str) -> None:
    import ray

    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_STORE_BYTES,
        _temp_dir=folder,
    )
