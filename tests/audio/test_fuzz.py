"""Damaged files of every format, heard in child processes with limits (benchmarks/fuzz.py)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fuzz import LONGEST_S, fuzz
from fuzz_child import Child, Kind, is_sentence
from fuzz_files import FORMATS, mutate, original
from partwise.audio.decode import decode
from sounds import tone, write

FILES = 12  # of each format; the benchmark hears 500
# Numbers of damaged files that were exceptions once, at seed 0.
KNOWN = [("wav 16", 218), ("flac in ogg", 61), ("flac in ogg", 121), ("opus", 56)]
_MISBEHAVIOUR = """
import os, time
from partwise.hearing import worker as hearing

heard = hearing.hear

def hear(path, *arguments):
    name = os.path.basename(path)
    if "aborts" in name:
        os.abort()
    if "waits" in name:
        time.sleep(60)
    while "works" in name:
        pass
    if "swells" in name:
        bytearray(1 << 30)
    return heard(path, *arguments)

hearing.hear = hear
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("originals")


@pytest.fixture(scope="module")
def child(tiny_model: Path) -> Iterator[Child]:
    child = Child(tiny_model, memory_mb=512, limit_s=60, longest_s=LONGEST_S)
    yield child
    child.close()


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_heard_or_refused(name: str, child: Child, folder: Path) -> None:
    [result] = fuzz([name], FILES, 0, [child], folder)
    assert result.faults == [] and json.dumps(vars(result))
    assert sum(result.kinds.values()) == FILES
    assert result.kinds[Kind.REFUSED] < FILES, "nothing was heard: the damage is too great"


@pytest.mark.parametrize(("name", "number"), KNOWN)
def test_what_was_a_fault_is_none_any_more(
    name: str, number: int, child: Child, folder: Path
) -> None:
    path = folder / f"known.{FORMATS[name].suffix}"
    path.write_bytes(mutate(name, number, 0, folder)[0])
    verdict = child.hear(path)
    assert not verdict.kind.is_fault, verdict


@pytest.mark.parametrize("name", FORMATS)
def test_the_originals_are_heard_whole(name: str, folder: Path) -> None:
    path = folder / f"whole.{FORMATS[name].suffix}"
    path.write_bytes(original(name, folder))
    audio = decode(path)
    assert audio.seconds == pytest.approx(2.0, abs=0.1)
    assert not [note for note in audio.notes if "named as" not in note]


@pytest.mark.parametrize("name", ["vorbis", "mka opus", "m4a aac", "wma"])
def test_a_damaged_file_can_be_made_again(name: str, tmp_path: Path) -> None:
    once = [mutate(name, number, 5, tmp_path) for number in range(5)]
    original.cache_clear()
    assert once == [mutate(name, number, 5, tmp_path) for number in range(5)]
    assert len({data for data, _ in once}) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of memory are those of Unix")
def test_what_goes_wrong_is_seen(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_MISBEHAVIOUR)
    monkeypatch.syspath_prepend(str(tmp_path))
    child = Child(tiny_model, memory_mb=512, limit_s=0.5, longest_s=1.5)
    kinds = {}
    try:
        for name in ("aborts", "good", "waits", "works", "swells", "long"):
            path = write(tmp_path / f"{name}.wav", tone(2.0 if name == "long" else 1.2))
            kinds[name] = child.hear(path).kind
    finally:
        child.close()
    assert kinds == {
        "aborts": Kind.CRASH,
        "good": Kind.WHOLE,
        "waits": Kind.HANG,
        "works": Kind.HANG,
        "swells": Kind.CRASH,  # a MemoryError that nobody catches ends the child
        "long": Kind.ABSURD,
    }


def test_what_is_a_sentence() -> None:
    assert is_sentence("cut short: 1,200 of 2,400 bytes are there")
    for text in ("", "RuntimeError: what", "two\nlines", "in /tmp/x", "a" * 1000):
        assert not is_sentence(text), text
