"""``partwise index --from``: the songs of a server, heard like files and known by its ids."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.reports import IndexSummary
from partwise.library.tables.ledger import State
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.reader import Store
from partwise.library.tables.server_songs import DOWNLOADS, read_listings
from partwise.library.tables.writer import Writer
from partwise.paths import hash_content
from partwise.servers.subsonic import Subsonic
from recordings import StopAfter, counts, record
from stand_in_server import KEY, PASSWORD, StandIn, serving


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """The files that the server has: no run may look at them."""
    for number in range(4):
        record(tmp_path / "theirs" / f"Song {number}.wav", number)
    return tmp_path / "theirs"


@pytest.fixture
def server(songs: Path) -> Iterator[StandIn]:
    stand_in = StandIn()
    for number, file in enumerate(sorted(songs.iterdir())):
        stand_in.add(f"so/{number}", file, artist=f"Artist {number % 2}")
    with serving(stand_in):
        yield stand_in


@pytest.fixture
def run(tmp_path: Path, server: StandIn, tiny_model: Path):
    def run(secret: str = PASSWORD, url: str | None = None, **options) -> IndexSummary:
        source = Subsonic(url or server.url, secret, waits_s=(0.01, 0.01))
        library = Library(tmp_path / "library")
        return library.index(server=source, model=tiny_model, jobs=1, **options)

    return run


def library_of(tmp_path: Path) -> Library:
    return Library.open(tmp_path / "library")


def test_songs_are_heard_and_known_by_the_ids_and_names_of_their_server(
    run, server: StandIn, songs: Path, tmp_path: Path
) -> None:
    assert counts(run()) == {"indexed": 4}
    library = library_of(tmp_path)
    row = library.ledger()[1]
    assert row.path == f"{server.root}/so%2F1"
    assert row.content_hash == hash_content(songs / "Song 1.wav")
    assert (row.state, row.size) == (State.INDEXED, (songs / "Song 1.wav").stat().st_size)
    assert row.content_hash is not None
    track = library.catalogue[row.content_hash]
    assert track.tags == Tags("Song 1", "Artist 1", "An album", 1999)
    listing = read_listings(library.path)[server.root]
    assert listing.artists_of("so/1") == [("ar-Artist 1", "Artist 1")]
    hits = library.search(f"{server.root}/so%2F0", top=3)
    assert {hit.tags.title for hit in hits} == {"Song 1", "Song 2", "Song 3"}
    assert library.find(row.path) == row.content_hash
    assert library.check(files=True).sound and library.status().missing == []
    assert not (library.path / DOWNLOADS).exists()
    assert server.most_downloading <= 2
    everything = b"".join(p.read_bytes() for p in library.path.rglob("*") if p.is_file())
    assert PASSWORD.encode() not in everything


def test_what_is_known_is_not_downloaded_again(run, server: StandIn, songs: Path) -> None:
    run()
    server.asked.clear()
    assert counts(run()) == {"unchanged": 4}
    assert server.times()["download"] == 0
    record(songs / "Song 2.wav", 9)
    server.add("so/2", songs / "Song 2.wav", artist="Artist 0")
    assert counts(run()) == {"indexed": 1, "unchanged": 3}
    assert [params["id"] for method, params in server.asked if method == "download"] == ["so/2"]


def test_names_follow_the_server_without_a_download(run, server: StandIn, tmp_path: Path) -> None:
    run()
    child, data = server.songs["so/0"]
    server.songs["so/0"] = ({**child, "title": "Another name", "year": "2001"}, data)
    server.asked.clear()
    assert counts(run()) == {"unchanged": 4, "tags_changed": 1}
    assert server.times()["download"] == 0
    titles = {track.title for track in library_of(tmp_path).catalogue.values()}
    assert titles == {"Another name", "Song 1", "Song 2", "Song 3"}


def test_a_song_that_is_gone_is_missing_until_it_is_pruned(
    run, server: StandIn, tmp_path: Path
) -> None:
    run()
    del server.songs["so/3"]
    assert counts(run()) == {"unchanged": 3, "missing": 1}
    assert len(library_of(tmp_path).catalogue) == 3
    assert counts(run(prune=True)) == {"unchanged": 3, "pruned": 1}
    assert library_of(tmp_path).store.count() == 3


def test_a_server_without_its_disk_is_told_from_one_that_was_cleared_up(
    run, server: StandIn, tmp_path: Path
) -> None:
    run()
    server.songs.clear()
    summary = run()
    assert counts(summary) == {"missing": 4}
    assert summary.away == [f"nothing was found in {server.root}, where 4 files were"]
    with pytest.raises(PartwiseError, match="--prune forgets nothing"):
        run(prune=True)
    assert library_of(tmp_path).store.count() == 4


def test_a_song_that_a_page_passed_over_is_asked_for(
    run, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    answer = StandIn.answer

    def shifted(self: StandIn, method: str, params: dict[str, str]):
        found = answer(self, method, params)
        if method == "search3" and found:
            found["searchResult3"]["song"] = found["searchResult3"]["song"][1:]
        return found

    monkeypatch.setattr(StandIn, "answer", shifted)
    server.asked.clear()
    assert counts(run()) == {"unchanged": 4}
    assert server.times()["getSong"] == 1


def test_a_song_by_another_id_has_moved(run, server: StandIn, tmp_path: Path) -> None:
    run()
    child, data = server.songs.pop("so/3")
    server.songs["new"] = ({**child, "id": "new"}, data)
    assert counts(run()) == {"unchanged": 3, "moved": 1}
    assert f"{server.root}/new" in {row.path for row in library_of(tmp_path).ledger()}


def test_a_bad_song_is_recorded_and_the_others_are_heard(
    run, server: StandIn, tmp_path: Path
) -> None:
    server.faults = {"download so/0": ["code 70"], "download so/1": ["text"]}
    server.songs["so/2"] = (server.songs["so/2"][0], b"RIFF, but no recording")
    summary = run()
    assert counts(summary) == {"indexed": 1, "failed": 3}
    reasons = [row.reason or "" for row in library_of(tmp_path).status().failed]
    here = server.root.replace("subsonic", "http")
    assert reasons[0] == f"{here} refuses download: As you like it."
    assert reasons[1] == f"{here} answers download, but not as OpenSubsonic does"
    # What the server could not give is asked for again, what it gave was no audio.
    assert counts(run()) == {"indexed": 2, "unchanged": 1, "failed_earlier": 1}


def test_what_broke_off_is_downloaded_anew(run, server: StandIn, tmp_path: Path) -> None:
    server.faults = {
        "download so/0": ["cut", "503"],
        "download so/1": ["close"],
        "search3": ["500"],
        "download so/2": ["cut", "cut", "cut"],
    }
    assert counts(run()) == {"indexed": 3, "failed": 1}
    [failed] = library_of(tmp_path).status().failed
    assert failed.path.endswith("/so%2F2") and "bytes" in (failed.reason or "")
    assert counts(run()) == {"indexed": 1, "unchanged": 3}


def test_an_end_without_a_length_is_not_taken_for_the_end_of_the_song(
    run, server: StandIn, songs: Path, tmp_path: Path
) -> None:
    server.lengths = False
    server.faults = {"download so/0": ["cut"]}
    assert counts(run()) == {"indexed": 4}
    contents = {row.content_hash for row in library_of(tmp_path).ledger()}
    assert contents == {hash_content(file) for file in songs.iterdir()}


def test_a_server_that_goes_away_ends_the_run_and_costs_no_song(
    run, server: StandIn, tmp_path: Path
) -> None:
    server.faults = {"download so/3": ["503"] * 3}
    with pytest.raises(PartwiseError, match="answers download with HTTP 503"):
        run()
    assert library_of(tmp_path).status().failed == []
    assert not (tmp_path / "library" / DOWNLOADS).exists()
    summary = run()
    assert summary.indexed >= 1 and summary.indexed + summary.unchanged == 4


def test_an_interrupted_run_goes_on(run, server: StandIn, tmp_path: Path) -> None:
    reporter = StopAfter(1)
    # Both downloads wait, for longer than the others need to be heard.
    server.faults = {f"download so/{number}": ["wait 60"] for number in (2, 3)}
    first = run(reporter=reporter, stop=reporter.stop)
    assert first.interrupted and 1 <= first.indexed < 4
    assert not (tmp_path / "library" / DOWNLOADS).exists()
    assert counts(run()) == {"indexed": 4 - first.indexed, "unchanged": first.indexed}


def test_a_silent_server_does_not_hold_up_the_end(run, server: StandIn) -> None:
    server.faults = {"download": ["wait 30"] * 4}
    stop = threading.Event()
    timer = threading.Timer(1.5, stop.set)
    timer.start()
    assert run(stop=stop).interrupted
    timer.join()


@pytest.mark.parametrize(
    ("secret", "url", "said"),
    [
        ("wrong", None, "Wrong username or password"),
        (PASSWORD, "subsonic+http://you@127.0.0.1:{port}", "Wrong username or password"),
        ("wrong", "subsonic+http://127.0.0.1:{port}", "Wrong username or password"),
        (PASSWORD, "subsonic+http://me@127.0.0.1:1", "cannot be reached"),
        (PASSWORD, "subsonic://me@127.0.0.1:{port}", "cannot be reached"),
        (PASSWORD, "subsonic+http://me@127.0.0.1:{port}/prefix", "is OpenSubsonic spoken there"),
    ],
)
def test_who_is_not_let_in_gets_one_sentence_and_no_library(
    run, server: StandIn, tmp_path: Path, secret: str, url: str | None, said: str
) -> None:
    with pytest.raises(PartwiseError, match=said) as caught:
        run(secret, url and url.format(port=server.port))
    assert secret not in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "library").exists()


def test_other_ways_to_be_let_in(run, server: StandIn) -> None:
    assert counts(run(KEY, f"subsonic+http://127.0.0.1:{server.port}")) == {"indexed": 4}
    server.salted = False  # as where the users are those of an LDAP directory
    assert counts(run()) == {"unchanged": 4}


def test_a_server_that_leads_elsewhere_is_not_followed(run, server: StandIn) -> None:
    server.faults = {"ping": ["on"]}
    with pytest.raises(PartwiseError, match=r"leads on to https://music\.example\.com: name that"):
        run()


def test_albums_lead_to_the_songs_of_older_servers(run, server: StandIn) -> None:
    server.open_subsonic, server.page = False, 3
    assert counts(run()) == {"indexed": 4}
    assert server.times()["search3"] == 0 and server.times()["getAlbum"] == 4


def test_pages_may_be_smaller_than_asked_for(run, server: StandIn) -> None:
    server.page = 3
    assert counts(run()) == {"indexed": 4}
    assert server.times()["getAlbum"] == 0


def test_who_may_only_listen_is_sent_the_same_file(
    run, server: StandIn, songs: Path, tmp_path: Path
) -> None:
    server.faults = {"download": ["code 50"] * 4}
    assert counts(run()) == {"indexed": 4}
    assert [p["format"] for method, p in server.asked if method == "stream"] == ["raw"] * 4
    contents = {row.content_hash for row in library_of(tmp_path).ledger()}
    assert contents == {hash_content(file) for file in songs.iterdir()}


def test_the_same_bytes_as_a_file_and_on_a_server_are_one_track(
    run, server: StandIn, songs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(songs, ours)
    library = Library(tmp_path / "library")
    library.index(ours, model=tiny_model, jobs=1)
    assert counts(run()) == {"indexed": 4, "copies": 4}
    track = library_of(tmp_path).catalogue[hash_content(ours / "Song 0.wav")]
    assert track.paths == (str(ours / "Song 0.wav"), f"{server.root}/so%2F0")
    assert track.tags.artist is None  # the file has no tags, and the file's count
    # Either may go and the other stays.
    (ours / "Song 0.wav").unlink()
    assert counts(library.index(ours, model=tiny_model, jobs=1)) == {"unchanged": 3, "missing": 1}
    assert counts(run()) == {"unchanged": 4, "tags_changed": 1}
    track = library_of(tmp_path).catalogue[track.track_id]
    assert track.paths == (f"{server.root}/so%2F0",) and track.tags.artist == "Artist 0"


def test_match_takes_ids_and_downloads_nothing(
    run, server: StandIn, songs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    library = Library(tmp_path / "library")
    library.index(songs, model=tiny_model, jobs=1)
    # Files without tags match nothing; those with the server's names do.
    names = {}
    for child, data in server.songs.values():
        path = songs / f"{child['title']}.wav"
        names[hash_content(path)] = Tags(child["title"], child["artist"], child["album"], 1999)
        assert path.read_bytes() == data
    summary = run(match=True)
    assert (summary.matched, server.times()["download"]) == (0, 0)
    with WriterLock(library.path):
        store = Store(library.path)
        track_id = next(iter(names))
        names[track_id] = replace(names[track_id], album="Another album")
        Writer(store, store.active).set_tags(names)
    summary = run(match=True)
    assert (summary.matched, server.times()["download"]) == (3, 0)
    assert run(match=True).matched == 0
    assert counts(run()) == {"indexed": 1, "copies": 1, "unchanged": 3}
    assert server.times()["download"] == 1
