"""Hearing on Ray: the workers of a run may be on many machines; the run itself stays on this one.

The files of a run are cut into small blocks and heard by a Ray Data pipeline of stateless tasks
(``hear_block``). What comes back is settled and written here, as that of ``Workers`` is. A block
that is lost (its worker was killed, its machine is gone) is heard again after the others, file by
file; a file that takes its worker along every time fails alone. Ray's own retries are off, since it
retries without end what the system kills for want of memory.

A worker stays light and hears through a process of its own, as a run on one machine does, so a
decoder that crashes or hangs takes along neither the worker nor the other files of its block. That
process keeps its model from block to block; nothing else is kept, so any block can be heard again
anywhere.
"""

from __future__ import annotations

import atexit
import os
import queue
import socket
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from partwise.errors import PartwiseError
from partwise.hearing.child import pack, unpack
from partwise.hearing.process import KILLED, Hearer, WorkersUnfit
from partwise.hearing.worker import LOOK_AGAIN, Outcome, Settings
from partwise.library.index.ray_cluster import Cluster
from partwise.paths import FoundFile, text_to_path

# Large blocks cost less, small ones lose less with a worker and spread better over many.
_BLOCK_FILES = 8
_BLOCKS_PER_WORKER = 4
# What one pipeline is given: Ray keeps an account of every block of it.
_ROUND_FILES = 100_000
_TRIES = 4
_WAITING_OUTCOMES = 64
_STOP_S = 2.0
# A process that is killed was perhaps in the way of another program's memory.
_ATTEMPTS = 3
# A row per file: where it was heard, and its outcome packed; or why none can be heard there.
SCHEMA = pa.schema({"node": pa.string(), "unfit": pa.string(), "outcome": pa.large_binary()})


@dataclass(frozen=True)
class Shared:
    """What all blocks of a run have in common.

    settings, digest : how to hear, and the name of the model; ``settings.model`` is not used.
    model : reference to (network, description), the bytes of the model's two files.
    known : reference to the sorted names of contents that need no hearing, bytes [contents].
    """

    settings: Settings
    digest: str
    model: Any
    known: Any


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
    return Outcome(file.path, file.size, LOOK_AGAIN, None, KILLED, "crashed")


# --- on a node


def outcomes_to_arrow(outcomes: Iterable[Outcome | WorkersUnfit], node: str) -> pa.Table:
    """Rows of ``SCHEMA``. node : the machine that heard."""
    rows = [
        {"node": node, "unfit": str(outcome)}
        if isinstance(outcome, WorkersUnfit)
        else {"node": node, "outcome": pack(outcome.to_message())}
        for outcome in outcomes
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def outcomes_from_arrow(table: pa.Table) -> Iterator[tuple[str, Outcome | WorkersUnfit]]:
    """(node, outcome) row by row."""
    for row in table.to_pylist():
        if row["unfit"] is not None:
            yield row["node"], WorkersUnfit(row["unfit"])
        else:
            yield row["node"], Outcome.from_message(unpack(row["outcome"]))


def hear_block(files: pa.Table, shared: Shared) -> pa.Table:
    """Hear files, columns ``path``, ``size`` and ``mtime_ns``; see ``SCHEMA``."""
    import ray

    known: np.ndarray = ray.get(shared.known)
    outcomes: list[Outcome | WorkersUnfit] = []
    for row in files.to_pylist():
        try:
            outcomes.append(_hear(FoundFile(**row), shared, known))
        except WorkersUnfit as error:
            outcomes.append(error)
            break
    return outcomes_to_arrow(outcomes, socket.gethostname())


def contents_array(names: set[str]) -> np.ndarray:
    """Names of contents (ASCII) sorted, bytes [contents]: shared by all workers of a machine."""
    return np.array(sorted(names), dtype=np.bytes_)


def _hear(file: FoundFile, shared: Shared, known: np.ndarray) -> Outcome:
    def is_wanted(_: str, content: str) -> bool:
        name = content.encode()
        place = int(np.searchsorted(known, name)) if len(known) else 0
        return place == len(known) or known[place] != name

    for _ in range(_ATTEMPTS - 1):
        outcome = _hearer(shared).hear(file, is_wanted)
        if outcome.failure != KILLED:
            return outcome
    return _hearer(shared).hear(file, is_wanted)


# Through which this worker hears, and what it was made for. Ray gives a worker one block at a time.
_kept: dict[tuple[Settings, str], Hearer] = {}


def _hearer(shared: Shared) -> Hearer:
    import ray

    key = (shared.settings, shared.digest)
    if key in _kept and _kept[key].is_alive:
        return _kept[key]
    _end()
    try:
        with tempfile.TemporaryDirectory(prefix="partwise-model-") as folder:
            path = Path(folder) / "model.onnx"
            network, description = ray.get(shared.model)
            path.write_bytes(network)
            path.with_suffix(".json").write_bytes(description)
            _kept[key] = Hearer(replace(shared.settings, model=str(path)), shared.digest)
            _kept[key].start()
    except OSError as error:
        raise WorkersUnfit(f"the model cannot be written: {error.strerror}") from None
    return _kept[key]


def _end() -> None:
    while _kept:
        _kept.popitem()[1].end()


atexit.register(_end)
