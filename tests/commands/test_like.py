import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from partwise import Part, PartWeights
from partwise.audio.tags import Tags
from partwise.cli import main
from partwise.commands.answers import bar, print_hits
from partwise.library.library import Library
from small_library import Piece, make_library
from sounds import sound, write

D, B, P, G = Part.DRUMS, Part.BASS, Part.PIANO, Part.GUITAR
LONG = "a name that is by itself already longer than the eighty columns of a usual terminal.flac"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("like")
    make_library(
        folder,
        [
            Piece("seed.mp3", {D: 0, B: 0, P: 0}, 14, Tags("Seed Song", "Alpha", "One", 1970)),
            Piece(LONG, {D: [90] * 4 + [1] * 4, B: 30, P: 0}, 8, copies=["copy.flac"]),
            Piece(
                "beta.mp3", {D: 20, B: 0, G: 0}, 9, Tags("Song [red]B[/red]", "Beta", None, 1980)
            ),
            Piece("beta.ogg", {D: 21, B: 1, G: 0}, 9, Tags("Song B", "Beta", None, 1980)),
            Piece("no bass.mp3", {D: 0}, 5, Tags(None, "Beta", None, 1990)),
            Piece(os.fsdecode(b"od\xffd.mp3"), {D: 50, B: 50}, 6),
        ],
    )
    return folder


