"""Sound that is there and must be heard: odd WAV files, rare containers, damage, copies."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import struct
from pathlib import Path

import numpy as np
import soundfile

from field_case import (
    PARTWISE,
    Judging,
    NotRun,
    Outcome,
    Place,
    case,
    fetch,
    judged,
    need,
    serving,
)
from field_music import PIECES, RATE_HZ, SECONDS, dsf, encoded, flac, passage, wav

ORIGINAL = "original.flac"


def _original(place: Place) -> Path:
    """The passage that everything on the shelf is made of, beside it."""
    path = place.shelf / ORIGINAL
    if not path.exists():
        flac(path, seconds=SECONDS)
    return path


def _as_original(place: Place, *names: str, least: float = 0.95) -> Outcome:
    return judged({name: place.heard(name, ORIGINAL, SECONDS, least) for name in names})


@case(
    "naudio/NAudio#688, KejPi/AbracaDABra#140, agfline/wavfix#12",
    "WAV whose sizes were never filled in (0 or 0xFFFFFFFF), by a recorder or a pipe",
    "heard to the end of the file",
)
def sizes_never_filled_in(place: Place) -> Judging:
    _original(place)
    sizes = {"data 0": (36, 0), "both 0": (0, 0), "both most": (2**32 - 1, 2**32 - 1)}
    for name, (riff, data) in sizes.items():
        path = wav(place.shelf / f"{name}.wav")
        body = bytearray(path.read_bytes())
        at = body.find(b"data") + 4
        body[4:8], body[at : at + 4] = struct.pack("<I", riff), struct.pack("<I", data)
        path.write_bytes(body)
    yield
    return _as_original(place, *(f"{name}.wav" for name in sizes))


@case(
    "m-bain/whisperX#750, pytorch/audio#877, Thokoop/billy-b-assistant#72",
    "stereo with one channel inverted (cable, bad rip)",
    "heard, or a reason that names the phase",
)
def one_channel_inverted(place: Place) -> Judging:
    _original(place)
    left = passage()[:, 0]
    place.shelf.mkdir(exist_ok=True)
    soundfile.write(place.shelf / "inverted.wav", np.stack([left, -left], axis=1), RATE_HZ)
    yield
    reason = place.failures.get("inverted.wav", "")
    if re.search("phase|inverted|cancel", reason):
        return judged({"inverted.wav": True})
    return _as_original(place, "inverted.wav", least=0.8)


def _dts_cd(path: Path, source: Path) -> None:
    """What a DTS CD's ripper writes: frames of 14 bits' place, as samples of 16, in a WAV."""
    plain = encoded(
        path.with_suffix(".dts"),
        source,
        *("-c:a", "dca", "-strict", "-2", "-b:a", "1411200", "-ar", "44100", "-ac", "2"),
        *("-f", "dts"),
    )
    data = plain.read_bytes()
    words = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    form = struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176400, 4, 16)
    head = struct.pack("<4sI4s4s", b"RIFF", 36 + len(words), b"WAVE", b"fmt ") + form
    path.write_bytes(head + struct.pack("<4sI", b"data", len(words)) + words)
    plain.unlink()


@case(
    "music-assistant/server#5803, MusicPlayerDaemon/MPD#2158, sentriz/gonic#489",
    "DTS CD: a WAV of 16-bit PCM whose samples are DTS frames",
    "decoded as DTS, or refused with the reason",
)
def dts_in_wav(place: Place) -> Judging:
    _dts_cd(place.shelf / "dts cd.wav", _original(place))
    yield
    if "DTS" in place.failures.get("dts cd.wav", ""):
        return judged({"dts cd.wav": True})
    return judged({"dts cd.wav": place.heard("dts cd.wav", ORIGINAL, least=0.9)})


_ENDINGS = {
    "dts": ("-c:a", "dca", "-strict", "-2"),
    "mp4": ("-c:a", "aac"),
    "webm": ("-c:a", "libopus"),
    "mkv": ("-c:a", "flac"),
    "mka": ("-c:a", "libvorbis"),
    "spx": ("-c:a", "libspeex", "-ar", "32000"),
    "ac3": ("-c:a", "ac3"),
    "ts": ("-c:a", "mp2"),
    "caf": ("-c:a", "alac"),
}


@case(
    "navidrome/navidrome#778, beetbox/beets#459, epoupon/lms#449",
    "folder with .dsf .dts .mp4 .webm .mkv .mka .spx .ac3 .ts .caf",
    "heard, or counted in the closing line",
)
def rare_endings(place: Place) -> Outcome:
    music = place.folder / "music"
    source = wav(place.folder / "in.wav", seconds=6.0)
    flac(music / "plain.flac", seconds=6.0)
    dsf(music / "one.dsf")
    names = ["one.dsf"]
    for number, (ending, options) in enumerate(_ENDINGS.items()):
        cut = ("-ss", f"{number / 10}", *options)  # each its own content
        try:
            names.append(encoded(music / f"one.{ending}", source, *cut).name)
        except NotRun:
            continue  # this build of ffmpeg lacks the encoder
    ran = place.index(music)
    listed = json.loads(place.partwise("status", "--library", place.own, "--json").out)
    tracks = listed["tracks"]
    # Which ones are heard is not listed: as many as are not counted as left aside or failed.
    apart = {name for name in names if f".{name.split('.')[1]}" in ran.said}
    failed = {Path(row["path"]).name: row["reason"] for row in listed["failed"]}
    checks: dict[str, bool | str] = {name: str(why) for name, why in failed.items()}
    lost = len(names) + 1 - tracks - len(apart) - len(failed)
    checks[f"{len(names)} endings"] = lost == 0 or f"{lost} skipped without a word"
    return judged(checks)


@case(
    "DeaDBeeF-Player/deadbeef#1021, RustAudio/lewton#18",
    "chained Ogg: Vorbis of three rates and channels, Opus of other channels, FLAC",
    "all links, or a sentence of our own",
)
def chained_ogg(place: Place) -> Judging:
    source = wav(place.folder / "in.wav", seconds=24.0)
    chains = {
        "vorbis.ogg": [("libvorbis", 44100, 2), ("libvorbis", 48000, 1), ("libvorbis", 22050, 1)],
        "opus.ogg": [("libopus", 48000, 2), ("libopus", 48000, 1)],
        "flac.ogg": [("flac", 44100, 2), ("flac", 44100, 2)],
    }
    for name, links in chains.items():
        data = b""
        for number, (codec, rate_hz, channels) in enumerate(links):
            options = ("-c:a", codec, "-ar", str(rate_hz), "-ac", str(channels), "-f", "ogg")
            cut = ("-ss", str(8 * number), "-t", "8", *options)
            data += encoded(place.folder / "link.ogg", source, *cut).read_bytes()
        (place.shelf / name).write_bytes(data)
    yield
    notes = place.partwise("status", "--library", place.library, "--json").out
    checks: dict[str, bool | str] = {}
    for name, links in chains.items():
        wanted = 8.0 * len(links)
        long_s = place.tracks[name]["duration_s"] if name in place.tracks else 0.0
        said = re.search(rf"{name}[^{{}}]*", notes)
        ours = said is not None and "patches welcome" not in notes
        whole = abs(long_s - wanted) < 0.8
        checks[name] = whole or ours or f"{long_s:.1f} of {wanted:g} s"
    return judged(checks, weak=tuple(chains))


@case(
    "NeptuneHub/AudioMuse-AI#280",
    "ALAC of 24 bit and 96 kHz; FLAC, Opus, MP3 in MP4; fragmented MP4; m4b with chapters",
    "the same song",
)
def in_mp4(place: Place) -> Judging:
    source = _original(place)
    chapters = place.folder / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=9\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1\nSTART=9\nEND=20\ntitle=Two\n"
    )
    made = {
        "alac.m4a": ("-c:a", "alac", "-sample_fmt", "s32p", "-ar", "96000"),
        "flac in.mp4": ("-c:a", "flac", "-strict", "-2"),
        "opus in.mp4": ("-c:a", "libopus", "-b:a", "128k", "-strict", "-2"),
        "mp3 in.mp4": ("-c:a", "libmp3lame", "-b:a", "192k"),
        "fragmented.m4a": ("-c:a", "aac", "-b:a", "160k", "-movflags", "+frag_keyframe+empty_moov"),
        "book.m4b": ("-map", "0:a", "-map_chapters", "1", "-c:a", "aac", "-f", "mp4"),
    }
    for name, options in made.items():
        beside = chapters if name == "book.m4b" else None
        encoded(place.shelf / name, source, *options, beside=beside)
    yield
    # A fragmented file does not say where its encoder's delay ends.
    least = {"fragmented.m4a": 0.7}
    return judged(
        {name: place.heard(name, ORIGINAL, SECONDS, least.get(name, 0.95)) for name in made}
    )


@case(
    "NeptuneHub/AudioMuse-AI#880",
    "MP3 with noise inside or in front, two joined, counts ten times too high or low",
    "heard whole",
)
def odd_mp3(place: Place) -> Judging:
    source = _original(place)
    plain = encoded(place.folder / "in.mp3", source, "-b:a", "160k").read_bytes()
    noise = np.random.default_rng(1).bytes(4096)
    middle = len(plain) // 2
    at = max(plain.find(b"Xing"), plain.find(b"Info")) + 8
    count = struct.unpack(">I", plain[at : at + 4])[0]

    def counted(frames: int) -> bytes:
        return plain[:at] + struct.pack(">I", frames) + plain[at + 4 :]

    made = {
        "noise inside.mp3": plain[:middle] + noise + plain[middle:],
        "noise before.mp3": noise + plain,
        "joined.mp3": plain + plain,
        "count high.mp3": counted(10 * count),
        "count low.mp3": counted(count // 10),
    }
    for name, data in made.items():
        (place.shelf / name).write_bytes(data)
    yield
    seconds = {"joined.mp3": 2 * SECONDS}
    return judged(
        {name: place.heard(name, ORIGINAL, seconds.get(name, SECONDS), 0.9) for name in made}
    )


@case(
    "bbc/audiowaveform#26, lieff/minimp3#104",
    "WAV of floats 8 times full scale, 64-bit floats, RF64, IMA ADPCM, A-law, MP3 and AC-3 inside",
    "the same song",
)
def odd_wav(place: Place) -> Judging:
    source = _original(place)
    loud = place.shelf / "loud floats.wav"
    soundfile.write(loud, 8.0 * passage(), RATE_HZ, "FLOAT")
    for name, subtype, kind in (
        ("doubles.wav", "DOUBLE", "WAV"),
        ("rf64.wav", "PCM_16", "RF64"),
        ("adpcm.wav", "IMA_ADPCM", "WAV"),
        ("alaw.wav", "ALAW", "WAV"),
    ):
        wav(place.shelf / name, subtype=subtype, kind=kind)
    encoded(place.shelf / "mp3 in.wav", source, "-c:a", "libmp3lame", "-b:a", "192k", "-f", "wav")
    encoded(place.shelf / "ac3 in.wav", source, "-c:a", "ac3", "-b:a", "256k", "-f", "wav")
    yield
    names = "loud floats", "doubles", "rf64", "adpcm", "alaw", "mp3 in", "ac3 in"
    return _as_original(place, *(f"{name}.wav" for name in names), least=0.9)


@case(
    "none: own, lossless formats",
    "WavPack, TTA, MP2, WMA, Ogg FLAC, FLAC with ID3 in front, FLAC of unknown length",
    "the same song; the page plays them, with ranges",
)
def lossless(place: Place) -> Judging:
    from mutagen import id3

    source = _original(place)
    made: dict[str, tuple[str, ...]] = {
        "a.wv": ("-c:a", "wavpack"),
        "a.tta": ("-c:a", "tta"),
        "a.mp2": ("-c:a", "mp2", "-b:a", "256k"),
        "a.wma": ("-c:a", "wmav2", "-b:a", "192k"),
        "a.oga": ("-c:a", "flac", "-f", "ogg"),
    }
    for name, options in made.items():
        encoded(place.shelf / name, source, *options)
    data = bytearray(source.read_bytes())
    data[21] &= 0xF0  # the number of samples, in the STREAMINFO block
    data[22:26] = bytes(4)
    (place.shelf / "unknown length.flac").write_bytes(data)
    in_front = place.shelf / "id3 in front.flac"
    flac(in_front, start_s=5.01, seconds=SECONDS)
    frames = id3.ID3()
    frames.add(id3.TIT2(encoding=3, text="In front"))
    frames.save(in_front)
    yield
    names = [*made, "unknown length.flac", "id3 in front.flac"]
    checks = {name: place.heard(name, ORIGINAL, SECONDS, 0.9) for name in names}
    for name in names:
        if name not in place.tracks:
            continue
        address = f"{place.url}/api/v1/tracks/{place.tracks[name]['track_id']}/audio"
        status, headers, body = fetch(address, headers={"Range": "bytes=0-99"})
        kind = headers.get("content-type", "")
        good = status == 206 and len(body) == 100 and kind.startswith("audio/")
        checks[f"{name} on the page"] = good or f"{status} {kind}"
    return judged(checks)


@case(
    "none: own, video users",
    ".mka and .mkv of two audio streams, the second marked default",
    "the default one, the same for page and search",
)
def two_streams(place: Place) -> Judging:
    source, other = _original(place), wav(place.folder / "other.wav", piece=2)
    for name in ("two.mka", "two.mkv"):
        options = ("-map", "0:a", "-map", "1:a", "-c:a", "flac")
        marks = ("-disposition:a:0", "0", "-disposition:a:1", "default")
        encoded(place.shelf / name, other, *options, *marks, beside=source)
    yield
    checks: dict[str, bool | str] = {}
    for name in ("two.mka", "two.mkv"):
        checks[name] = place.heard(name, ORIGINAL, SECONDS)
        if name not in place.tracks:
            continue
        address = f"{place.url}/api/v1/tracks/{place.tracks[name]['track_id']}/audio"
        _, _, body = fetch(address)
        played, rate_hz = soundfile.read(io.BytesIO(body), always_2d=True)
        wanted = passage()[: len(played)]
        close = (
            rate_hz == RATE_HZ and np.corrcoef(played[:, 0], wanted[: len(played), 0])[0, 1] > 0.9
        )
        checks[f"{name} on the page"] = bool(close) or "the other stream"
    return judged(checks)


@case(
    "CDrummond/bliss-analyser#30",
    "silence; file times of 1901 and 2250",
    "a reason; indexed once",
)
def silence_and_times(place: Place) -> Outcome:
    music = place.folder / "music"
    for number, year in enumerate((1901, 2250)):
        path = flac(music / f"{year}.flac", piece=number, seconds=6.0)
        try:
            os.utime(path, (0, (year - 1970) * 31556952))
        except OSError:
            raise NotRun(f"this disk keeps no file time of {year}") from None
    soundfile.write(music / "silence.wav", np.zeros(6 * RATE_HZ), RATE_HZ)
    place.index(music)
    again = place.index(music)
    said = place.partwise("status", "--library", place.own, "--failed").said
    return judged(
        {
            "silence has a reason": "silent" in said or said[-120:],
            "indexed once": "unchanged 2" in again.said or again.short,
        }
    )


@case(
    "none: own",
    "MP3 with a picture of 30 MB",
    "indexed, in less than 600 MB of memory",
)
def large_picture(place: Place) -> Outcome:
    from mutagen import id3

    music = place.folder / "music"
    path = encoded(music / "one.mp3", wav(place.folder / "in.wav", seconds=8.0), "-b:a", "128k")
    frames = id3.ID3()
    frames.add(
        id3.APIC(encoding=0, mime="image/jpeg", type=3, data=b"\xff\xd8" + bytes(30_000_000))
    )
    frames.save(path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    ran = place.index(music)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    small = peak_mb < 600 or before / 1024 >= 600
    return judged(
        {
            "indexed": "indexed 1" in ran.said or ran.short,
            "memory": small or f"{peak_mb:.0f} MB",
        }
    )


@case(
    "spotify/echoprint-codegen#80, d4rken-org/sdmaid-se#2336",
    "the demo's pieces as FLAC and again as M4A, MP3 without a header, ADTS AAC",
    "copies are folded into one hit",
)
def copies_fold(place: Place) -> Outcome:
    kinds = {
        "aac": ("-c:a", "aac", "-b:a", "128k", "-f", "adts"),
        "m4a": ("-c:a", "aac", "-b:a", "128k"),
        "mp3": ("-b:a", "128k", "-write_xing", "0"),
    }
    return _copies(place, kinds)


@case(
    "none: own",
    "MP3 of 128 kbit/s with a header beside FLAC, of the demo's pieces",
    "folded into one hit",
)
def mp3_beside_flac(place: Place) -> Outcome:
    return _copies(place, {"mp3": ("-b:a", "128k")}, every=3)


def _copies(place: Place, kinds: dict[str, tuple[str, ...]], every: int = 1) -> Outcome:
    """Every piece by itself against its copies: each must be hidden by it, and appear when asked.

    AAC, whose encoder's delay stays, of all pieces; other kinds of every third one.
    """
    music = place.folder / "music"
    made: dict[str, list[str]] = {}
    for number in range(0, len(PIECES), every):
        source = flac(music / f"{number}.flac", number, seconds=SECONDS)
        for kind, options in kinds.items():
            if kind == "aac" or number % 3 == 0:
                encoded(music / f"{number}.{kind}", source, *options)
                made.setdefault(kind, []).append(f"{number}.{kind}")
    place.index(music, timeout_s=600)
    with serving(place, place.own) as (url, _):
        place.url = url
        apart: dict[str, list[str]] = {kind: [] for kind in kinds}
        for kind, names in made.items():
            for name in names:
                song = place.tracks[f"{name.split('.')[0]}.flac"]["track_id"]
                found = place.ask("/api/v1/search", {"songs": [song], "top": 500, "moments": 0})
                copy = place.tracks[name]["track_id"]
                if copy in {hit["track_id"] for hit in found["hits"]}:
                    apart[kind].append(name)
    return judged(
        {
            f"{kind} ({len(made[kind])})": not names or f"{len(names)} not folded"
            for kind, names in apart.items()
        },
        weak=tuple(f"{kind} ({len(names)})" for kind, names in made.items()),
    )


@case("microsoft/onnxruntime#8313, blakeblackshear/frigate#22620", "taskset -c 1", "no noise")
def one_core_of_several(place: Place) -> Outcome:
    if (os.cpu_count() or 1) < 2:
        raise NotRun("one core only")
    path = flac(place.folder / "one.flac", seconds=6.0)
    pinned = (need("taskset", "util-linux"), "-c", "1")
    ran = place.run(*pinned, *PARTWISE, "embed", path, "--out", place.folder / "e.npz")
    noise = re.search("(?i)warn|error|affinity|fail", ran.said)
    return judged({"embed": (ran.code == 0 and noise is None) or ran.short})


@case(
    "none: a newcomer",
    "a query from outside the library",
    "heard on the spot: its own excerpt first",
)
def query_from_outside(place: Place) -> Judging:
    flac(place.shelf / ORIGINAL, seconds=SECONDS)
    yield
    excerpt = flac(place.folder / "excerpt.flac", start_s=9.0, seconds=12.0)
    asked = ("like", excerpt, "--library", place.library, "--json", "--top", "3")
    ran = place.partwise(*asked, "--include-duplicates")
    hits = json.loads(ran.out)["hits"] if ran.code == 0 else []
    alike = bool(hits) and place.alike(Path(hits[0]["path"]).name, ORIGINAL) > 0.7
    return judged({"first hit": alike or ran.short})
