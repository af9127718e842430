"""Hearing on Ray: the workers of a run may be on many machines; the run itself stays on this one.

The files of a run are cut into small blocks and heard by a Ray Data pipeline of stateless tasks
(``ray_task``). Results come back as Arrow columns and are settled and written here, as those of
``Workers`` are. A block that is lost (its worker was killed, its machine is gone) is heard again
after the others, file by file; a file that takes its worker along every time fails alone. Ray's own
retries are off, since it retries without end what the system kills for want of memory.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN, Outcome, Settings
from partwise.hearing.worker_process import KILLED, WorkersUnfit
from partwise.library.index.ray_local import LocalRay
from partwise.library.index.ray_task import Shared, contents_array, hear_block, version
from partwise.library.index.wire import outcomes_from_arrow
from partwise.paths import FoundFile, text_to_path

_SCHEME = "ray://"
_PORT = 6379
_ANSWER_S = 5.0
# Nodes start a Python process to answer; on a busy machine that takes its time.
_NODES_ANSWER_S = 120.0
# Large blocks cost less, small ones lose less with a worker and spread better over many.
_BLOCK_FILES = 8
_BLOCKS_PER_WORKER = 4
# What one pipeline is given: Ray keeps an account of every block of it.
_ROUND_FILES = 100_000
_TRIES = 4
_WAITING_OUTCOMES = 64
# No report to its makers, no remarks.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Ray keeps what it reads of the environment when it is imported.
_joined_before: list[Target] = []
_STOP_S = 2.0


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

    ask = ray.remote(num_cpus=0, max_retries=0)(version)
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


class RayWorkers:
    """The interface of ``Workers``, on a cluster.

    settings : ``model`` must be set: its content goes to the nodes.
    known : content hashes that need no hearing, as far as that is known now.
    decide : called with a file and its content when both have been heard; see ``Workers``.
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        count: int,
        digest: str,
        decide: Callable[[str, str], bool],
        known: set[str],
    ) -> None:
        import ray

        assert settings.model is not None
        model = Path(settings.model)
        try:
            content = (model.read_bytes(), model.with_suffix(".json").read_bytes())
        except OSError as error:
            raise PartwiseError(f"the model {model} cannot be read ({error.strerror})") from None
        self._cluster = cluster
        self._count = count
        self._decide = decide
        self._shared = Shared(
            replace(settings, model=None), digest, ray.put(content), ray.put(contents_array(known))
        )
        self._submitted: queue.SimpleQueue[Sequence[FoundFile] | None] = queue.SimpleQueue()
        self.outcomes: queue.Queue[Outcome | WorkersUnfit] = queue.Queue(_WAITING_OUTCOMES)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="on-ray", daemon=True)
        self._thread.start()

    def submit(self, *files: FoundFile) -> None:
        self._submitted.put(files)

    def stop(self) -> None:
        """End the pipeline now, whatever it is doing, and the connection to the cluster."""
        self._stopping = True
        self._submitted.put(None)
        self._thread.join(_STOP_S)
        self._cluster.close()
        # In a surrounding program's Ray, what is under way is finished and its outcome ignored.
        self._thread.join(_STOP_S)

    # --- the thread

    def _serve(self) -> None:
        tries: Counter[str] = Counter()
        lost: list[FoundFile] = []
        try:
            while not self._stopping:
                if lost:
                    files, lost, block_files = lost[:_ROUND_FILES], lost[_ROUND_FILES:], 1
                else:
                    files = self._next()
                    block_files = _block_files(len(files), self._count)
                for start in range(0, len(files), _ROUND_FILES):
                    for file in self._round(files[start : start + _ROUND_FILES], block_files):
                        tries[file.path] += 1
                        if tries[file.path] < _TRIES:
                            lost.append(file)
                        else:
                            self._put(_killed(file))
        except _Stopped:
            pass
        except Exception as error:  # whoever waits for outcomes must not wait for ever
            cause = str(error).strip().split("\n")[0]
            with suppress(_Stopped):
                self._put(WorkersUnfit(f"Ray gave up ({type(error).__name__}: {cause})"))

    def _next(self) -> list[FoundFile]:
        """Everything that has been submitted, waiting for the first of it."""
        files: list[FoundFile] = []
        while not files or not self._submitted.empty():
            some = self._submitted.get()
            if some is None:
                raise _Stopped
            files += some
        return files

    def _round(self, files: Sequence[FoundFile], block_files: int) -> list[FoundFile]:
        """Hear files; returns those of which nothing came back."""
        left = {file.path: file for file in files}
        for node, outcome in self._pipeline(files, block_files):
            if isinstance(outcome, WorkersUnfit):
                self._put(WorkersUnfit(f"on the node {node}: {outcome}"))
            elif left.pop(outcome.path, None) is not None:  # a block may come twice
                self._put(self._checked(outcome, node))
        return list(left.values())

    def _pipeline(
        self, files: Sequence[FoundFile], block_files: int
    ) -> Iterator[tuple[str, Outcome | WorkersUnfit]]:
        import pyarrow as pa
        import ray.data

        blocks = [
            pa.Table.from_pylist(
                [
                    {"path": file.path, "size": file.size, "mtime_ns": file.mtime_ns}
                    for file in files[start : start + block_files]
                ]
            )
            for start in range(0, len(files), block_files)
        ]
        with warnings.catch_warnings():  # of Ray 2.64, where max_retries is to be set otherwise
            warnings.simplefilter("ignore", DeprecationWarning)
            dataset = ray.data.from_arrow(blocks).map_batches(
                hear_block,  # type: ignore[arg-type]
                compute=ray.data.TaskPoolStrategy(min(self._count, len(blocks))),
                batch_format="pyarrow",
                fn_kwargs={"shared": self._shared},
                num_cpus=1,
                max_retries=0,
            )
        context = dataset.context
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.max_errored_blocks = -1
        context.execution_no_progress_timeout_s = -1  # every file has its own limit
        batches = iter(
            dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        )
        with closing(batches):  # type: ignore[arg-type]
            for batch in batches:
                if self._stopping:
                    raise _Stopped
                yield from outcomes_from_arrow(batch)  # type: ignore[arg-type]

    def _checked(self, outcome: Outcome, node: str) -> Outcome:
        """An outcome as ``Workers`` would give it: no content is handed in twice."""
        if outcome.vanished and os.path.lexists(text_to_path(outcome.path)):
            return replace(
                outcome,
                vanished=False,
                failure=f"not to be found on the node {node}, though it is here",
            )
        content = outcome.content_hash
        if outcome.embeddings is None or content is None or self._decide(outcome.path, content):
            return outcome
        return replace(outcome, embeddings=None)

    def _put(self, outcome: Outcome | WorkersUnfit) -> None:
        while not self._stopping:
            with suppress(queue.Full):
                self.outcomes.put(outcome, timeout=_STOP_S / 4)
                return
        raise _Stopped


class _Stopped(Exception):
    """``stop`` was called."""


def _block_files(files: int, workers: int) -> int:
    return max(1, min(_BLOCK_FILES, files // (workers * _BLOCKS_PER_WORKER)))


def _killed(file: FoundFile) -> Outcome:
    return Outcome(file.path, file.size, LOOK_AGAIN, None, KILLED)
