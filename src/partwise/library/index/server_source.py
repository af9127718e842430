"""The songs of somebody's server as what a run has to do: listed, compared, matched, named."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from partwise.audio.tags import Tags
from partwise.library.index.planning import Scan
from partwise.library.index.settle import Intake
from partwise.library.search.matcher import name_key
from partwise.library.tables.catalogue import Track, read_catalogue
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.reader import Store
from partwise.library.tables.server_songs import Listing, write_listing
from partwise.paths import FoundFile, is_address
from partwise.servers.address import parted
from partwise.servers.songs import ServerSong
from partwise.servers.subsonic import Subsonic

# Servers tell whole seconds, some rounded and some cut off.
_SAME_LENGTH_S = 2.0


class ServerSource:
    """One server in one run. songs : by their addresses, once they are listed."""

    def __init__(self, server: Subsonic) -> None:
        self.server = server
        self.songs: dict[str, ServerSong] = {}

    def scan(self, stop: threading.Event | None = None) -> Scan:
        """What the server lists, in place of folders; sizes and times are what it says.

        Raises PartwiseError where it does not answer, and KeyboardInterrupt for ``stop``.
        """
        found = Scan([self.server.address.root])
        for song in self.server.songs(stop):
            self._add(found, song)
        found.files = dict(sorted(found.files.items()))
        return found

    def _add(self, found: Scan, song: ServerSong) -> None:
        address = self.server.address.of_song(song.song_id)
        self.songs[address] = song
        found.files[address] = FoundFile(address, song.size, song.created_ns)

    def confirm(self, found: Scan, ledger: Mapping[str, LedgerRow], stop: threading.Event) -> None:
        """Ask for each known song that was not listed whether it is really gone.

        A server that takes in new songs meanwhile moves others from one page to the next.
        """
        lost = [
            path
            for path, row in ledger.items()
            if path not in found.files and row.state is State.INDEXED and found.covers(path)
        ]
        with closing(self.server.connection(stop)) as connection:
            for path in lost:
                song = self.server.song(connection, parted(path)[1])
                if song is not None and self.server.address.of_song(song.song_id) == path:
                    self._add(found, song)
        found.files = dict(sorted(found.files.items()))

    def match(
        self,
        found: Scan,
        ledger: Mapping[str, LedgerRow],
        store: Store,
        known: Set[str],
        digest: str,
    ) -> list[LedgerRow]:
        """Rows for listed songs that the library has heard already, from files; no others are left
        to be downloaded.

        It is the same song where title, album, an artist and the length agree, and no second track
        does as well. known : ids of the tracks of the model ``digest``.
        """
        by_name: dict[tuple[str, str], list[Track]] = {}
        for track in read_catalogue(store).values():
            if track.track_id in known and not all(map(is_address, track.paths)):
                by_name.setdefault(_name(track.tags), []).append(track)
        rows = []
        for path, file in list(found.files.items()):
            row = ledger.get(path)
            if row is not None and row.state is State.INDEXED:
                # What has changed on the server is left for a run that may download.
                found.files[path] = replace(file, size=row.size, mtime_ns=row.mtime_ns)
                continue
            song = self.songs[path]
            same = [track for track in by_name.get(_name(song.tags), ()) if _is(song, track)]
            del found.files[path]
            if len(same) == 1 and song.tags.title:
                content = same[0].track_id
                about = (file.size, file.mtime_ns, content, State.INDEXED, None, None)
                rows.append(LedgerRow(path, *about, digest, now()))
        return rows

    def keep_names(self, intake: Intake, folder: Path) -> None:
        """Write what the server calls its songs and artists.

        Tags become the server's, which may have changed without the file; those of a track that
        also has a file here stay the file's.
        """
        root = self.server.address.root
        write_listing(folder, root, Listing.of(self.songs.values()))
        rows = [row for row in intake.ledger.values() if row.state is State.INDEXED]
        own = {row.content_hash for row in rows if not is_address(row.path)}
        tags = {
            row.content_hash: self.songs[row.path].tags
            for row in reversed(rows)
            if row.path in self.songs and row.content_hash not in own and row.content_hash
        }
        intake.summary.tags_changed += intake.writer.set_tags(tags)


def _name(tags: Tags) -> tuple[str, str]:
    return name_key(tags.title or ""), name_key(tags.album or "")


def _is(song: ServerSong, track: Track) -> bool:
    theirs = {name_key(name) for _, name in song.artists} | set(map(name_key, song.tags.artists))
    ours = set(map(name_key, track.tags.artists))
    near = abs(song.duration_s - track.duration_s) <= _SAME_LENGTH_S
    return near and (bool(theirs & ours) or not (theirs or ours))
