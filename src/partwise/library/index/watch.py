"""Hearing by itself what changes in folders: they are watched, and have come to rest before a run.

The system tells of changes (``watchfiles``); where it cannot, as on network drives, the folders are
looked through now and then. Nothing is decided here about files: when a folder has been quiet for a
while, an ordinary run over it finds out what is new, and leaves what is still being written to the
next one (``IndexOptions.quiet_s``). A folder that is away (a disk that is not mounted) is left
alone until it is back, so that nothing of it is called gone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from partwise.audio.types import is_audio_name
from partwise.errors import PartwiseError
from partwise.library.index.aside import is_left_out
from partwise.paths import is_under, shown, text_to_path

if TYPE_CHECKING:
    from watchfiles import Change

QUIET_S = 10.0
# A folder that never comes to rest has its run after so long all the same.
_LONGEST_S = 120.0
# How often the folders are looked through where the system does not tell.
POLL_S = 30.0
# How often it is looked whether a folder is there, and whether one has come to rest.
_LOOK_S = 1.0
_RETRY_S, _LONGEST_RETRY_S = 10.0, 600.0
_NETWORK = frozenset(
    "nfs nfs4 cifs smb3 smbfs afs ncpfs 9p ceph glusterfs fuse.sshfs fuse.rclone fuse.glusterfs"
    " fuse.davfs davfs fuse.s3fs fuse.mergerfs virtiofs".split()
)


def require_watchfiles() -> None:
    """Raise PartwiseError, saying what to install, where folders cannot be watched."""
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        raise PartwiseError(
            "watching folders needs watchfiles: pip install 'partwise[watch]' -c constraints.txt"
        ) from None


@dataclass
class _Waiting:
    """A folder that changed. first_s, last_s : when it did first and last."""

    first_s: float
    last_s: float


@dataclass
class _Root:
    """One watched folder.

    polls : whether it is looked through, instead of waiting to be told. place : what it was when
    its watch began (device and inode), None while it is away. changed : folders in it that have
    changed since their last run.
    """

    path: str
    polls: bool
    place: tuple[int, int] | None = None
    thread: threading.Thread | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    changed: dict[str, _Waiting] = field(default_factory=dict)
    problem: str = ""


class Watch:
    """Watches folders and tells which of them have changed and come to rest.

    library : its folder, whose own changes do not count. quiet_s : how long nothing may change
    in a folder before it is at rest. poll_s : how often folders are looked through of which
    the system does not tell.

    Any thread may use it. Raises PartwiseError where watchfiles is not installed.
    """

    def __init__(
        self,
        library: str | os.PathLike[str],
        quiet_s: float = QUIET_S,
        poll_s: float = POLL_S,
    ) -> None:
        require_watchfiles()
        self.quiet_s = quiet_s
        self._library = os.fspath(library)
        self._poll_s = poll_s
        self._roots: dict[str, _Root] = {}
        self._guard = threading.Lock()

    def add(self, folder: str, polling: bool | None = None) -> None:
        """Watch a folder; it counts as changed, because nobody knows what was done before.

        polling : look through it now and then; None for a folder on a network drive only.
        """
        polls = is_network(folder) if polling is None else polling
        with self._guard:
            if folder not in self._roots:
                self._roots[folder] = _Root(folder, polls)
                self._look_at(self._roots[folder])

    def remove(self, folder: str) -> None:
        """Watch it no more."""
        with self._guard:
            root = self._roots.pop(folder, None)
            if root is not None:
                root.stop.set()

    def close(self) -> None:
        """End all watches; their threads end within a moment."""
        with self._guard:
            roots, self._roots = list(self._roots.values()), {}
            for root in roots:
                root.stop.set()
        for root in roots:
            if root.thread is not None:
                root.thread.join(5.0)

    def states(self) -> dict[str, str]:
        """Of each folder, by path: "watching", "polling", "away", or a sentence on what failed."""
        # Without the lock: its holder may wait for a network drive that does not answer.
        return {path: _state(root) for path, root in self._roots.copy().items()}

    def rested(self) -> list[str]:
        """Folders that have changed and come to rest, none inside another; they are told once."""
        now_s = time.monotonic()
        with self._guard:
            rested: list[str] = []
            for root in self._roots.values():
                self._look_at(root)
                if root.place is None:
                    continue
                quiet_s = max(self.quiet_s, 1.5 * self._poll_s if root.polls else 0.0)
                due = [
                    path
                    for path, one in root.changed.items()
                    if now_s - one.last_s >= quiet_s or now_s - one.first_s >= _LONGEST_S
                ]
                rested += _existing(due, root.path)
                for path in due:
                    del root.changed[path]
            return outermost(rested)

    def again(self, folders: Iterable[str]) -> None:
        """These have to be looked at once more, after another rest."""
        with self._guard:
            for folder in folders:
                for root in self._roots.values():
                    if is_under(folder, root.path):
                        self._note(root, folder)

    # --- one root

    def _look_at(self, root: _Root) -> None:
        """Begin its watch when it comes, and end it when it goes or another takes its place."""
        place = _place_of(root.path)
        if place == root.place:
            return
        if place is not None and _is_empty(root.path):
            place = None  # the folder on which a disk is mounted at other times
        if place == root.place:
            return
        root.stop.set()
        root.changed.clear()
        root.place, root.problem = place, ""
        if place is None:
            return
        root.stop = threading.Event()
        root.changed[root.path] = _Waiting(-1e9, -1e9)  # to be looked at now
        root.thread = threading.Thread(
            target=self._follow, args=(root, root.stop), name="watch", daemon=True
        )
        root.thread.start()

    def _follow(self, root: _Root, stop: threading.Event) -> None:
        from watchfiles import watch

        while not stop.is_set():
            try:
                for changes in watch(
                    root.path,
                    watch_filter=self._counts,
                    stop_event=stop,
                    rust_timeout=int(_LOOK_S * 1000),
                    debounce=int(min(1.0, self.quiet_s / 3) * 1000),
                    step=200,
                    yield_on_timeout=True,
                    raise_interrupt=False,
                    force_polling=root.polls,
                    poll_delay_ms=int(self._poll_s * 1000),
                    ignore_permission_denied=True,
                ):
                    self._take(root, stop, changes)
                return
            except Exception as error:  # a folder that goes away, or more than the system watches
                if stop.is_set() or _place_of(root.path) != root.place:
                    return
                if not root.polls:
                    root.polls = True  # too many folders for the system: look through them
                    continue
                root.problem = f"{shown(root.path)} cannot be watched: {error}"
                stop.wait(_RETRY_S)

    def _take(
        self, root: _Root, stop: threading.Event, changes: Collection[tuple[Change, str]]
    ) -> None:
        folders = {path if os.path.isdir(path) else os.path.dirname(path) for _, path in changes}
        with self._guard:
            root.problem = ""
            if not stop.is_set():
                for folder in folders:
                    self._note(root, folder)

    def _note(self, root: _Root, folder: str) -> None:
        now_s = time.monotonic()
        one = root.changed.setdefault(folder, _Waiting(now_s, now_s))
        one.last_s = now_s

    def _counts(self, change: Change, path: str) -> bool:
        """Whether recordings may have changed; what is gone may have been a folder of them."""
        if is_under(path, self._library) or any(map(is_left_out, path.split(os.sep))):
            return False
        if is_audio_name(os.path.basename(path)):
            return True
        # A folder is changed by what comes and goes in it, which is told by itself.
        return not os.path.isfile(path) and not (change.name == "modified" and os.path.isdir(path))


def follow(
    watch: Watch,
    run: Callable[[list[str]], Collection[str] | None],
    stop: threading.Event,
    look_s: float = _LOOK_S,
) -> None:
    """Run over what has changed and come to rest, again and again, until ``stop`` is set.

    run : hears folders; returns the files (text) that were left because they are still being
    written, or None when it failed: it is tried again, later each time.
    """
    retry: list[str] = []
    retry_at_s, tries = 0.0, 0
    while not stop.wait(look_s):
        folders = watch.rested()
        if retry and time.monotonic() >= retry_at_s:
            folders, retry = outermost([*folders, *retry]), []
        if retry or not folders:
            retry += folders
            continue
        left = run(folders)
        if left is None:
            tries += 1
            retry = folders
            retry_at_s = time.monotonic() + min(_RETRY_S * 2 ** (tries - 1), _LONGEST_RETRY_S)
        else:
            tries = 0
            watch.again({os.path.dirname(text_to_path(path)) for path in left})


def outermost(folders: Iterable[str]) -> list[str]:
    """Without those that lie inside another, in order."""
    kept: list[str] = []
    for folder in sorted(set(folders)):
        if not any(is_under(folder, other) for other in kept):
            kept.append(folder)
    return kept


def is_network(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a path lies on a network drive, where the system does not tell of others' changes."""
    real = os.path.realpath(path)
    kind, longest = "", -1
    for folder, of in _mounts(mounts):
        if is_under(real, folder) and len(folder) >= longest:
            kind, longest = of, len(folder)
    return kind in _NETWORK


def _mounts(table: str) -> Iterator[tuple[str, str]]:
    try:
        with open(table, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:  # no such table on this system
        return
    for line in lines:
        words = line.split(" ")
        if len(words) >= 3:
            folder = words[1].encode("latin-1", "replace").decode("unicode_escape")
            yield folder, words[2]


def _state(root: _Root) -> str:
    if root.place is None:
        return "away"
    return root.problem or ("polling" if root.polls else "watching")


def _place_of(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _existing(folders: Sequence[str], root: str) -> list[str]:
    """The folders; for one that is gone the nearest above it, which tells of that."""
    found = []
    for folder in folders:
        while not os.path.isdir(folder) and folder != root:
            folder = os.path.dirname(folder)
        found.append(folder)
    return found
