"""Tags of every format, and of files whose tags are broken."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from mutagen import apev2, asf, id3

from partwise.audio.tags import NO_TAGS, Tags, check_encoding, read_tags
from partwise.errors import PartwiseError
from partwise.library.media.covers import find_cover
from sounds import encode, tone, write

WANTED = Tags("Näme", "One; Two", "Album", 1969, "Rock; Trip-Hop")


def opened(path: Path, easy: bool = False) -> Any:
    file = mutagen.File(path, easy=easy)  # type: ignore[attr-defined]
    assert file is not None
    return file


def tagged_easily(path: Path) -> None:
    file = opened(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["title"] = ["Näme"]
    file["artist"] = ["One", "Two"]
    file["album"] = ["Album"]
    file["date"] = ["1969-07-20"]
    file["genre"] = ["Rock", "Trip-Hop"]
    file.save()


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.m4a"])
def test_formats_with_easy_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.m4a":
        encode(path, tone(1.0), codec="aac")
    else:
        write(path, tone(1.0))
    tagged_easily(path)
    assert read_tags(str(path)) == WANTED


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_id3_in_wav_and_aiff(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, tone(1.0))
    file = opened(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="Näme"))
    file.tags.add(id3.TPE1(text=["One", "Two"]))
    file.tags.add(id3.TALB(text="Album"))
    file.tags.add(id3.TDRC(text="1969-07-20"))
    file.tags.add(id3.TCON(text=["(17)", "Trip-Hop"]))
    file.save()
    assert read_tags(str(path)) == WANTED


def test_wma(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wma", tone(1.0), codec="wmav2", container="asf", bit_rate=64000)
    file = asf.ASF(path)
    file["Title"] = "Näme"
    file["Author"] = ["One", "Two"]
    file["WM/AlbumTitle"] = "Album"
    file["WM/Year"] = "1969"
    file["WM/Genre"] = ["Rock", "Trip-Hop"]
    file.save()
    assert read_tags(str(path)) == WANTED


def test_no_tags(tmp_path: Path) -> None:
    assert read_tags(str(write(tmp_path / "a.wav", tone(1.0)))) == NO_TAGS
    assert read_tags(str(write(tmp_path / "a.flac", tone(1.0)))) == NO_TAGS


def test_line_breaks_and_blanks_are_cleaned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["title"] = " two\r\nlines\x00 "
    file["artist"] = "  "
    file.save()
    assert read_tags(str(path)) == Tags(title="two lines")


@pytest.mark.parametrize("contents", [b"", b"ID3" + b"\xff" * 40, b"fLaC" + b"\x00" * 5])
def test_broken_files_have_no_tags(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(contents)
    assert read_tags(str(path)) == NO_TAGS
    assert read_tags(str(tmp_path / "not there.mp3")) == NO_TAGS


# --- tags of another kind than the format's

PLAIN = {
    "title": "Plain",
    "artist": "Somebody",
    "album": "Album",
    "date": "1987-05-03",
    "genre": "Dub",
}
FOUND = Tags("Plain", "Somebody", "Album", 1987, "Dub")


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mka", "flac", "matroska"),
        ("a.webm", "libopus", "webm"),
        ("a.caf", "alac", "caf"),
        ("a.wav", "pcm_s16le", "wav"),  # INFO
    ],
)
def test_what_ffmpeg_writes(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = encode(
        tmp_path / name,
        tone(1.0, rate_hz=48000),
        48000,
        codec=codec,
        container=container,
        tags=PLAIN,
    )
    assert read_tags(str(path)) == FOUND


def test_the_name_of_a_stream_is_no_title(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("flac", rate=48000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.metadata.update(title="Stereo", artist="Somebody")
        frame = av.AudioFrame.from_ndarray(tone(1.0)[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert read_tags(str(path)) == Tags(artist="Somebody")


def ape_behind(path: Path, **texts: str) -> None:
    tag = apev2.APEv2()
    tag.update(texts)
    tag.save(path)


def id3_in_front(path: Path, **options: Any) -> None:
    tag = id3.ID3()
    for frame in (id3.TIT2, id3.TPE1, id3.TALB):
        tag.add(frame(encoding=3, text=f"Id3 {frame.__name__}"))
    tag.add(id3.TDRC(encoding=3, text="1990"))
    tag.save(path, **options)


def test_ape_beside_and_instead_of_id3(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(1.0))
    ape_behind(path, Title="Ape", Artist="Ape artist", Year="20010503")
    assert read_tags(str(path)) == Tags("Ape", "Ape artist", None, 2001)
    tag = id3.ID3()
    tag.add(id3.TIT2(encoding=3, text="Id3"))
    tag.save(path)
    assert read_tags(str(path)) == Tags("Id3", "Ape artist", None, 2001)


def test_id3_in_front_of_flac_and_adts(tmp_path: Path) -> None:
    wanted = Tags("Id3 TIT2", "Id3 TPE1", "Id3 TALB", 1990)
    flac = write(tmp_path / "a.flac", tone(1.0))
    id3_in_front(flac)
    assert read_tags(str(flac)) == wanted
    aac = encode(tmp_path / "a.aac", tone(1.0), codec="aac", container="adts")
    id3_in_front(aac)
    assert read_tags(str(aac)) == wanted


def test_the_format_s_own_tags_come_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["title"] = "Vorbis"
    file.save()
    id3_in_front(path)
    assert read_tags(str(path)) == Tags("Vorbis", "Id3 TPE1", "Id3 TALB", 1990)


def test_aiff_s_own_chunks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aiff", tone(1.0))
    body = path.read_bytes()[12:]
    body += (
        b"NAME" + (5).to_bytes(4, "big") + b"Title\0" + b"AUTH" + (4).to_bytes(4, "big") + b"Some"
    )
    path.write_bytes(b"FORM" + (len(body) + 4).to_bytes(4, "big") + b"AIFF" + body)
    assert read_tags(str(path)) == Tags("Title", "Some")


def test_dsf(tmp_path: Path) -> None:
    path = tmp_path / "a.dsf"
    tag = tmp_path / "tag"
    tag.write_bytes(b"")
    id3_in_front(tag)
    head = b"DSD " + (28).to_bytes(8, "little") + (0).to_bytes(8, "little")
    path.write_bytes(head + (28 + 9).to_bytes(8, "little") + b"x" * 9 + tag.read_bytes())
    assert read_tags(str(path)) == Tags("Id3 TIT2", "Id3 TPE1", "Id3 TALB", 1990)


def test_old_id3_names(tmp_path: Path) -> None:
    def frame(name: bytes, text: bytes) -> bytes:
        return name + (len(text) + 1).to_bytes(3, "big") + b"\0" + text

    frames = frame(b"TT2", b"Title") + frame(b"TP1", b"Artist") + frame(b"TYE", b"1983")
    head = b"ID3\2\0\0\0\0\0" + bytes([len(frames)])
    path = write(tmp_path / "a.mp3", tone(1.0))
    path.write_bytes(head + frames + path.read_bytes())
    assert read_tags(str(path)) == Tags("Title", "Artist", None, 1983)


def test_a_tag_in_front_of_another(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(1.0))
    id3_in_front(path)
    empty = b"ID3\4\0\x10" + bytes(4) + b"3DI\4\0\x10" + bytes(4)  # a header and a footer
    path.write_bytes(empty + path.read_bytes())
    assert read_tags(str(path)).title == "Id3 TIT2"


def test_dates_that_mutagen_would_lose(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(1.0))
    for text in ("20010503", "03.05.2001", "May 2001"):
        tag = id3.ID3()
        tag.add(id3.TYER(encoding=3, text=text))
        tag.save(path, v2_version=3)
        raw = path.read_bytes()
        path.write_bytes(raw.replace(b"TYER", b"TDRC"))
        assert read_tags(str(path)).year == 2001, text


def test_the_original_year_stands_in(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["originaldate"], file["date"] = "1969", "0000"
    file.save()
    assert read_tags(str(path)).year == 1969


# --- encodings

SONG, BAND = "Группа крови", "Кино"


def id3v1(title: bytes, artist: bytes) -> bytes:
    return b"TAG" + title.ljust(30) + artist.ljust(30, b"\0") + bytes(30) + b"1988" + bytes(31)


def test_old_texts_in_the_encoding_that_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "v1.mp3", tone(1.0))
    raw = path.read_bytes()
    path.write_bytes(raw + id3v1(SONG.encode("cp1251"), BAND.encode("cp1251")))
    assert read_tags(str(path), "cp1251") == Tags(SONG, BAND, None, 1988)
    assert read_tags(str(path)).artist == "Êèíî"
    path.write_bytes(raw + id3v1(SONG.encode(), BAND.encode()))  # UTF-8 shows itself
    assert read_tags(str(path), "cp1251") == Tags(SONG, BAND, None, 1988)

    path.write_bytes(raw)
    tag = id3.ID3()
    tag.add(id3.TIT2(encoding=0, text=SONG.encode("cp1251").decode("latin-1")))
    tag.add(id3.TPE1(encoding=1, text=[BAND, BAND[:2]]))  # UTF-16 tells what it is
    tag.save(path)
    assert read_tags(str(path), "cp1251") == Tags(SONG, f"{BAND}; {BAND[:2]}")

    info = b"INFOINAM" + (12).to_bytes(4, "little") + SONG.encode("cp1251")
    wav = write(tmp_path / "info.wav", tone(1.0))
    wav.write_bytes(wav.read_bytes() + b"LIST" + len(info).to_bytes(4, "little") + info)
    assert read_tags(str(wav), "cp1251") == Tags(SONG)


@pytest.mark.parametrize("name", ["", "no such", "rot13", "utf-16", "base64", "undefined"])
def test_encodings_that_make_no_sense(name: str) -> None:
    with pytest.raises(PartwiseError, match="is no encoding that old tags can be in"):
        check_encoding(name)
    assert check_encoding("cp1251") == "cp1251"


# --- size


@pytest.mark.parametrize("frame", [id3.USLT, id3.TIT2, id3.COMM, id3.TXXX])
def test_a_large_tag_costs_no_seconds(tmp_path: Path, frame: Any) -> None:
    path = write(tmp_path / "a.mp3", tone(1.0))
    tag = id3.ID3()
    tag.add(id3.TPE1(encoding=3, text="Artist"))
    tag.add(frame(encoding=1, text="la " * 850_000))
    tag.add(id3.APIC(type=3, mime="image/png", data=b"\x89PNG\r\n\x1a\n"))
    tag.save(path)
    assert path.stat().st_size > 5e6
    began_s = time.process_time()
    assert read_tags(str(path)).artist == "Artist"
    assert find_cover(path) is not None
    assert time.process_time() - began_s < 1.0


# --- artists


@pytest.mark.parametrize(
    ("text", "artists"),
    [
        ("AC/DC", ["AC/DC"]),
        ("Simon & Garfunkel", ["Simon & Garfunkel"]),
        ("Tyler, The Creator", ["Tyler, The Creator"]),
        ("Little Feat", ["Little Feat"]),
        ("Sunn O)))", ["Sunn O)))"]),
        ("Kenny G; Someone;Else", ["Kenny G", "Someone", "Else"]),
        ("One / Other", ["One", "Other"]),
        ("One feat. Other", ["One", "Other"]),
        ("One ft Other & Third", ["One", "Other & Third"]),
        ("One (Featuring Other)", ["One", "Other"]),
        ("One [FT. Other] / Third; One", ["One", "Other", "Third"]),
        ("Various Artists", []),
        (None, []),
    ],
)
def test_artists(text: str | None, artists: list[str]) -> None:
    assert list(Tags(artist=text).artists) == artists


def test_a_list_of_artists_wins_over_how_they_are_credited(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["artist"], file["artists"] = "One & Other", ["One", "Other"]
    file.save()
    assert read_tags(str(path)).artists == ("One", "Other")


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("Rock; Dub", ["Rock", "Dub"]),
        ("R&B/Soul, Funk", ["R&B/Soul", "Funk"]),
        ("Jazz / Jazz / Bop;", ["Jazz", "Bop"]),
        (None, []),
    ],
)
def test_genres_that_one_tag_names(text: str | None, genres: list[str]) -> None:
    assert list(Tags(genre=text).genres) == genres


@pytest.mark.parametrize(("number", "genre"), [(0, None), (255, None), (17, "Rock"), (250, None)])
def test_the_genre_of_id3v1_is_a_number(tmp_path: Path, number: int, genre: str | None) -> None:
    path = write(tmp_path / "v1.mp3", tone(1.0))
    path.write_bytes(path.read_bytes() + id3v1(b"Song", b"Band")[:-1] + bytes([number]))
    assert read_tags(str(path)).genre == genre