@pytest.fixture
def run(folder, capsys):
    """Runs ``partwise like`` on the library: (exit code, stdout, stderr)."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["like", *map(str, arguments), "--library", str(folder / "library")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def paths(out: str) -> list[str]:
    """The paths of the hits in a printed table, in order."""
    lines = [line.strip() for line in out.splitlines()[2:]]
    return [line for line in lines if line.startswith("/")]


def test_the_table(run, folder):
    code, out, err = run("seed.mp3", "--parts", "drums=2,bass")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == f"like {folder}/music/seed.mp3, by drums=2, bass=1"
    assert lines[1].split() == "# score drums bass piano guitar other moments".split()
    assert paths(out) == [
        f"{folder}/music/beta.mp3",
        f"{folder}/music/{LONG}",
        f"{folder}/music/od\\xffd.mp3",
        f"{folder}/music/no bass.mp3",
    ]
    first = lines[2].split()
    # (2 cos 20 + cos 0) / 3; piano is absent from the hit, guitar from the query.
    assert first == ["1", "0.96", *"███▊ .94 ████ 1.0 absent - absent 0:00 ≈ 0:00".split()]
    assert lines[3].split()[:5] == ["90%", "90%", "10%", "90%", "10%"]
    assert lines[4].strip() == "Beta - Song [red]B[/red]  +1 alike"
    assert "+1 copy" in out
    before = lines.index("    from here on, not all of drums, bass can be heard together")
    assert lines[before + 1].split()[0] == "4"


def test_moments_in_the_table(run):
    _, out, _ = run("seed.mp3", "--parts", "drums", "--where", f"path LIKE '%{LONG}'")
    hit = out.splitlines()[2]
    assert re.search(r"0:00 ≈ 0:20$", hit), hit
    _, out, _ = run(LONG, "--parts", "drums", "--at", "0:25-0:40", "--where", "year = 1970")
    assert re.search(r"0:2[05] ≈ 0:00$", out.splitlines()[2])
    assert out.splitlines()[0].endswith(f"{LONG} from 0:25 to 0:40, by drums")


def rendered(folder: Path, **options) -> str:
    opened = Library.open(folder / "library")
    query = opened.query("seed.mp3")
    weights = PartWeights.parse("drums=2,bass")
    file = io.StringIO()
    print_hits(Console(file=file, **options), query, weights, opened.search(query, weights))
    return file.getvalue()


def test_a_terminal_of_80_columns_shows_every_table_line_unwrapped(folder):
    plain = rendered(folder, width=80)
    coloured = rendered(folder, width=80, force_terminal=True, color_system="standard")
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert stripped == plain and coloured != plain
    table = [line for line in plain.splitlines() if not line.strip().startswith(("/", "like /"))]
    assert all(len(line) <= 80 for line in table)
    assert LONG in plain
    # What was asked for is bright, the rest is dim.
    assert "\x1b[1;32m███▊ .94" in coloured
    assert "\x1b[2mabsent" in coloured


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [(1.0, "████"), (0.5, "██  "), (0.97, "███▉"), (0.0, "    "), (-0.4, "    "), (0.03, "▏   ")],
)
def test_bars(similarity, expected):
    assert bar(similarity) == expected
    assert len(bar(similarity, blocks=False)) == 4 and bar(similarity, blocks=False).isascii()


def test_json(run, folder):
    code, out, err = run("seed.mp3", "--parts", "drums=2,bass", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert list(answer) == ["query", "weights", "model", "hits"]
    assert answer["weights"] == {"drums": 2, "bass": 1, "piano": 0, "guitar": 0, "other": 0}
    assert answer["model"] == Library.open(folder / "library").store.digest
    assert answer["query"]["parts"] == ["drums", "bass", "piano"]
    [song] = answer["query"]["songs"]
    assert song["name"] == f"{folder}/music/seed.mp3" and song["duration_s"] == 75
    assert answer["query"]["passage"] is None
    first, second, third, last = answer["hits"]
    assert list(first) == [
        *("rank", "score", "track_id", "path", "paths", "similarities", "presence"),
        *("moments", "tags", "duration_s", "alike"),
    ]
    assert first["rank"] == 1 and first["path"] == f"{folder}/music/beta.mp3"
    assert first["score"] == pytest.approx((2 * np.cos(np.radians(20)) + 1) / 3, abs=1e-5)
    assert first["similarities"]["piano"] is None is first["similarities"]["guitar"]
    assert first["presence"]["guitar"] == pytest.approx(0.9)
    assert first["alike"] == [f"{folder}/music/beta.ogg"]
    assert first["tags"] == {
        "title": "Song [red]B[/red]",
        "artist": "Beta",
        "album": None,
        "year": 1980,
        "genre": None,
    }
    assert len(second["paths"]) == 2
    moment = second["moments"][0]
    assert (moment["start_s"], moment["end_s"]) == (20, 30)
    assert moment["query"][0]["parts"] == ["drums", "bass"]
    assert third["path"].startswith("file://") and third["path"].endswith("od%FFd.mp3")
    assert last["similarities"]["bass"] is None


def test_json_of_a_passage_and_of_songs_for_parts(run, folder):
    _, out, _ = run("seed.mp3", "--at", "0:10-0:20.5", "--json")
    assert json.loads(out)["query"]["passage"] == [10, 20.5]
    code, out, _ = run("--drums-of", "no bass.mp3", "--bass-of", "beta.mp3", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [(Path(s["name"]).name, s["parts"]) for s in answer["query"]["songs"]] == [
        ("no bass.mp3", ["drums"]),
        ("beta.mp3", ["bass"]),
    ]
    assert answer["weights"] == {"drums": 1, "bass": 1, "piano": 0, "guitar": 0, "other": 0}
    assert Path(answer["hits"][0]["path"]).name == "seed.mp3"
    sides = answer["hits"][0]["moments"][0]["query"]
    assert [(Path(side["name"]).name, side["parts"]) for side in sides] == [
        ("no bass.mp3", ["drums"]),
        ("beta.mp3", ["bass"]),
    ]
    _, out, _ = run("--drums-of", "no bass.mp3", "--bass-of", "beta.mp3")
    assert "    drums of no bass.mp3 0:00, bass of beta.mp3 0:00 ≈ 0:00" in out.splitlines()


def test_several_songs(run):
    code, out, _ = run("seed.mp3", "no bass.mp3", "--parts", "drums,bass")
    assert code == 0 and "seed.mp3 and " in out.splitlines()[0]
    assert Path(paths(out)[0]).name == "beta.mp3"


def test_a_playlist_on_standard_output_stands_alone(run, folder, tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    asked = ("seed.mp3", "--parts", "bass", "--top", "2")
    for name in ("-", "/dev/stdout", tmp_path / "link"):
        code, out, err = run(*asked, "--m3u8", name)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "#EXTM3U"
        assert [Path(line).exists() for line in lines[2::2]] == [True, True]
    assert (tmp_path / "link").is_symlink()
    for options in (["--m3u8", "-", "--json"], ["--m3u8", "-", "--xspf", "/dev/stdout"]):
        code, out, err = run(*asked, *options)
        assert (code, out) == (2, "")
        assert err == "partwise: only one of --m3u8, --xspf and --json can go to standard output\n"


def test_a_playlist_goes_where_its_name_leads(run, folder, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "link.m3u8").symlink_to("lists/real.m3u8")
    code, out, _ = run("seed.mp3", "--m3u8", tmp_path / "link.m3u8", "--top", "2")
    assert code == 0 and len(paths(out)) == 2
    assert (tmp_path / "link.m3u8").is_symlink()
    lines = (tmp_path / "lists/real.m3u8").read_text().splitlines()
    assert lines[2::2] == paths(out)  # absolute: it is opened from either folder
    command = 'exec "$1" -m partwise like seed.mp3 --library "$2" --m3u8 >(cat > "$3")'
    words = ["bash", "-c", command, "", sys.executable, folder / "library", tmp_path / "piped"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.startswith("wrote /dev/fd/")) == (0, True)
    deadline_s = time.monotonic() + 10  # nobody waits for what reads it
    while not (piped := (tmp_path / "piped").read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    files = [line.removeprefix("file://") for line in piped.splitlines()[2::2]]
    assert len(files) == 4 and all(line.startswith(f"{folder}/music/") for line in files)


@pytest.mark.parametrize("option", ["--m3u8", "--xspf"])
def test_playlists(run, folder, tmp_path, option):
    out_path = tmp_path / "lists" / "out.list"
    out_path.parent.mkdir()
    code, out, err = run("seed.mp3", "--parts", "drums,bass", option, out_path, "--top", 3)
    assert code == 0 and err == f"wrote {out_path} (3 tracks)\n" and len(paths(out)) == 3
    text = out_path.read_text("utf-8")
    if option == "--m3u8":
        entries = [line for line in text.splitlines() if not line.startswith("#")]
        assert entries[:2] == [
            os.path.relpath(folder / "music" / name, out_path.parent) for name in ("beta.mp3", LONG)
        ]
        assert "#EXTINF:50,Beta - Song [red]B[/red]" in text
    else:
        tracks = ElementTree.fromstring(text).findall(".//{http://xspf.org/ns/0/}location")
        assert (tracks[0].text or "").startswith("../") and len(tracks) == 3
        assert (tracks[2].text or "").endswith("od%FFd.mp3")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a song"),
        (["seed.mp3", "--parts", "guitar"], "guitar cannot be heard in .*: there are drums, bass"),
        (["seed.mp3", "--parts", "vocals"], "unknown part 'vocals'"),
        (["seed.mp3", "--parts", "drums=-1"], "the weight of drums is -1"),
        (["--guitar-of", "seed.mp3"], "guitar cannot be heard in .*seed.mp3"),
        (["beta"], r"beta could be any of 2 tracks: .*beta.mp3 \(Song .*; .*beta.ogg"),
        (["nonsense"], "nonsense is no file, and no track of the library"),
        (["seed.mp3", "--at", "3:00-3:10"], "seed.mp3 is 1:15 long: 3:00-3:10 is past its end"),
        (["seed.mp3", "--at", "1:00"], "'1:00' is not a range of time"),
        (["seed.mp3", "beta.mp3", "--at", "0:00-0:10"], "a range of time belongs to one song"),
        (["seed.mp3", "--where", "nonsense = 3"], "--where 'nonsense = 3' is not a condition"),
        (["seed.mp3", "--where", "year > 1 title = 'x'"], r".* what is \"title = 'x'\"\?"),
        (["seed.mp3", "--top", "0"], "at least 1"),
        (["seed.mp3", "--max-per-artist", "0"], "at least 1"),
        (["seed.mp3", "--m3u8", "/nowhere/out"], "cannot write the playlist /nowhere/out"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(run, arguments, sentence):
    code, out, err = run(*arguments)
    assert code == 2 and out == ""
    assert re.match(f"partwise: .*{sentence}", err), err
    assert err.count("\n") == 1


def test_absurdly_long_tags_are_cut_for_people_alone(tmp_path, capsys):
    title, artist = "t" * 100_000, "; ".join(f"artist {number}" for number in range(3000))
    pieces = [Piece(f"{n}.mp3", {D: 40 * n}, tags=Tags(f"{n}{title}", artist)) for n in range(3)]
    library = make_library(tmp_path, pieces)
    arguments = ["0.mp3", "--library", str(library.path)]
    assert main(["like", *arguments]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) < 400 and "artist 1; " in table and "ttt..." in table
    assert main(["like", *arguments, "--json"]) == 0
    (hit, _) = json.loads(capsys.readouterr().out)["hits"]
    assert hit["tags"]["title"] == f"1{title}" and hit["tags"]["artist"] == artist
    assert main(["path", "0.mp3", "2.mp3", "--library", str(library.path)]) == 0
    assert main(["like", "artist 7", "--library", str(library.path)]) == 2
    assert main(["path", "0.mp3", "0.mp3", "--library", str(library.path)]) == 2
    said = capsys.readouterr()
    assert max(map(len, f"{said.out}{said.err}".splitlines())) < 1000


def test_no_library_and_an_empty_one(tmp_path, capsys):
    assert main(["like", "a.mp3", "--library", str(tmp_path / "none")]) == 2
    assert "partwise index FOLDER" in capsys.readouterr().err
    make_library(tmp_path, [])
    assert main(["like", "a.mp3", "--library", str(tmp_path / "library")]) == 2
    assert "holds no tracks yet: run `partwise index FOLDER`" in capsys.readouterr().err


def test_no_hit_says_why(run, tmp_path, capsys):
    code, out, err = run("seed.mp3", "--where", "year > 3000")
    assert (code, out, err) == (0, "", "no track satisfies --where 'year > 3000'\n")
    make_library(tmp_path, [Piece("a.mp3", {D: 0}), Piece("b.mp3", {D: 0}, 4)])
    library = ["--library", str(tmp_path / "library")]
    (tmp_path / "music" / "b.mp3").unlink()
    assert main(["like", "a.mp3", *library]) == 0
    assert "no other track to compare with" in capsys.readouterr().err
    (tmp_path / "music" / "a.mp3").unlink()
    assert main(["like", "a.mp3", *library]) == 0
    assert "none of the files of the 2 tracks is there any more" in capsys.readouterr().err
    assert main(["like", "a.mp3", *library, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"] == []


def test_piped_into_a_narrow_ascii_world(folder):
    """A process of its own: plain ASCII output, nothing cut, and no torch."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "partwise", "like", "seed.mp3"],
        capture_output=True,
        env={
            **os.environ,
            "PYTHONIOENCODING": "ascii",
            "COLUMNS": "40",
            "PARTWISE_LIBRARY": f"{folder}/library",
        },
        check=True,
        timeout=120,
    )
    out = done.stdout.decode("ascii")
    assert LONG in out and "####" in out and "0:00 ~ 0:00" in out
    assert b" torch" not in done.stderr and b" lancedb" in done.stderr


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, Path]:
    """Recordings indexed by the tiny model: (folder, model)."""
    folder = tmp_path_factory.mktemp("heard")
    music = folder / "music"
    write(music / "same drums.wav", sound({D: 0.2, B: 0.9, P: 0.9}, 21))
    write(music / "same bass.wav", sound({D: 0.8, B: 0.2}, 22))
    write(music / "piano.flac", sound({P: 0.2}, 23))
    Library(folder / "library").index(music, jobs=1, model=tiny_model)
    return folder, tiny_model


