"""Files of a library damaged one after another, and power cuts; for ``benchmarks/faults.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fault_seed import Seed, answers_of, same_answers
from partwise.errors import PartwiseError


def _delete(path: Path, rng: np.random.Generator) -> None:
    path.unlink()


def _empty(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"")


def _halve(path: Path, rng: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _zero(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _flip(path: Path, rng: np.random.Generator) -> None:
    contents = bytearray(path.read_bytes())
    if contents:
        contents[rng.integers(len(contents))] ^= 1 << int(rng.integers(8))
        path.write_bytes(contents)


SPOILS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "deleted": _delete,
    "emptied": _empty,
    "cut in half": _halve,
    "filled with zeros": _zero,
    "a bit flipped": _flip,
}


@dataclass(frozen=True)
class Spoilt:
    """What came of one damaged file.

    found : by ``check``. sentence : what a search said, None when it answered. heard_again : files.
    faults : what should not be (nothing, one hopes).
    """

    file: str
    spoil: str
    found: tuple[str, ...]
    sentence: str | None
    heard_again: int
    faults: tuple[str, ...]


def spoil_file(seed: Seed, work: Path, file: str, spoil: str, rng: np.random.Generator) -> Spoilt:
    """Damage one file of a copy; check, ask, repair, check, index, compare."""
    library = seed.copy(work)
    SPOILS[spoil](library / file, rng)
    faults: list[str] = []
    report = seed.check(library)
    sentence, former = None, None
    try:
        former = answers_of(seed, library)
    except PartwiseError as error:
        sentence = str(error)
    except Exception as error:
        faults.append(f"a search raised {type(error).__name__}: {error}")
    if report.sound and (former is None or not same_answers(former, seed.answers)):
        faults.append(f"check found nothing, and a search gave {sentence or 'other answers'}")
    repaired = seed.check(library, repair=True)
    if not repaired.sound:
        faults.append(f"not mended: {repaired.findings}")
    again = seed.check(library)
    if again.findings:
        faults.append(f"found again: {again.findings[0]}")
    heard_again = 0
    try:
        summary = seed.index(library)
        heard_again = summary.indexed - summary.copies
        if not same_answers(answers_of(seed, library), seed.answers):
            faults.append("other answers than before")
    except Exception as error:
        faults.append(f"the next run raised {type(error).__name__}: {error}")
    if (last := seed.check(library)).findings:
        faults.append(f"found after the next run: {last.findings[0]}")
    return Spoilt(
        file, spoil, tuple(map(str, report.findings)), sentence, heard_again, tuple(faults)
    )


def library_files(library: Path) -> list[str]:
    """Every file of a library but the lock, relative to it."""
    files = (path for path in sorted(library.rglob("*")) if path.is_file())
    return [str(path.relative_to(library)) for path in files if path.name != "library.lock"]


def faults_of(seed: Seed, library: Path) -> tuple[bool, list[str]]:
    """Go on with a library that was cut off: whether repair was needed, and what is wrong then."""
    faults: list[str] = []
    needed = False
    try:
        seed.index(library)
    except PartwiseError:
        needed = True
        try:
            seed.check(library, repair=True)
            seed.index(library)
        except Exception as error:
            return needed, [f"even after a repair: {type(error).__name__}: {error}"]
    except Exception as error:
        return needed, [f"a traceback: {type(error).__name__}: {error}"]
    report = seed.check(library)
    if report.findings:
        needed = True
        seed.check(library, repair=True)
        seed.index(library)
        if (again := seed.check(library)).findings:
            faults.append(f"not mended: {again.findings[0]}")
    if not same_answers(answers_of(seed, library), seed.answers):
        faults.append("other answers than an uninterrupted run")
    return needed, faults
