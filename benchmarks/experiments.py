"""The paper's three experiments by one command: `make bench`, or this with a folder of MIDI.

    python benchmarks/experiments.py --out bench
    python benchmarks/experiments.py --out bench-full --full --midi MIDI
    ... --answers Inst-Sim-ABX-Dataset --slakh slakh2100      (experiment 3)

Small: music that mma arranges, rendered with two free SoundFonts, one of which (csound) nothing has
been trained on; everything is trained for a minute or two. It takes less than 20 minutes on two
cores and shows that the experiments run, and how the shipped weights do. Full: MIDI of your own,
more fonts, and budgets that mean something.

Every step is an ordinary `partwise` command, printed as it is run; what is done is not done again.
The page of all of it is OUT/report.html; the pages, JSON and CSV of each lie in folders beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from partwise.hearing.child import ended_with_parent

FONTS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/samples"))
_BEGAN = time.monotonic()


@dataclass(frozen=True)
class Size:
    """How much of everything.

    songs : arrangements to draw from, where no MIDI is given.
    minutes : of one core, for each of the five runs.
    fonts : SoundFonts to train on, as far as they are there; test pieces are played by csound's.
    stems : what rivals hear beside the mix.
    """

    songs: int
    train: int
    test: int
    seconds: float
    minutes: float
    pool: int
    recipe: str
    fonts: tuple[str, ...]
    rivals: tuple[str, ...]


SMALL = Size(
    songs=300,
    train=60,
    test=28,
    seconds=20.0,
    minutes=1.0,
    pool=12,
    recipe="partwise-budget",
    fonts=("TimGM6mb.sf2",),
    rivals=(
        *(f"{name}@{hears}" for name in ("mfcc", "musly") for hears in ("mix", "hpss", "oracle")),
        "audiomuse",
        "musicnn",
        "bliss",
    ),
)
FULL = Size(
    songs=4000,
    train=800,
    test=150,
    seconds=40.0,
    minutes=12.0,
    pool=20,
    recipe="partwise-budget",
    fonts=(
        "FluidR3_GM.sf2",
        "TimGM6mb.sf2",
        "OPL-3_FM_128M.sf2",
        "Black_Pearl_4_LV2.sf2",
        "Red_Zeppelin_4_LV2.sf2",
    ),
    rivals=(
        *(
            f"{name}@{hears}"
            for name in ("mfcc", "musly", "audiomuse", "musicnn", "bliss")
            for hears in ("mix", "hpss", "oracle")
        ),
    ),
)


def main() -> None:
    options = _options()
    size = FULL if options.full else SMALL
    out: Path = options.out
    (out / "runs").mkdir(parents=True, exist_ok=True)
    train, test = out / "train", out / "test"
    _data(size, options.midi, out, train, test)
    runs = _train(size, train, out / "runs")
    _compare(size, test, runs, out)
    reports = [out / "comparison"]
    for protocol in ("leakage", "same-part", "probes"):
        reports.append(out / protocol)
        pool = ["--pool", size.pool] if protocol != "same-part" else []
        _once(reports[-1], ["evaluate", "--data", test, "--protocol", protocol, *pool])
    if options.answers:
        reports.append(out / "abx")
        asked = ["--protocol", "abx", "--answers", options.answers]
        _once(reports[-1], ["evaluate", "--data", options.slakh, *asked])
    _page([folder / "report.json" for folder in reports], test, out / "report.html")
    _say(f"done: {out / 'report.html'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder; resumes there")
    parser.add_argument("--full", action="store_true", help="budgets that mean something")
    parser.add_argument("--midi", type=Path, help="MIDI folder (index.csv in it names the titles)")
    parser.add_argument("--answers", type=Path, help="Inst-Sim-ABX folder, for experiment 3")
    parser.add_argument("--slakh", type=Path, help="Slakh2100, for experiment 3")
    options = parser.parse_args()
    if bool(options.answers) != bool(options.slakh):
        parser.error("experiment 3 needs both --answers and --slakh")
    return options


def _data(size: Size, midi: Path | None, out: Path, train: Path, test: Path) -> None:
    if midi is None:
        midi = out / "midi"
        _run(["arrange", "--out", midi, "--count", size.songs])
    titles = ["--titles", midi / "index.csv"] if (midi / "index.csv").exists() else []
    plays = ["render", midi, *titles, "--seconds", size.seconds]
    heard = [item for name in size.fonts for item in ("--soundfont", _font(name)) if _font(name)]
    if not heard:
        sys.exit(f"none of {', '.join(size.fonts)} is there: scripts/install_sound_tools.sh")
    unheard = _font("sf_GMbank.sf2")
    if unheard is None:
        sys.exit("sf_GMbank.sf2 is missing (Debian package csound-soundfont): nothing to test with")
    _run([*plays, "--out", train, "--split", "train", "--limit", size.train, *heard])
    _run([*plays, "--out", test, "--split", "test", "--limit", size.test, "--soundfont", unheard])


def _font(name: str) -> Path | None:
    return next((folder / name for folder in FONTS if (folder / name).exists()), None)


def _train(size: Size, data: Path, runs: Path) -> dict[str, Path]:
    """The five runs, two at a time, each with the same time of one core."""

    def run(name: str, recipe: str, *more: str | Path) -> list[str | Path]:
        budget = ["--minutes", str(size.minutes), "--clock", "core", "--threads", "1"]
        return ["train", data, "--recipe", recipe, "--out", runs / name, *budget, *more]

    from partwise.embedding.logmel import MelSettings
    from partwise_lab.training.stem_bank import StemBank

    _say("preparing the stems that all runs share")
    StemBank.build(data, MelSettings())
    weights = {
        name: runs / name / "last.safetensors"
        for name in ("one", "separator", "clean", "hpss", "unet")
    }
    separator = str(weights["separator"])
    _side_by_side(
        {
            "one network": run("one", size.recipe),
            "clean stems": run("clean", "individual"),
            "hpss stems": run("hpss", "individual", "--separator", "hpss"),
        },
        {
            "separator": run("separator", "separator"),
            "U-Net stems": run("unet", "individual", "--separator", separator),
        },
    )
    return weights


def _compare(size: Size, test: Path, runs: dict[str, Path], out: Path) -> None:
    unet = str(runs["separator"])
    rows = [
        "one network, shipped=shipped",
        f"one network, same budget={runs['one']}",
        f"individual, clean stems={runs['clean']}@oracle",
        f"individual, taught and given U-Net stems={runs['unet']}@{unet}",
        f"individual, taught clean, given U-Net stems={runs['clean']}@{unet}",
        f"individual, taught and given HPSS stems={runs['hpss']}@hpss",
        f"individual, taught clean, given HPSS stems={runs['clean']}@hpss",
        *size.rivals,
    ]
    asked = [item for row in rows if _there(row) for item in ("--row", row)]
    _once(out / "comparison", ["compare", "--data", test, "--pool", size.pool, *asked])


def _there(row: str) -> bool:
    """Whether a rival can be made here; one that cannot is told and left out."""
    from partwise.embedding.logmel import MelSettings
    from partwise.errors import PartwiseError
    from partwise_lab.measure.contenders import contender
    from partwise_lab.rivals.frozen import RIVALS

    if row.split("@")[0] not in RIVALS:
        return True
    try:
        contender(row, MelSettings().sample_rate_hz)
    except PartwiseError as error:
        _say(f"left out: {row}: {error}")
        return False
    return True


def _page(reports: Sequence[Path], test: Path, target: Path) -> None:
    from partwise.atomic import write_whole
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.data.stems import find_pieces
    from partwise_lab.measure.stem_reader import StemReader
    from partwise_lab.report.html.page import html_page

    reader = StemReader(find_pieces(test), MelSettings().sample_rate_hz)
    write_whole(target, html_page([json.loads(path.read_text()) for path in reports], reader))


def _once(target: Path, command: Sequence[object]) -> None:
    if not (target / "report.json").exists():
        _run([*command, "--out", target])


def _run(command: Sequence[object]) -> None:
    words = _words(command)
    _say(shlex.join(["partwise-lab", *words]))
    done = subprocess.run(ended_with_parent([sys.executable, "-m", "partwise_lab", *words]))
    if done.returncode:
        sys.exit(done.returncode)


def _side_by_side(*queues: dict[str, Sequence[object]]) -> None:
    """The commands of each queue one after the other, the queues beside each other.

    Every line of theirs is printed under its name. Ends the run where one of them fails.
    """
    failed: list[int] = []

    def work(queue: dict[str, Sequence[object]]) -> None:
        for name, command in queue.items():
            if failed:
                return
            words = _words(command)
            _say(shlex.join(["partwise-lab", *words]))
            with subprocess.Popen(
                ended_with_parent([sys.executable, "-m", "partwise_lab", *words]),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            ) as process:
                for line in process.stdout or ():
                    if line.strip():
                        print(f"  {name}: {line.strip()}", flush=True)
            if process.returncode:
                failed.append(process.returncode)

    workers = [threading.Thread(target=work, args=(queue,)) for queue in queues]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed:
        sys.exit(failed[0])


def _words(command: Sequence[object]) -> list[str]:
    return [str(word) for word in command]


def _say(text: str) -> None:
    minutes, seconds = divmod(int(time.monotonic() - _BEGAN), 60)
    print(f"{minutes:02}:{seconds:02}  {text}", flush=True)


if __name__ == "__main__":
    main()
