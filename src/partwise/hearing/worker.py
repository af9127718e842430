"""Hearing one file: hash, decode, embed; and the child process that does so for file after file.

``main`` imports neither the store nor anything else that is not needed to hear.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from partwise.audio.container import read_head, sniff
from partwise.audio.cue import cue_note
from partwise.audio.decode import DecodeError
from partwise.audio.tags import NO_TAGS, Tags, read_tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.hearing.child import Limits, Message, Parent
from partwise.paths import hash_content, text_to_path

if TYPE_CHECKING:
    from partwise.embedding.encoder import Encoder

LOOK_AGAIN = -1  # a modification time that no file has: the next run does not call it unchanged


@dataclass(frozen=True)
class Settings:
    """What every file of a run has in common.

    model : path of the ONNX file, None = shipped. longest_s : length that a recording may have.
    tag_encoding : see ``audio.tags.read_tags``. tags_only : read tags and hear nothing.
    """

    model: str | None
    segment_s: float
    hop_s: float
    longest_s: float | None = None
    limits: Limits = field(default_factory=Limits)
    tag_encoding: str | None = None
    tags_only: bool = False


@dataclass(frozen=True)
class Outcome:
    """One file done.

    path : as it was given (text). size, mtime_ns : from before reading.
    content_hash : None when the content could not be read.
    failure : one reason, or None. fault : its kind: "unreadable" (no audio), "unusable", "too
    long", "memory", "crashed", "late" or "other". vanished : it is not there any more.
    embeddings : None when it failed, or when the content was known already.
    container : what the file holds by its first bytes, if that is known. seconds : time it took.
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str | None = None
    failure: str | None = None
    fault: str = ""
    vanished: bool = False
    embeddings: PartEmbeddings | None = None
    tags: Tags = NO_TAGS
    container: str = ""
    seconds: float = 0.0

    def to_message(self) -> Message:
        """For ``from_message``, through a pipe or the network."""
        message = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "embeddings"}
        if self.embeddings is not None:
            heard = self.embeddings.to_values()
            message |= {f"heard_{name}": value for name, value in heard.items()}
        return message | {"tags": astuple(self.tags)}

    @classmethod
    def from_message(cls, message: Message) -> Outcome:
        """Believed only as far as it fits. Raises an error of any kind for what does not."""
        heard = None
        names = [name for name in message if name.startswith("heard_")]
        if names:
            heard = PartEmbeddings.of_values({n.removeprefix("heard_"): message[n] for n in names})
        plain = {name: value for name, value in message.items() if name not in names}
        return cls(**plain | {"embeddings": heard, "tags": Tags(*message["tags"])})


class _Failed(Exception):
    """This file cannot be heard. again : the next run should try, whatever the file looks like."""

    def __init__(
        self, reason: str, fault: str = "other", *, again: bool = False, vanished: bool = False
    ) -> None:
        super().__init__(reason)
        self.fault = fault
        self.again = again
        self.vanished = vanished


def hear(
    path: str, encoder: Encoder | None, settings: Settings, is_wanted: Callable[[str], bool]
) -> Outcome:
    """Hash a file and, if ``is_wanted(content_hash)``, embed it and read its tags. Never raises.

    encoder : None to read the tags and nothing else.

    The file is looked at before and after: one that changed in between has failed.
    """
    started = time.monotonic()
    name = text_to_path(path)
    outcome = Outcome(path, 0, LOOK_AGAIN)

    def failed(reason: str, fault: str, **others: Any) -> Outcome:
        return replace(outcome, failure=reason, fault=fault, **others)

    try:
        before = _status(name)
        outcome = replace(outcome, size=before.st_size, mtime_ns=before.st_mtime_ns)
        if encoder is None:
            open(name, "rb").close()  # tags that cannot be read are not the same as none
            return replace(outcome, tags=read_tags(name, settings.tag_encoding))
        content_hash = hash_content(name)
        _check_unchanged(name, before)
        outcome = replace(outcome, content_hash=content_hash)
        if is_wanted(content_hash):
            try:
                outcome = replace(outcome, **_heard(name, encoder, settings))
            finally:
                _check_unchanged(name, before)  # explains a failure better than the decoder can
    except _Failed as error:
        again = {"mtime_ns": LOOK_AGAIN, "content_hash": None} if error.again else {}
        outcome = failed(str(error), error.fault, vanished=error.vanished, embeddings=None, **again)
    except PartwiseError as error:
        # The ledger has the path already: only the reason, where it stands apart.
        fault = "unreadable" if isinstance(error, DecodeError) else "unusable"
        outcome = failed(getattr(error, "reason", None) or str(error), fault)
    except MemoryError:
        outcome = failed("not enough memory to read it", "memory", mtime_ns=LOOK_AGAIN)
    except OSError as error:  # no fault of its content
        reason = error.strerror.lower() if error.strerror else str(error)
        outcome = failed(reason, "other", mtime_ns=LOOK_AGAIN)
    except Exception as error:  # a decoder's surprise costs one file, and the ledger names it
        outcome = failed(f"{type(error).__name__}: {error}", "other")
    return replace(outcome, seconds=time.monotonic() - started)


def _heard(name: str, encoder: Encoder, settings: Settings) -> dict[str, Any]:
    """The fields of an outcome that are had by decoding."""
    longest_s = math.inf if settings.longest_s is None else settings.longest_s

    def check(seconds: float) -> None:
        if seconds > longest_s:
            raise _Failed(f"longer than {longest_s / 60:g} minutes", "too long")

    with open(name, "rb") as file:
        container = sniff(read_head(file)) or ""
    # Segments overlap, so progress runs ahead of the recording by less than one of them.
    found = encoder.embed_file(
        name, settings.segment_s, settings.hop_s, lambda s: check(s - settings.segment_s)
    )
    check(found.seconds)
    if note := cue_note(name):
        found = replace(found, notes=(*found.notes, note))
    return {
        "embeddings": found,
        "tags": read_tags(name, settings.tag_encoding),
        "container": container,
    }


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


def main() -> None:
    """The child: settings in, the model's digest out; then files in and outcomes out."""
    parent = Parent()
    settings = Settings(**parent.receive())
    encoder = None
    try:
        if not settings.tags_only:
            from partwise.embedding.encoder import load_encoder

            encoder = load_encoder(settings.model, threads=1)
    except Exception as error:
        ours = isinstance(error, PartwiseError)
        parent.answer(unfit=str(error) if ours else f"{type(error).__name__}: {error}")
        return
    parent.answer(digest=encoder.digest if encoder else "")
    parent.silence()

    def is_wanted(content_hash: str) -> bool:
        parent.answer(hashed=content_hash)
        return parent.receive()["wanted"]

    while True:
        path = parent.receive()["path"]
        parent.answer(**hear(path, encoder, settings, is_wanted).to_message())
