"""A folder of damaged files among good ones, through ``partwise index`` itself."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from fuzz_child import is_sentence
from fuzz_files import FORMATS, mutate, original
from partwise.audio.types import is_audio_name
from partwise.hearing.child import ended_with_parent
from partwise.library.library import Library
from partwise.library.tables.ledger import State


def index_folder(names: list[str], count: int, seed: int, folder: Path, model: Path) -> int:
    """Index ``count`` damaged files and a good one of each format; prints what is wrong.

    Returns 1 unless the ledger has every file, heard or failed with a sentence, and all good ones
    were heard.
    """
    music, library = folder / "music", folder / "library"
    music.mkdir()
    names = [name for name in names if is_audio_name(f"a.{FORMATS[name].suffix}")]
    good, damaged = {}, {}
    for name in names:
        path = music / f"good {name}.{FORMATS[name].suffix}"
        path.write_bytes(original(name, folder))
        good[str(path)] = name
    for number in range(count):
        name = names[number % len(names)]
        path = music / f"damaged {name} {number}.{FORMATS[name].suffix}"
        data, done = mutate(name, number, seed, folder)
        path.write_bytes(data)
        damaged[str(path)] = ", ".join(done)
    command = [sys.executable, "-m", "partwise", "index", str(music), "--library", str(library)]
    command = ended_with_parent([*command, "--model", str(model), "--jobs", "2"])
    run = subprocess.run(command, capture_output=True, text=True)
    print(run.stdout + run.stderr)
    wrong = [] if run.returncode == 0 else [f"exit code {run.returncode}"]
    rows = {row.os_path: row for row in Library.open(library).ledger()}
    wrong += [f"{path} is not in the ledger" for path in {*good, *damaged} - set(rows)]
    wrong += [
        f"{path} is good and was not heard: {row.reason}"
        for path, row in rows.items()
        if path in good and row.state is not State.INDEXED
    ]
    wrong += [
        f"{path} ({damaged.get(path, 'good')}): {row.reason!r} is no sentence"
        for path, row in rows.items()
        if (row.reason or row.state is State.FAILED)
        and not (is_sentence(row.reason or "") and "crashed" not in (row.reason or ""))
    ]
    states = Counter(str(row.state) for row in rows.values())
    print(f"{len(good)} good, {len(damaged)} damaged: {dict(states)}")
    print("\n".join(wrong) or "every file is in the ledger, heard or with its sentence")
    return 1 if wrong else 0