def test_a_file_outside_the_library_is_heard_on_the_spot(heard, tmp_path, capsys):
    folder, model = heard
    seed = write(tmp_path / "seed.wav", sound({D: 0.2, B: 0.2}, 24))
    common = ["--library", str(folder / "library"), "--model", str(model)]

    def first(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["like", *arguments, *common]) == 0
        return Path(paths(capsys.readouterr().out)[0]).name

    assert first(str(seed), "--parts", "drums") == "same drums.wav"
    assert first(str(seed), "--parts", "bass") == "same bass.wav"
    assert first(str(seed), "--parts", "bass", "--at", "5-15") == "same bass.wav"
    assert main(["like", str(seed), "--parts", "piano", *common]) == 2
    assert re.search(
        r"piano cannot be heard in .*seed\.wav: there are drums and bass", capsys.readouterr().err
    )


def test_files_that_cannot_be_heard(heard, tmp_path, capsys):
    folder, model = heard
    for name, content in (("empty.mp3", b""), ("text.wav", b"not a sound" * 100)):
        (tmp_path / name).write_bytes(content)
        arguments = ["like", str(tmp_path / name), "--library", str(folder / "library")]
        assert main([*arguments, "--model", str(model)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("partwise: ") and name in err and err.count("\n") == 1


def test_less_like_a_song_or_parts_of_it(run, folder):
    def scores(*less: str) -> dict[str, float]:
        code, out, err = run("seed.mp3", "--parts", "drums", "--json", *less)
        assert (code, err) == (0, "")
        return {Path(hit["path"]).name: hit["score"] for hit in json.loads(out)["hits"]}

    plain = scores()
    for less in ("no bass.mp3", "beta.ogg:drums", f"{folder}/music/beta.ogg:drums,bass"):
        found = scores("--less-like", less)
        assert Path(less.partition(":")[0]).name not in found
    assert scores("--less-like", "beta.ogg:drums")[LONG] < plain[LONG] + 1e-6
    same = scores("--less-like", "beta.ogg:guitar")
    assert {name: plain[name] for name in same} == pytest.approx(same)
    code, _, err = run("seed.mp3", "--less-like", "no bass.mp3:bass")
    assert code == 2 and "bass cannot be heard in" in err


def test_conditions_and_artists(run):
    code, out, _ = run("seed.mp3", "--where", "has_guitar AND enters_guitar < 5", "--json")
    assert code == 0
    assert [hit["tags"]["artist"] for hit in json.loads(out)["hits"]] == ["Beta"]
    _, out, _ = run("seed.mp3", "--artist", "BETA", "--max-per-album", "1", "--json")
    assert {hit["tags"]["artist"] for hit in json.loads(out)["hits"]} == {"Beta"}
    _, out, _ = run("seed.mp3", "--not-artist", "beta", "--json")
    assert "Beta" not in {hit["tags"]["artist"] for hit in json.loads(out)["hits"]}
    assert run("seed.mp3", "--artist", "Nobody")[2] == "no track is by Nobody\n"
    said = run("seed.mp3", "--artist", "Beta", "--where", "year > 2000")[2]
    assert said == "no track satisfies --where 'year > 2000'\n"
    said = run("seed.mp3", "--artist", "Beta", "--not-artist", "Beta")[2]
    assert said == "no track satisfies all of the conditions\n"
