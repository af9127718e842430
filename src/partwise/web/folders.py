"""The folders of a served library: what is held of each, and watching those that are to be."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.library.holdings import Holding, holdings
from partwise.library.index.watch import QUIET_S, Watch, follow
from partwise.library.library import Library
from partwise.library.search.cache import Kept
from partwise.library.tables.folders import FILE_NAME as FOLDERS
from partwise.library.tables.folders import read_folders, set_watched
from partwise.library.tables.reader import modified
from partwise.paths import path_to_text, shown
from partwise.web.browse import allowed
from partwise.web.jobs import Job, Jobs
from partwise.web.responses import Refused

_LOG = logging.getLogger("partwise.web")


class Folders:
    """One library's folders. jobs : what runs over them.

    quiet_s : how long nothing may have changed in a watched folder before it is heard.
    """

    def __init__(self, library: Library, jobs: Jobs, quiet_s: float = QUIET_S) -> None:
        self._library = library
        self._jobs = jobs
        self._quiet_s = quiet_s
        self._music: Sequence[Path] | None = ()
        self._watch: Watch | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._kept = Kept()

    def begin(self, music: Sequence[Path] | None) -> None:
        """Take up the watches that were left when the last server ended.

        music : folders inside which folders may be indexed; None for any.
        """
        self._music = music
        for folder in read_folders(self._library.path):
            if folder.watched:
                try:
                    self._begin_watch(allowed(path_to_text(folder.path), music), folder.polling)
                except PartwiseError as error:
                    _LOG.warning("%s is not watched: %s", shown(folder.path), error)

    def close(self) -> None:
        """End all watches."""
        self._stop.set()
        if self._watch is not None:
            self._watch.close()
        if self._thread is not None:
            self._thread.join(5.0)

    # --- what there is

    def listed(self) -> list[dict[str, Any]]:
        """See ``schemas.Folder``."""
        states = {} if self._watch is None else self._watch.states()
        return [self._row(holding, states) for holding in self.held()]

    def held(self) -> list[Holding]:
        """What is held of each folder; nothing while there is no library."""
        if not self._library.exists:
            return []
        store = self._library.store
        return self._kept.get(
            "folders",
            lambda: (*store.state("ledger"), modified(store.folder / FOLDERS)),
            lambda _: holdings(store),
        )

    def _row(self, holding: Holding, states: dict[str, str]) -> dict[str, Any]:
        path = holding.path
        return {
            "path": path_to_text(path),
            "name": shown(os.path.basename(path) or path),
            "shown": shown(path),
            "kept": holding.kept,
            "there": os.path.isdir(path),
            "tracks": holding.tracks,
            "files": holding.files,
            "failed": holding.failed,
            "missing": holding.missing,
            "leaving": holding.leaving,
            "last_run_at": holding.folder.last_run_at,
            "watched": holding.folder.watched,
            "watch": states.get(path, "off"),
            "open": self._is_open(path),
        }

    def _is_open(self, path: str) -> bool:
        try:
            allowed(path_to_text(path), self._music)
        except PartwiseError:
            return False
        return True

    # --- changing it

    def forget(self, folder: str) -> Job:
        """Begin to take a folder out of the library, and watch it no more. Raises Refused."""
        path = allowed(folder, self._music)
        if not any(held.path == path for held in self.held()):
            raise Refused(404, f"the library holds nothing of {shown(path)}")
        job = self._jobs.forget(path)
        if self._watch is not None:
            self._watch.remove(path)
        return job

    def set_watched(self, folder: str, watched: bool, polling: bool | None = None) -> None:
        """Watch a folder of the library from now on, or no more. Raises Refused."""
        path = allowed(folder, self._music)
        if not any(held.path == path and held.kept for held in self.held()):
            raise Refused(404, f"{shown(path)} is no folder of the library: index it first")
        if watched:
            self._begin_watch(path, polling)
        elif self._watch is not None:
            self._watch.remove(path)
        set_watched(self._library.path, path, watched, polling)

    def _begin_watch(self, path: str, polling: bool | None) -> None:
        with self._guard:
            if self._watch is None:
                self._watch = Watch(self._library.path, self._quiet_s)
            self._watch.remove(path)
            self._watch.add(path, polling)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=follow, args=(self._watch, self._run, self._stop), name="follow"
                )
                self._thread.start()

    def _run(self, folders: list[str]) -> list[str] | None:
        """Hear what has changed in folders, as any run does; see ``watch.follow``."""
        try:
            names = [path_to_text(folder) for folder in folders]
            job = self._jobs.start(names, music=self._music, quiet_s=self._quiet_s)
        except PartwiseError:  # another run is on its way, or the folder has just gone
            return None
        ended = self._jobs.wait(job, self._stop)
        return None if ended.summary is None else ended.summary.unfinished
