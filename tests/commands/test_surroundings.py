"""Commands where the output is full or closed, the locale is old, or there is no home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from partwise.cli import VERBS
from partwise.hearing.child import environment
from partwise.library.library import Library
from partwise.paths import path_to_text
from recordings import record

NAMES = ("Café.wav", "emoji 🎵.flac", "Cafe\u0301 in NFD.wav", os.fsdecode(b"odd \xe9.wav"))
SEED = "seed.wav"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A library in a folder whose name is not ASCII either, of music with such names."""
    home = tmp_path_factory.mktemp("surroundings") / "Bücher"
    for number, name in enumerate((SEED, *NAMES)):
        made = record(home / "musík" / f"made{Path(name).suffix}", number)
        made.rename(made.with_name(name))  # libsndfile's binding writes no odd names
    Library(home / "library").index(home / "musík", jobs=1, model=tiny_model)
    return home


def partwise(*words: str | Path, env: dict[str, str], **more) -> subprocess.CompletedProcess[bytes]:
    """Run a command as from the shell; bytes, because that is what reaches a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "partwise", *words],
        env={**environment(), **env},
        stderr=subprocess.PIPE,
        timeout=120,
        **{"stdout": subprocess.PIPE, **more},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
    return done


def asked(verb: str, home: Path) -> list[str | Path]:
    library = ["--library", home / "library"]
    words: dict[str, list[str | Path]] = {
        "index": [home / "musík"],
        "like": [SEED],
        "path": [SEED, "emoji", "--count", "2"],
        "serve": ["--port", "0"],
        "embed": [home / "musík" / SEED, "--out", "-"],
    }
    return [verb, *words.get(verb, []), *([] if verb == "embed" else library)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["like", "--help"],
        "index like path status check serve embed".split(),
        ["like", "--json"],
        ["status", "--json"],
        ["check", "--json"],
    ],
    ids=" ".join,
)
def test_a_full_output_is_one_sentence(words: list[str], home: Path, tiny_model: Path) -> None:
    if len(words) > 2:  # each verb by itself
        commands = [asked(verb, home) for verb in words]
    else:
        verb, *options = words
        ask = verb in VERBS and options == ["--json"]
        commands = [[*asked(verb, home), *options] if ask else [*words]]
    for number, command in enumerate(commands):
        # Buffered, the last write fails; unbuffered, the first.
        unbuffered = "1" if number % 2 else ""
        env = {"PARTWISE_MODEL": str(tiny_model), "PYTHONUNBUFFERED": unbuffered}
        with open("/dev/full", "wb") as full:
            done = partwise(*command, env=env, stdout=full)
        said = done.stderr.decode().splitlines()
        assert (done.returncode, len(said)) == (2, 1), (command, said)
        assert said[0].startswith("partwise: ") and "no space left" in said[0].lower(), command


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_stderr_leaves_the_exit_code(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "partwise", "status", "--library", tmp_path / "none"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, env=environment(), stdout=full, stderr=full, timeout=60)
    assert done.returncode == 2


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    for words in (["--help"], asked("status", home), [*asked("like", home), "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb") as pipe:
            done = partwise(*words, env={}, stdout=pipe)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_output_is_no_error(home: Path) -> None:
    command = f'exec "{sys.executable}" -m partwise "$@" >&-'
    for words in (asked("status", home), [*asked("like", home), "--json"]):
        done = subprocess.run(
            ["sh", "-c", command, "", *words], env=environment(), capture_output=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a German of 1995."""
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "de_DE.ISO-8859-1"
    if shutil.which("localedef") is None:
        pytest.skip("localedef is not installed")
    subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", made], capture_output=True)
    if not made.is_dir():
        pytest.skip("localedef has no definition of de_DE")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1"}


@pytest.fixture(params=["a locale of Latin-1", "a terminal of Latin-1", "plain C"])
def old(request: pytest.FixtureRequest) -> dict[str, str]:
    """Environments in which not every name can be printed."""
    if request.param == "a locale of Latin-1":
        return request.getfixturevalue("latin_1")
    if request.param == "plain C":
        return {"LC_ALL": "C", "PYTHONUTF8": "0"}
    return {"PYTHONIOENCODING": "latin-1"}


def test_names_are_escaped(old: dict[str, str], home: Path, tmp_path: Path) -> None:
    done = partwise(*asked("like", home), env=old)
    assert done.returncode == 0
    assert rb"emoji \U0001f3b5.flac" in done.stdout and rb"odd \xe9.wav" in done.stdout
    assert b"emoji \\U0001f3b5" in partwise(*asked("path", home), env=old).stdout
    # Found as typed, and written as ever.
    words = ["like", "Café", "--library", home / "library", "--m3u8", tmp_path / "a", "--json"]
    done = partwise(*words, env=old)
    answer = json.loads(done.stdout)
    assert answer["query"]["songs"][0]["name"].endswith("musík/Café.wav")
    assert path_to_text(home / "musík" / NAMES[-1]) in {hit["path"] for hit in answer["hits"]}
    first = (tmp_path / "a").read_bytes()
    assert "emoji 🎵.flac".encode() in first and b"odd%20%E9.wav" in first
    partwise(*words, env={"LC_ALL": "C.UTF-8"})
    assert (tmp_path / "a").read_bytes() == first


def test_paths_are_remembered_as_elsewhere(
    old: dict[str, str], home: Path, tmp_path: Path, tiny_model: Path
) -> None:
    (tmp_path / "ü").mkdir()
    words = ["index", home / "musík", "--library", tmp_path / "ü" / "é", "--jobs", "1"]
    utf_8 = {"LC_ALL": "C.UTF-8", "PARTWISE_MODEL": str(tiny_model)}
    done = partwise(*words, env={**utf_8, **old})
    assert done.returncode == 0 and b"indexed 5," in done.stdout, done.stderr
    done = partwise(*words, env=utf_8)
    assert b"indexed 0, unchanged 5, moved 0, failed 0" in done.stdout
    done = partwise(*words, env={**utf_8, **old})
    assert b"indexed 0, unchanged 5, moved 0, failed 0" in done.stdout
    assert os.listdir(tmp_path) == ["ü"] and os.listdir(tmp_path / "ü") == ["é"]
    ledger = Library(tmp_path / "ü" / "é").ledger()
    assert {row.path for row in ledger} == {
        path_to_text(home / "musík" / name) for name in (SEED, *NAMES)
    }
    assert partwise("check", "--library", tmp_path / "ü" / "é", env=old).returncode == 0


@pytest.fixture
def for_all(home: Path) -> Iterator[Path]:
    """A copy of the library that every user may read; pytest's folders are its own user's."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(home / "library", Path(folder) / "library")
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755)
        yield copy


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv"
)
def test_a_user_without_a_home(for_all: Path) -> None:
    program = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable]
    env = {name: value for name, value in environment().items() if name != "HOME"}
    if subprocess.run([*program, "-c", "import partwise"], env=env, capture_output=True).returncode:
        pytest.skip("another user may not read the packages here")

    def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        command = [*program, "-m", "partwise", *words]
        return subprocess.run(
            command, env=env | more, cwd="/", capture_output=True, text=True, timeout=60
        )

    for words in (["status"], ["like", SEED], ["index", "/"], ["serve", "--port", "0"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "partwise: there is no home folder to look for a library in: name one with --library,"
            " or set PARTWISE_LIBRARY\n"
        )
    for done in (run("status", PARTWISE_LIBRARY=str(for_all)), run("status", "--library", for_all)):
        assert (done.returncode, done.stderr) == (0, "")
        assert "5 tracks" in done.stdout
