"""Names that people type, and the tracks that they mean."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from partwise.audio.tags import Tags
from partwise.library.search.matcher import Matcher, Rank, errors_to_beginnings, name_key, words_of
from partwise.library.tables.catalogue import Track
from partwise.library.tables.writer import Writer
from partwise.parts import Part
from small_library import Piece, add_pieces, make_library


def matcher_of(*tracks: tuple[str | None, str | None, str | None, str]) -> Matcher:
    """title, artist, album and path of each; its id is its number."""
    return Matcher(
        {
            str(number): Track(str(number), (path,), Tags(title, artist, album), 60.0)
            for number, (title, artist, album, path) in enumerate(tracks)
        }
    )


LIBRARY = matcher_of(
    ("Jóga", "Björk", "Homogenic", "/music/b/02 Joga.flac"),
    ("Silver Mirror", "The Lamplighters", "Night Shift", "/music/l/track7.mp3"),
    ("Mirror", "Somebody Else", None, "/music/l/track8.mp3"),
    ("Mirror Ball", "The Lamplighters", "Night Shift", "/music/l/track9.mp3"),
    ("The Mirror Song", "Others", None, "/music/l/track10.mp3"),
    ("Song of a Broken Mirror", "Others", None, "/music/l/track11.mp3"),
    (None, None, None, "/music/no tags/Ærø, Łódź & Straße.ogg"),
    ("Ζορμπάς", "Μίκης Θεοδωράκης", None, "/music/g.mp3"),
    ("Подмосковные вечера", "Ансамбль", "Ёлка", "/music/r.mp3"),
    ("群青日和", "東京事変", "教育", "/music/j.mp3"),
    ("ガラス", "はっぴいえんど", None, "/music/k.mp3"),
    ("한글 노래", "가수", None, "/music/h.mp3"),
    ("Rock 'n' Roll", "AC/DC", "T.N.T. (live)", "/music/AC-DC/rock.mp3"),
    ("!!!", "Signs", None, "/music/signs.mp3"),
    ("Nothing", "Thunderstruck Orchestra", None, "/music/thunder/n.mp3"),
)


def titles(text: str) -> list[str]:
    return [track.title for track in LIBRARY.find(text)]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize(
    ("text", "title"),
    [
        # accents and case
        ("bjork", "Jóga"),
        ("BJÖRK", "Jóga"),
        ("joga björk", "Jóga"),
        # letters of their own
        ("aero", "Ærø, Łódź & Straße"),
        ("ærø", "Ærø, Łódź & Straße"),
        ("lodz", "Ærø, Łódź & Straße"),
        ("STRASSE", "Ærø, Łódź & Straße"),
        # any order, any field, beginnings
        ("lamplighters silver", "Silver Mirror"),
        ("mirr lampl silv", "Silver Mirror"),
        ("shift night track7", "Silver Mirror"),
        ("track9.mp3", "Mirror Ball"),
        ("homogenic 02", "Jóga"),
        # punctuation
        ("rock 'n' roll", "Rock 'n' Roll"),
        ("AC/DC", "Rock 'n' Roll"),
        ("ac dc", "Rock 'n' Roll"),
        ("t n t live", "Rock 'n' Roll"),
        ("(live", "Rock 'n' Roll"),
        ("!!!", "!!!"),
        # inside words
        ("ilver", "Silver Mirror"),
        ("nderstr", "Nothing"),
        ("ogenic jörk", "Jóga"),
        ("和", "群青日和"),
        # other scripts
        ("ζορμπας", "Ζορμπάς"),
        ("ΖΟΡΜΠΆΣ", "Ζορμπάς"),
        ("μικης", "Ζορμπάς"),
        ("ПОДМОСКОВНЫЕ", "Подмосковные вечера"),
        ("вечер", "Подмосковные вечера"),
        ("елка", "Подмосковные вечера"),
        ("群青", "群青日和"),
        ("事変", "群青日和"),
        ("東京 日和", "群青日和"),
        ("ガラス", "ガラス"),
        ("ぴい", "ガラス"),
        ("한글", "한글 노래"),
        ("노래 가수", "한글 노래"),
        # typing errors: wrong, missing, too much, swapped; two in long words; and a beginning
        ("bjirk", "Jóga"),
        ("bjrk", "Jóga"),
        ("bjorrk", "Jóga"),
        ("bjrok", "Jóga"),
        ("homogneik", "Jóga"),
        ("silber mirror", "Silver Mirror"),
        ("orchextr", "Nothing"),
    ],
)
def test_a_text_finds_a_track(text: str, title: str, form: str) -> None:
    assert titles(unicodedata.normalize(form, text)) == [title]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "nowhere",
        "silver nowhere",
        "music",  # a folder
        "/music/b",
        "bjxxk",  # two errors in five letters
        "bxl",  # one in three
        "homogxxxk",  # three in nine
        "カラス",  # another word
        "%",
        "???",
        "' OR 1=1 --",
        "q",  # no word begins so; one letter inside a word says nothing
        "\udcff",
        "x" * 300,
    ],
)
def test_a_text_finds_nothing(text: str) -> None:
    assert titles(text) == []


def test_whole_titles_first_then_beginnings_phrases_words_and_insides() -> None:
    found = titles("mirror")
    # Within a rank: by artist, album and title.
    assert found == [
        "Mirror",
        "Mirror Ball",
        "Song of a Broken Mirror",
        "The Mirror Song",
        "Silver Mirror",
    ]
    assert titles("mirror song") == ["The Mirror Song", "Song of a Broken Mirror"]
    assert titles("track7") == ["Silver Mirror"]
    ranked = matcher_of(
        ("Inside: Farther", "A", None, "/1.mp3"),
        ("Words", "Art of C", None, "/2.mp3"),
        ("Art", "Z", None, "/3.mp3"),
        ("Artful", "B", None, "/4.mp3"),
        ("Other", "Y", None, "/art.mp3"),
        ("Art", "C", None, "/6.mp3"),
    )
    found = [(track.title, track.tags.artist) for track in ranked.find("art")]
    assert found == [
        ("Art", "C"),
        ("Other", "Y"),
        ("Art", "Z"),
        ("Artful", "B"),
        ("Words", "Art of C"),
        ("Inside: Farther", "A"),
    ]


def test_errors_are_forgiven_only_where_nothing_is_spelt_so() -> None:
    spelt = matcher_of(("Bird", None, None, "/1.mp3"), ("Bard", None, None, "/2.mp3"))
    assert [track.title for track in spelt.find("bird")] == ["Bird"]
    assert {track.title for track in spelt.find("byrd")} == {"Bird", "Bard"}


def test_an_empty_text_gives_the_listing() -> None:
    listed = LIBRARY.find("")
    assert len(listed) == 15
    assert listed == LIBRARY.find(" \n")
    keys = [name_key(track.tags.artist or "\uffff") for track in listed]
    assert keys == sorted(keys)
    assert listed[-1].tags.artist is None
    assert LIBRARY.find("", limit=3, offset=2) == listed[2:5]
    assert LIBRARY.find("mirror", limit=2, offset=1) == LIBRARY.find("mirror")[1:3]
    assert LIBRARY.find("mirror", offset=9) == []


def test_an_empty_catalogue() -> None:
    nobody = Matcher({})
    assert nobody.find("") == nobody.find("a") == nobody.find("!") == nobody.find("abcde") == []
    assert nobody.meant("abcde") == nobody.meant("a/b") == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mirror", ["Mirror"]),  # the whole title
        ("track1", ["Song of a Broken Mirror", "The Mirror Song"]),
        ("track9", ["Mirror Ball"]),  # a whole file name
        ("track9.mp3", ["Mirror Ball"]),
        ("lamplighters", ["Mirror Ball", "Silver Mirror"]),
        ("lamplighters silver", ["Silver Mirror"]),
        ("ilver", ["Silver Mirror"]),
        ("thunder", ["Nothing"]),  # a word; that its folder has it as well changes nothing
        ("no tags", ["Ærø, Łódź & Straße"]),  # a folder
        ("/music/b", ["Jóga"]),
        ("l/track8", ["Mirror"]),
        ("AC/DC", ["Rock 'n' Roll"]),
        ("bjirk", ["Jóga"]),
        ("nowhere", []),
        ("", []),
        (" ", []),
    ],
)
def test_a_name_for_one_track(name: str, meant: list[str]) -> None:
    assert sorted(track.title for track in LIBRARY.meant(name)) == meant


def test_every_file_of_a_track_is_a_name_of_it() -> None:
    copies = Track("1", ("/a/one.mp3", "/b/two\n.ogg"), Tags("A\nB", None, None), 60.0)
    matcher = Matcher({"1": copies})
    for name in ("one", "two ogg", "b/two", "a b", "one two"):
        assert matcher.find(name) == matcher.meant(name) == [copies] or name == "b/two"
    assert matcher.meant("b/two") == [copies]


def test_a_library_keeps_it_until_its_tracks_change(tmp_path: Path) -> None:
    library = make_library(tmp_path, [Piece("one.mp3", {Part.DRUMS: 0}, tags=Tags("Björk"))])
    matcher = library.matcher
    assert [track.title for track in matcher.find("bjork")] == ["Björk"]
    assert library.matcher is matcher
    writer = Writer(library.store, library.store.active)
    add_pieces(writer, tmp_path / "music", [Piece("bjork.mp3", {Part.DRUMS: 9})])
    assert [track.title for track in library.matcher.find("bjork")] == ["Björk", "bjork"]


# --- against a definition that looks at every track


@cache
def errors(sought: str, word: str) -> int:
    """Damerau and Levenshtein, with no pair of letters touched twice."""
    if not sought or not word:
        return len(sought) + len(word)
    found = min(
        errors(sought[1:], word) + 1,
        errors(sought, word[1:]) + 1,
        errors(sought[1:], word[1:]) + (sought[0] != word[0]),
    )
    if sought[:2] == word[1::-1] and len(word) > 1 and len(sought) > 1:
        found = min(found, errors(sought[2:], word[2:]) + 1)
    return found


def rank_of(track: Track, sought: list[str]) -> Rank | None:
    texts = (track.title, track.tags.artist, track.tags.album, Path(track.paths[0]).name)
    names = [words_of(text or "") for text in texts]
    title, file = names[0], names[-1]
    words = [word for name in names for word in name]

    def begins(name: list[str]) -> bool:
        pairs = zip(name, sought, strict=False)
        return len(name) >= len(sought) and all(word.startswith(text) for word, text in pairs)

    if sought in (title, file, file[:-1]):
        return Rank.NAME
    if begins(title):
        return Rank.BEGINNING
    if any(begins(name[at:]) for name in names for at in range(len(name))):
        return Rank.PHRASE
    if all(any(word.startswith(text) for word in words) for text in sought):
        return Rank.WORDS
    if all(
        any(text in word if len(text) > 1 else word[0] == text for word in words) for text in sought
    ):
        return Rank.INSIDE
    return None


def misspelt(track: Track, sought: list[str], most: int, begun: bool) -> bool:
    words = [w for n in (track.title, track.tags.artist, track.paths[0]) for w in words_of(n or "")]
    for at, text in enumerate(sought):
        allowed = min(most, (len(text) >= 4) + (len(text) >= 8))
        found = any(word.startswith(text) for word in words)
        for word in words:
            ends = range(len(word) + 1) if begun and at == len(sought) - 1 else [len(word)]
            found |= any(errors(text, word[:end]) <= allowed for end in ends)
        if not found:
            return False
    return True


def brute_force(catalogue: Mapping[str, Track], text: str) -> list[Track]:
    listed, sought = Matcher(catalogue).find(""), words_of(text)
    ranked = [(rank, track) for track in listed if (rank := rank_of(track, sought)) is not None]
    if ranked:
        return [track for _, track in sorted(ranked, key=lambda pair: pair[0])]
    for begun in (False, True):
        for most in (1, 2):
            found = [track for track in listed if misspelt(track, sought, most, begun)]
            if found:
                return found
    return []


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_the_definition_says(seed: int) -> None:
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcé", k=draw.choice((1, 2, 3, 4, 5, 8)))) for _ in range(40)]

    def name(most: int) -> str:
        return " ".join(draw.choices(words, k=draw.randint(1, most)))

    catalogue = {
        str(number): Track(
            str(number), (f"/{name(2)}.mp3",), Tags(name(3) if number % 4 else None, name(1)), 60.0
        )
        for number in range(60)
    }
    matcher = Matcher(catalogue)
    kinds = set()
    for _ in range(60):
        text = name(3)
        for _ in range(draw.randint(0, 3)):  # cut, and mistyped
            at = draw.randrange(len(text) + 1)
            text = (
                text[:at] + draw.choice(("", "", "b", "x", " ")) + text[at + draw.choice((0, 1)) :]
            )
        if not words_of(text):
            continue
        expected = brute_force(catalogue, text)
        assert matcher.find(text) == expected, text
        kinds |= {rank_of(track, words_of(text)) for track in expected}
    assert kinds == {*Rank, None}


def test_errors_between_words() -> None:
    draw = random.Random(1)
    for _ in range(60):
        sought, word = ("".join(draw.choices("abc", k=draw.randint(1, 6))) for _ in range(2))
        row = np.array([[ord(letter) for letter in word]])
        found = errors_to_beginnings(np.array([ord(letter) for letter in sought]), row)[0]
        assert found.tolist() == [errors(sought, word[:end]) for end in range(len(word) + 1)]
