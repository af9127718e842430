"""Every format in, mono float32 out; and one sentence for every file that is not one."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from measured import run_measured
from partwise.audio.decode import DecodeError, RecordingError, decode, stream
from partwise.audio.readers import packets_of
from partwise.audio.types import is_audio_name
from partwise.paths import shown
from sounds import encode, tone, write

HZ = 441.0


def stereo(seconds: float = 3.0, rate_hz: int = 44100) -> np.ndarray:
    """A tone on the left, half as loud on the right: [n, 2], mean amplitude 0.3."""
    left = tone(seconds, HZ, rate_hz, 0.4)
    return np.stack([left, left / 2], axis=1)


def assert_is_tone(samples: np.ndarray, rate_hz: int, amplitude: float = 0.3) -> None:
    """Loud and clear at HZ, away from the edges, where codecs fade."""
    middle = samples[rate_hz // 2 : -rate_hz // 2].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak_hz = np.argmax(spectrum) * rate_hz / len(middle)
    assert abs(peak_hz - HZ) < 2.0
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(amplitude, rel=0.05)


FORMATS: dict[str, Callable[[Path, np.ndarray, int], Path]] = {
    "wav": write,
    "aiff": write,
    "flac": write,
    "mp3": write,
    "ogg": write,
    "opus": lambda path, x, hz: encode(path, x, hz, codec="libopus", container="ogg"),
    "m4a": lambda path, x, hz: encode(path, x, hz, codec="aac", container="ipod"),
    "alac.m4a": lambda path, x, hz: encode(path, x, hz, codec="alac", container="ipod"),
    "aac": lambda path, x, hz: encode(path, x, hz, codec="aac", container="adts"),
    "wma": lambda path, x, hz: encode(path, x, hz, codec="wmav2", container="asf", bit_rate=128000),
    "mka": lambda path, x, hz: encode(path, x, hz, codec="flac", container="matroska"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(tmp_path: Path, name: str):
    rate_hz = 48000 if name == "opus" else 44100
    path = FORMATS[name](tmp_path / f"sound.{name}", stereo(3.0, rate_hz), rate_hz)
    audio = decode(path)
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.sample_rate_hz == rate_hz
    assert audio.seconds == pytest.approx(3.0, abs=0.06)  # codecs pad to whole frames
    assert_is_tone(audio.samples, rate_hz)
    assert audio.notes == ()
    # The name is not needed: the content tells.
    shutil.copy(path, tmp_path / "nameless")
    np.testing.assert_array_equal(decode(tmp_path / "nameless").samples, audio.samples)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mp4", "aac", "mp4"),
        ("a.mov", "aac", "mov"),
        ("a.mkv", "libopus", "matroska"),
        ("a.webm", "libopus", "webm"),
        ("a.ts", "mp2", "mpegts"),
        ("a.vob", "ac3", "vob"),
        ("a.ac3", "ac3", "ac3"),
        ("a.mp2", "mp2", "mp2"),
        ("a.tta", "tta", "tta"),
        ("a.wv", "wavpack", "wv"),
        ("a.oga", "flac", "ogg"),
    ],
)
def test_what_else_a_folder_is_searched_for(tmp_path: Path, name: str, codec: str, container: str):
    path = encode(tmp_path / name, stereo(3.0, 48000), 48000, codec=codec, container=container)
    assert is_audio_name(name)
    audio = decode(path)
    assert audio.seconds == pytest.approx(3.0, abs=0.06)
    assert_is_tone(audio.samples, 48000)
    assert audio.notes == ()


@pytest.mark.parametrize(
    ("suffix", "subtype", "error"),
    [
        ("wav", "PCM_U8", 2**-7),
        ("wav", "PCM_16", 2**-15),
        ("wav", "PCM_24", 2**-23),
        ("wav", "PCM_32", 2**-23),
        ("wav", "FLOAT", 0),
        ("wav", "DOUBLE", 0),
        ("wav", "IMA_ADPCM", 0.02),
        ("wav", "ULAW", 0.02),
        ("aiff", "PCM_S8", 2**-7),
        ("aiff", "PCM_24", 2**-23),
        ("aiff", "FLOAT", 0),
        ("flac", "PCM_S8", 2**-7),
        ("flac", "PCM_16", 2**-15),
        ("flac", "PCM_24", 2**-23),
    ],
)
def test_every_depth(tmp_path: Path, suffix: str, subtype: str, error: float):
    original = tone(1.0, HZ, 22050)
    path = write(tmp_path / f"sound.{suffix}", original, 22050, subtype)
    samples = decode(path).samples[: len(original)]  # ADPCM pads to a whole block,
    begin = 1000 if subtype == "IMA_ADPCM" else 0  # and has to find its step first
    assert np.abs(samples - original)[begin:].max() <= error * 1.01


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("rate_hz", [8000, 11025, 32000, 44100, 48000, 96000, 192000])
def test_every_rate(tmp_path: Path, rate_hz: int, suffix: str):
    path = write(tmp_path / f"sound.{suffix}", tone(2.5, HZ, rate_hz), rate_hz)
    audio = decode(path, 22050)
    assert audio.sample_rate_hz == 22050
    assert len(audio.samples) == pytest.approx(2.5 * 22050, abs=2)
    assert_is_tone(audio.samples, 22050)
    time_s = np.arange(len(audio.samples)) / 22050
    ideal = 0.3 * np.sin(2 * np.pi * HZ * time_s)
    assert np.abs(audio.samples - ideal)[2205:-2205].max() < 1e-3  # no delay either


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_every_channel_count_is_averaged(tmp_path: Path, channels: int, suffix: str):
    rng = np.random.default_rng(channels)
    original = rng.uniform(-0.9, 0.9, (20000, channels)).astype(np.float32)
    path = write(tmp_path / f"sound.{suffix}", original, 44100, "PCM_16")
    np.testing.assert_allclose(decode(path).samples, original.mean(axis=1), atol=2**-15)


@pytest.mark.parametrize("name", ["m4a", "alac.m4a", "mka"])
@pytest.mark.parametrize("channels", [1, 6, 8])
def test_every_channel_count_of_compressed_formats(tmp_path: Path, channels: int, name: str):
    same = np.repeat(tone(2.0, HZ, 48000)[:, None], channels, axis=1)
    path = FORMATS[name](tmp_path / f"sound.{name}", same, 48000)
    amplitude = 0.3
    if name == "m4a" and channels > 1:
        amplitude *= (channels - 1) / channels  # AAC keeps but the bass of one of them
    assert_is_tone(decode(path, 22050).samples, 22050, amplitude)


def test_more_channels_than_any_layout_has_names_for(tmp_path: Path):
    same = np.repeat(tone(2.0, HZ, 48000)[:, None], 16, axis=1)
    assert_is_tone(decode(write(tmp_path / "sound.ogg", same, 48000), 22050).samples, 22050)
    assert_is_tone(decode(write(tmp_path / "sound.wav", same, 48000), 22050).samples, 22050)


def test_eight_channels_of_192_khz(tmp_path: Path):
    eight = np.repeat(tone(1.5, HZ, 192000)[:, None], 8, axis=1)
    for name in ("wav", "flac", "alac.m4a"):
        path = FORMATS[name](tmp_path / f"sound.{name}", eight, 192000)
        assert_is_tone(decode(path, 22050).samples, 22050)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_blocks_join_to_the_whole(tmp_path: Path, suffix: str):
    path = write(tmp_path / f"sound.{suffix}", stereo(9.0), 44100)
    whole = decode(path, 22050)
    blocks = list(stream(path, 22050, block_s=2.0))
    assert len(blocks) == 4 or len(blocks) == 5
    assert all(len(block) > 0 for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), whole.samples)


def test_a_stream_that_changes_its_rate(tmp_path: Path):
    """Two MP3 files joined, as broadcasts are: 44.1 kHz stereo, then 22.05 kHz mono."""
    first = write(tmp_path / "a.mp3", stereo(2.0), 44100)
    second = write(tmp_path / "b.mp3", tone(2.0, HZ, 22050), 22050)
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    audio = decode(joined)
    assert audio.sample_rate_hz == 44100
    assert audio.seconds == pytest.approx(4.0, abs=0.2)
    assert_is_tone(audio.samples, 44100)


def test_a_stream_that_begins_in_the_middle_hides_no_other():
    """PyAV raises IndexError at each packet of a stream that it did not see at the start."""

    class Container:
        def __init__(self) -> None:
            self.packets = iter(["a", IndexError, IndexError, "b", "c", IndexError])

        def demux(self, stream):
            assert stream == "stream"
            for packet in self.packets:
                if packet is IndexError:
                    raise IndexError
                yield packet

    assert list(packets_of(Container(), "stream")) == ["a", "b", "c"]


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"new\nline.wav", "雨.wav".encode(), b"-n .wav"])
def test_odd_bytes_in_names(tmp_path: Path, name: bytes):
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(write(tmp_path / "plain.wav", tone(1.0)), os.fsdecode(path))
    for form in (path, os.fsdecode(path), Path(os.fsdecode(path))):
        assert decode(form).seconds == 1.0
    compressed = path[:-4] + b".m4a"
    shutil.copy(encode(tmp_path / "plain.m4a", tone(1.0), codec="aac"), os.fsdecode(compressed))
    assert decode(compressed).seconds == pytest.approx(1.0, abs=0.1)
    os.remove(path)
    with pytest.raises(DecodeError) as caught:
        decode(path)
    message = str(caught.value)
    message.encode("utf-8")  # printable anywhere
    assert "\n" not in message
    assert message.endswith(": there is no such file")


def test_path_text():
    assert shown(b"a\xff\n.mp3") == "a\\xff\\n.mp3"
    assert shown("a\udcff.mp3") == "a\\xff.mp3"
    assert shown(Path("/músic/雨.mp3")) == "/músic/雨.mp3"


# Files that are used as far as they go


def test_wav_named_mp3_is_used_with_a_note(tmp_path: Path):
    shutil.copy(write(tmp_path / "a.wav", tone(1.0)), tmp_path / "a.mp3")
    audio = decode(tmp_path / "a.mp3")
    assert audio.seconds == 1.0
    assert audio.notes == ("named as MP3 but holds WAV",)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("wav", "cut short: "),
        ("aiff", "cut short: "),
        ("flac", "cut short or damaged: "),
        ("mp3", "cut short or damaged: "),
        ("ogg", "it has no end mark: "),
        ("opus", "it has no end mark: "),
        ("wma", "cut short or damaged: "),
    ],
)
def test_truncated_files_are_used_as_far_as_they_go(tmp_path: Path, name: str, note: str):
    rate_hz = 48000 if name == "opus" else 44100
    path = FORMATS[name](tmp_path / f"sound.{name}", stereo(12.0, rate_hz), rate_hz)
    os.truncate(path, int(path.stat().st_size * 0.6))
    audio = decode(path, 22050)
    assert 5.0 < audio.seconds < 9.0
    assert_is_tone(audio.samples[: 22050 * 5], 22050)
    assert len(audio.notes) == 1
    assert audio.notes[0].startswith(note)


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg", "m4a", "wma"])
def test_damage_in_the_middle_costs_only_itself(tmp_path: Path, name: str):
    path = FORMATS[name](tmp_path / f"sound.{name}", stereo(12.0), 44100)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = os.urandom(2000)
    path.write_bytes(data)
    audio = decode(path, 22050)
    # FFmpeg's reader of WMA ends where the packets' headers no longer fit.
    assert audio.seconds > (5.5 if name == "wma" else 9.0)
    assert np.isfinite(audio.samples).all()


def test_samples_that_are_not_numbers(tmp_path: Path):
    sound = tone(1.0, HZ, 44100)
    sound[[100, 5000, 9000]] = [np.nan, np.inf, -1e20]
    audio = decode(write(tmp_path / "a.wav", sound, 44100, "FLOAT"), 22050)
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() < 1.0
    assert audio.notes == ("some samples were not finite numbers and were taken as silence",)


# Files that are refused


def refusal(path: Path | bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(path, 22050)
    error = caught.value
    assert str(error) == f"{shown(path)}: {error.reason}"
    assert "\n" not in str(error)
    return error.reason


def test_text_named_mp3(tmp_path: Path):
    path = tmp_path / "words.mp3"
    path.write_text("These are words, not music.\n" * 500)
    assert refusal(path) == "not audio: it holds text"


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9\nhttp://localhost/a.ts\n",
        b"ffconcat version 1.0\nfile other.wav\n",
        b"[Script Info]\n; an ASS subtitle\nDialogue: 0,0:00:01.00,0:00:02.00,x\n",
    ],
)
def test_playlists_are_not_followed(tmp_path: Path, content: bytes):
    path = tmp_path / "list.mp3"
    path.write_bytes(content)
    assert refusal(path) == "not audio: it holds text"
    path.write_bytes(b"\x00" + content)  # no longer text, and nothing that FFmpeg may open
    assert refusal(path) == "not audio in any format known here"


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_not_audio(tmp_path: Path, seed: int):
    path = tmp_path / "noise.mp3"
    path.write_bytes(np.random.default_rng(seed).bytes(300_000))
    reason = refusal(path)
    assert reason.startswith(("not audio", "MP3 that cannot", "no audio can be decoded"))


def test_empty_file(tmp_path: Path):
    (tmp_path / "a.flac").touch()
    assert refusal(tmp_path / "a.flac") == "empty (0 bytes)"


def test_missing_file_and_folder(tmp_path: Path):
    assert refusal(tmp_path / "none.mp3") == "there is no such file"
    assert refusal(tmp_path) == "this is a folder, not a recording"


def test_nul_in_a_name_and_a_link_to_itself(tmp_path: Path):
    assert refusal(tmp_path / "nul\0.mp3").startswith("cannot be opened")
    (tmp_path / "loop.mp3").symlink_to("loop.mp3")
    assert refusal(tmp_path / "loop.mp3").startswith("cannot be opened")


def test_pipes_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert refusal(tmp_path / "pipe.wav") == "not a regular file"


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "a.wav", tone(1.0))

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("partwise.audio.decode.os.open", denied)  # root may read anything
    assert refusal(path) == "permission to read it is denied"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "aac"])
def test_only_a_header_left(tmp_path: Path, name: str):
    rate_hz = 48000 if name == "opus" else 44100
    path = FORMATS[name](tmp_path / f"sound.{name}", stereo(2.0, rate_hz), rate_hz)
    os.truncate(path, 40)
    assert refusal(path)


def test_m4a_without_its_index(tmp_path: Path):
    path = FORMATS["m4a"](tmp_path / "sound.m4a", stereo(3.0), 44100)
    os.truncate(path, path.stat().st_size // 2)
    assert refusal(path) == "damaged or cut short: its MP4 index cannot be read"


def test_video_without_sound(tmp_path: Path):
    import av

    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=5)
        video.width = video.height = 32  # type: ignore[union-attr]
        video.pix_fmt = "yuv420p"  # type: ignore[union-attr]
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            file.mux(video.encode(frame))  # type: ignore[union-attr]
        file.mux(video.encode(None))  # type: ignore[union-attr]
    assert refusal(path) == "there is no audio in it"


def test_a_rate_that_no_music_has(tmp_path: Path):
    path = write(tmp_path / "a.wav", tone(0.1, 50.0, 22050))
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", 3)
    path.write_bytes(data)
    assert refusal(path).startswith("a sample rate of 3 Hz is not usable")


def test_errors_survive_the_way_back_from_a_worker():
    error = pickle.loads(pickle.dumps(DecodeError(b"/a/\xff.mp3", "empty (0 bytes)")))
    assert isinstance(error, DecodeError)
    assert isinstance(error, RecordingError)
    assert str(error) == "/a/\\xff.mp3: empty (0 bytes)"
    assert (error.path, error.reason) == ("/a/\\xff.mp3", "empty (0 bytes)")


@pytest.mark.parametrize("name", FORMATS)
def test_damage_anywhere_ends_in_sound_or_a_sentence(tmp_path: Path, name: str):
    rng = np.random.default_rng(len(name))
    rate_hz = 48000 if name == "opus" else 44100
    path = FORMATS[name](tmp_path / f"sound.{name}", stereo(1.5, rate_hz), rate_hz)
    original = np.frombuffer(path.read_bytes(), np.uint8)
    for trial in range(30):
        data = original.copy()
        reach = len(data) if trial % 2 else min(len(data), 600)  # headers get half of it
        where = rng.integers(0, reach, rng.integers(1, 40))
        data[where] = rng.integers(0, 256, len(where))
        path.write_bytes(data[: rng.integers(len(data) // 3, len(data) + 1)].tobytes())
        try:
            audio = decode(path, 22050)
        except DecodeError as error:
            assert error.reason
        else:
            assert np.isfinite(audio.samples).all()


def test_nothing_is_printed_and_memory_stays_bounded(tmp_path: Path):
    """In a process of its own, because libraries write past Python's streams."""
    good = write(tmp_path / "long.mp3", np.tile(stereo(10.0), (6, 1)), 44100)
    joined = tmp_path / "an_hour.mp3"
    joined.write_bytes(good.read_bytes() * 60)
    broken = tmp_path / "broken.mp3"
    data = bytearray(good.read_bytes())
    data[20000:400000:97] = bytes(len(data[20000:400000:97]))
    broken.write_bytes(data)
    code = (
        "from partwise.audio.decode import DecodeError, stream\n"
        "seconds = [sum(map(len, stream(p, 22050))) / 22050 for p in sys.argv[1:3]]\n"
        "for path in sys.argv[3:]:\n"
        "    try:\n"
        "        list(stream(path, 22050))\n"
        "    except DecodeError:\n"
        "        pass\n"
        "print(seconds[0])\n"
    )
    # A damaged WMA header makes FFmpeg seek to before the start of the file.
    wma = FORMATS["wma"](tmp_path / "sound.wma", stereo(1.5), 44100)
    original = np.frombuffer(wma.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    damaged = []
    for trial in range(100):
        data = original.copy()
        where = rng.integers(16, 400, 10)
        data[where] = rng.integers(0, 256, len(where))
        damaged.append(tmp_path / f"{trial}.wma")
        damaged[-1].write_bytes(data.tobytes())
    seconds, peak_bytes = run_measured(code, joined, broken, *damaged)  # fails if it prints errors
    assert float(seconds) == pytest.approx(3600, rel=0.01)
    assert peak_bytes < 200e6  # the hour itself would be 318 MB at this rate


def test_files_are_closed(tmp_path: Path):
    path = write(tmp_path / "a.mp3", stereo(3.0), 44100)
    text = write(tmp_path / "a.wav", tone(1.0))
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"nothing")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("open files are only counted under /proc")
    for _ in range(20):
        decode(path)
        decode(text)
        with pytest.raises(DecodeError):
            decode(bad)
        begun = stream(path, 22050, block_s=0.5)
        next(begun)
        begun.close()
    assert len(os.listdir("/proc/self/fd")) == before
