"""Songs of a server on their way to the workers: downloaded, heard, deleted."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.hearing.process import Workers, WorkersUnfit
from partwise.hearing.worker import LOOK_AGAIN, Outcome, Settings
from partwise.library.stores.faults import storage_errors
from partwise.library.tables.server_songs import DOWNLOADS
from partwise.paths import FoundFile, path_to_text, text_to_path
from partwise.servers.connection import Connection, Refused
from partwise.servers.songs import ServerSong
from partwise.servers.subsonic import Subsonic

# At a time: the server has others to serve.
AT_ONCE = 2
# A server that is silent at the very moment of the end must not hold it up.
_END_S = 5.0


class DownloadingWorkers:
    """``Workers`` for songs that lie on a server: the same calls, by addresses in place of paths.

    songs : by address. folder : of the library; the audio lies in it while it is heard.
    settings, count, digest, decide : see ``Workers``.

    A song that cannot be had is an outcome with a failure. When the server does not answer at all,
    ``WorkersUnfit`` says so.
    """

    def __init__(
        self,
        server: Subsonic,
        songs: Mapping[str, ServerSong],
        folder: Path,
        settings: Settings,
        count: int,
        digest: str,
        decide: Callable[[str, str], bool],
    ) -> None:
        self.outcomes: queue.SimpleQueue[Outcome | WorkersUnfit] = queue.SimpleQueue()
        self._server = server
        self._songs = songs
        self._folder = folder / DOWNLOADS
        self._clear()
        with storage_errors(folder):
            self._folder.mkdir(mode=0o700)
        self._waiting: queue.SimpleQueue[FoundFile | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        # So many lie on the disk at most: one for each worker, and the next ones.
        self._room = threading.Semaphore(count + AT_ONCE)
        self._files: dict[str, FoundFile] = {}  # as listed, by the path of the download
        self._workers = Workers(
            settings, count, digest, lambda path, content: decide(self._files[path].path, content)
        )
        self._connections = [server.connection(self._stop) for _ in range(AT_ONCE)]
        self._threads = [
            threading.Thread(target=self._serve, args=[one], name=f"download-{n}", daemon=True)
            for n, one in enumerate(self._connections)
        ]
        self._threads.append(threading.Thread(target=self._pass_on, name="heard", daemon=True))
        for thread in self._threads:
            thread.start()

    def submit(self, *files: FoundFile) -> None:
        for file in files:
            self._waiting.put(file)

    def stop(self) -> None:
        """End all now, whatever is going on, and delete the audio."""
        self._stop.set()
        for connection in self._connections:
            connection.close()
            self._waiting.put(None)
            self._room.release()
        self._workers.stop()
        self._workers.outcomes.put(WorkersUnfit("stopping"))
        for thread in self._threads:
            thread.join(_END_S)
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self, connection: Connection) -> None:
        with closing(connection):
            while (file := self._waiting.get()) is not None:
                self._room.acquire()
                if self._stop.is_set():
                    return
                try:
                    self._fetch(connection, file)
                except KeyboardInterrupt:
                    return
                except Refused as refused:
                    self._room.release()
                    failure = Outcome(file.path, file.size, LOOK_AGAIN, None, str(refused), "other")
                    self.outcomes.put(failure)
                except Exception as error:  # whoever waits for outcomes must not wait for ever
                    ours = isinstance(error, PartwiseError)
                    said = str(error) if ours else f"{type(error).__name__}: {error}"
                    self.outcomes.put(WorkersUnfit(said))
                    return

    def _fetch(self, connection: Connection, file: FoundFile) -> None:
        song = self._songs[file.path]
        # A decoder may go by the ending, and nobody by the name.
        name = blake2b(file.path.encode(), digest_size=16).hexdigest()
        path = self._folder / (f"{name}.{song.suffix}" if song.suffix else name)
        self._server.download(connection, song, path)
        status = path.stat()
        text = path_to_text(path)
        self._files[text] = file
        self._workers.submit(FoundFile(text, status.st_size, status.st_mtime_ns))

    def _pass_on(self) -> None:
        """What was heard is known by its address from here on, and its audio is deleted."""
        while not self._stop.is_set():
            outcome = self._workers.outcomes.get()
            if isinstance(outcome, WorkersUnfit):
                if not self._stop.is_set():
                    self.outcomes.put(outcome)
                continue
            file = self._files[outcome.path]
            Path(text_to_path(outcome.path)).unlink(missing_ok=True)
            del self._files[outcome.path]
            self._room.release()
            tags = self._songs[file.path].tags
            self.outcomes.put(
                replace(
                    outcome,
                    path=file.path,
                    size=file.size,
                    mtime_ns=LOOK_AGAIN if outcome.mtime_ns == LOOK_AGAIN else file.mtime_ns,
                    tags=tags if tags.title else outcome.tags,
                )
            )
