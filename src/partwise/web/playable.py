"""Recordings as browsers play and draw them: what is made for that is made once, and kept.

Most are played as they are, the others as FLAC.
What a file is goes by its content.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import soundfile

from partwise.atomic import replacing
from partwise.audio.channels import channel_blocks, codec_of, is_as_it_seems
from partwise.audio.container import read_head, sniff
from partwise.audio.decode import DecodeError, open_recording
from partwise.audio.types import TYPES, USUAL_SUFFIX
from partwise.library.media.peaks import Wave, keep_wave, measure, peaks_file, read_wave
from partwise.library.stores.faults import storage_errors
from partwise.web.responses import ClientGone
from partwise.web.uploads import Song

LIMIT_BYTES = 2 * 2**30
_WAVES_IN_MEMORY = 200
_HALF_WRITTEN_S = 86_400.0  # no copy takes a day
_AS_THEY_ARE = {"FLAC", "MP3", "AAC"}
# Codecs that Chromium and Firefox both play in Ogg and in MP4.
_IN_OGG = {"vorbis", "opus", "libopus", "flac"}
_IN_MP4 = {"aac", "mp3", "mp3float", "opus", "libopus", "flac"}
_IN_WAV = {"PCM_U8", "PCM_16", "PCM_24"}


def media_type_of(path: Path) -> str | None:
    """Media type of a recording that browsers play as it is; None for any other.

    Raises DecodeError when the file cannot be read.
    """
    with open_recording(path) as file:
        head = read_head(file)
    name = sniff(head)
    if name == "WAV" and head.startswith(b"RIFF"):
        try:
            plays = soundfile.info(os.fspath(path)).subtype in _IN_WAV
        except (soundfile.SoundFileError, RuntimeError, ValueError, OSError):
            plays = False
    else:
        plays = (
            name in _AS_THEY_ARE
            or (name == "Ogg" and codec_of(path) in _IN_OGG)
            or (name == "MP4" and head[8:12] != b"qt  " and codec_of(path) in _IN_MP4)
        )
    return TYPES[USUAL_SUFFIX[name]].media_type if name and plays and is_as_it_seems(path) else None


def write_flac(path: Path, out: Path, stopped: Callable[[], bool]) -> None:
    """Write a recording as FLAC of 16 bits. Raises ClientGone, DecodeError and OSError."""
    with replacing(out) as file:
        sound: soundfile.SoundFile | None = None
        try:
            for block, rate_hz in channel_blocks(path, stopped):
                if sound is None:
                    sound = soundfile.SoundFile(
                        file, "w", rate_hz, block.shape[1], "PCM_16", format="FLAC"
                    )
                sound.write(block)
        finally:
            if sound is not None:
                sound.close()
        if stopped():
            raise ClientGone
        if sound is None:
            raise DecodeError(path, "there is no audio in it")


class KeptFiles:
    """A folder of files that can be made again, of limited size: the least used ones go first.

    folder : where they are kept from one start to the next; where that cannot be written, and for
        what was uploaded, a temporary folder that goes with this object.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._passing = Path(tempfile.mkdtemp(prefix="partwise-"))
        weakref.finalize(self, shutil.rmtree, self._passing, ignore_errors=True)
        self._lock = threading.Lock()

    def place(self, name: str, keep: bool = True) -> Path:
        """Where a file of that name is to be. keep : whether it may outlive this object."""
        if keep:
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                if os.access(self._folder, os.W_OK):
                    return self._folder / name
        return self._passing / name

    def find(self, name: str, keep: bool = True) -> Path | None:
        """The file of that name if it was made already."""
        place = self.place(name, keep)
        try:
            os.utime(place)  # used now: it is the last to go
        except OSError:
            return None
        return place

    def tidy(self, newest: Path) -> None:
        """Remove the files that were not used for longest, never the newest; and what a process
        that was killed left half written."""
        with self._lock, suppress(OSError):
            for half in newest.parent.glob(".*"):
                if half.stat().st_mtime < time.time() - _HALF_WRITTEN_S:
                    half.unlink(missing_ok=True)
            files = [(file, file.stat()) for file in newest.parent.glob("[!.]*")]
            files.sort(key=lambda entry: entry[1].st_mtime_ns, reverse=True)
            total = newest.stat().st_size
            for file, status in files:
                if file != newest:
                    total += status.st_size
                    if total > self._limit_bytes:
                        file.unlink(missing_ok=True)


class Copies:
    """Copies in FLAC. folder, limit_bytes : see ``KeptFiles``."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._files = KeptFiles(folder, limit_bytes)

    def find(self, song_id: str, keep: bool) -> Path | None:
        """The copy of a song if it was made already."""
        return self._files.find(f"{song_id}.flac", keep)

    def make(self, song_id: str, path: Path, keep: bool, stop: threading.Event) -> Path:
        """Make the copy of a song.

        Raises ClientGone when ``stop`` is set meanwhile, DecodeError, and PartwiseError for a full
        disk.
        """
        place = self._files.place(f"{song_id}.flac", keep)
        with storage_errors(place.parent):
            write_flac(path, place, stop.is_set)
        self._files.tidy(place)
        return place


class Waves:
    """The waves of songs: of those of the library on disk too, the latest in memory.

    library : its folder.
    """

    def __init__(self, library: Path) -> None:
        self._library = library
        self._waves: OrderedDict[str, Wave] = OrderedDict()
        self._guard = threading.Lock()

    def at_hand(self, song: Song) -> Wave | None:
        """The wave of a song if it was measured before."""
        with self._guard:
            wave = self._waves.get(song.song_id)
            if wave is not None:
                self._waves.move_to_end(song.song_id)
                return wave
        wave = read_wave(peaks_file(self._library, song.song_id)) if song.in_library else None
        return None if wave is None else self._remember(song, wave)

    def measured(self, song: Song, stop: threading.Event) -> Wave:
        """Measure a song, and keep its wave: on disk if it is in the library."""
        wave = measure(song.path, stop.is_set)
        if stop.is_set():
            raise ClientGone
        if song.in_library:
            wave = keep_wave(peaks_file(self._library, song.song_id), wave)
        return self._remember(song, wave)

    def _remember(self, song: Song, wave: Wave) -> Wave:
        with self._guard:
            self._waves[song.song_id] = wave
            while len(self._waves) > _WAVES_IN_MEMORY:
                self._waves.popitem(last=False)
        return wave
