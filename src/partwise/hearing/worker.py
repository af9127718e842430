"""A worker process: hash, decode and embed one file at a time.

``main`` is fed through its standard input and answers on its standard output, in pickles; it
imports neither the store nor anything else that is not needed to hear. It ends when its standard
input ends, so it never outlives the process that started it.
"""

from __future__ import annotations

import errno
import os
import pickle
import queue
import signal
import stat
import sys
import threading
import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from partwise.audio.tags import NO_TAGS, Tags, read_tags
from partwise.errors import PartwiseError
from partwise.paths import text_to_path

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings
    from partwise.embedding.encoder import Encoder

_BLOCK = 1 << 20
LOOK_AGAIN = -1  # a modification time that no file has: the next run does not call it unchanged


@dataclass(frozen=True)
class Settings:
    """What every file of a run has in common. model : path of the ONNX file, None = shipped."""

    model: str | None
    segment_s: float
    hop_s: float
    nice: int = 0


@dataclass(frozen=True)
class Ready:
    """The worker has loaded its model."""

    digest: str


@dataclass(frozen=True)
class Unfit:
    """The worker cannot work at all."""

    reason: str


@dataclass(frozen=True)
class Hashed:
    """What the content is called; the worker waits to be told whether to hear it (a bool)."""

    content_hash: str


@dataclass(frozen=True)
class Outcome:
    """One file done.

    path : as it was given (text). size, mtime_ns : from before reading.
    content_hash : None when the content could not be read.
    failure : one reason, or None. vanished : it is not there any more.
    embeddings : None when it failed, or when the content was known already.
    seconds : time it took [s].
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str | None = None
    failure: str | None = None
    vanished: bool = False
    embeddings: PartEmbeddings | None = None
    tags: Tags = NO_TAGS
    seconds: float = 0.0


class _Failed(Exception):
    """This file cannot be heard. again : the next run should try, whatever the file looks like."""

    def __init__(self, reason: str, *, again: bool = False, vanished: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.vanished = vanished


def hear(path: str, encoder: Encoder, settings: Settings, is_wanted: Any) -> Outcome:
    """Hash a file and, if ``is_wanted(content_hash)``, embed it and read its tags. Never raises.

    The file is looked at before and after: one that changed in between has failed.
    """
    started = time.monotonic()
    name = text_to_path(path)
    outcome = Outcome(path, 0, LOOK_AGAIN)
    try:
        before = _status(name)
        outcome = replace(outcome, size=before.st_size, mtime_ns=before.st_mtime_ns)
        content_hash = hash_content(name)
        _check_unchanged(name, before)
        outcome = replace(outcome, content_hash=content_hash)
        if is_wanted(content_hash):
            try:
                embeddings = encoder.embed_file(name, settings.segment_s, settings.hop_s)
            finally:
                _check_unchanged(name, before)  # explains a failure better than the decoder can
            outcome = replace(outcome, embeddings=embeddings, tags=read_tags(name))
    except _Failed as error:
        outcome = replace(outcome, failure=str(error), vanished=error.vanished)
        if error.again:
            outcome = replace(outcome, mtime_ns=LOOK_AGAIN, content_hash=None)
    except PartwiseError as error:
        # The ledger has the path already: only the reason, where it stands apart.
        outcome = replace(outcome, failure=getattr(error, "reason", None) or str(error))
    except MemoryError:
        outcome = replace(outcome, failure="not enough memory to read it", mtime_ns=LOOK_AGAIN)
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else str(error)
        outcome = replace(outcome, failure=reason, mtime_ns=LOOK_AGAIN)  # no fault of its content
    except Exception as error:  # a decoder's surprise costs one file, and the ledger names it
        outcome = replace(outcome, failure=f"{type(error).__name__}: {error}")
    return replace(outcome, seconds=time.monotonic() - started)


def _status(name: str) -> os.stat_result:
    try:
        return os.stat(name)
    except FileNotFoundError:
        raise _Failed("vanished before it was read", again=True, vanished=True) from None


def _check_unchanged(name: str, before: os.stat_result) -> None:
    try:
        after = os.stat(name)
    except FileNotFoundError:
        raise _Failed("vanished while being read", again=True, vanished=True) from None
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise _Failed("changed while being read", again=True)


def hash_content(path: str | os.PathLike[str]) -> str:
    """128-bit BLAKE2b of a file's bytes, 32 hexadecimal digits: what its track is called.

    Raises OSError for a file that cannot be read, or is not a regular one.
    """
    result = blake2b(digest_size=16)
    # Not blocking: opening a named pipe that took the file's place would wait for ever.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        while block := file.read(_BLOCK):
            result.update(block)
    return result.hexdigest()


# --- the process


def send(pipe: Any, message: object) -> None:
    """Write one message."""
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _watch(source: Any, inbox: queue.SimpleQueue[Any]) -> None:
    """Pass messages on; at the end of the pipe the parent is gone, and so are we."""
    while True:
        try:
            message = pickle.load(source)
        except Exception:  # end of file, or cut in the middle of a message
            os._exit(0)
        inbox.put(message)


def main() -> None:
    """Serve files until the standard input ends."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # meant for the parent, which ends us in its own time
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # Whatever a library prints must not end up between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_watch, args=(sys.stdin.buffer, inbox), daemon=True).start()
    settings: Settings = inbox.get()
    try:
        if settings.nice and hasattr(os, "nice"):
            os.nice(settings.nice)
        from partwise.embedding.encoder import load_encoder

        encoder = load_encoder(settings.model, threads=1)
    except Exception as error:
        reason = (
            str(error) if isinstance(error, PartwiseError) else f"{type(error).__name__}: {error}"
        )
        send(answers, Unfit(reason))
        return
    send(answers, Ready(encoder.digest))
    # From here on standard error is noise: decoders comment on every odd frame.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)

    def is_wanted(content: str) -> bool:
        send(answers, Hashed(content))
        return inbox.get()

    while True:
        send(answers, hear(inbox.get(), encoder, settings, is_wanted))
