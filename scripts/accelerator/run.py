"""Unpack, render, train, export, evaluate and hand back, over calls of at most some minutes each.

Started by run.sh on the far machine, with the same options each time, until it says that all steps
are done. Every call leaves what there is so far in --out: weights, logs and tables, at most 8 files
of at most 16 MiB.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from accelerator import kit
from accelerator.steps import Plan, Step

REPOSITORY = Path(__file__).resolve().parents[2]
# Ending takes so long beyond the last step: interrupting, then copying to --out.
ENDING_S = 25.0
# Decoding and hearing the stems of a piece before training [core seconds]; and what is written
# then: log-mel, for a moment twice [GB].
PREPARING_S = 0.5
PREPARED_GB = 0.007
COOLED = "cooled"  # folder of a cooled run, inside the run's


def main(arguments: Sequence[str] | None = None) -> int:
    args = _arguments(arguments)
    began = time.monotonic()
    args.work.mkdir(parents=True, exist_ok=True)
    plan = Plan(steps(args), args.work, began + args.limit_s - ENDING_S)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, plan.stop)
    print(
        f"{free_gb(args.work):.0f} GB are free in {args.work}, {os.cpu_count()} cores", flush=True
    )
    fine = plan.run()
    refused = hand_back(args.work, args.out, plan.table())
    print(f"\n{plan.table()}")
    for sentence in refused:
        print(sentence)
    took = f"after {time.monotonic() - began:.0f} s"
    if not fine:
        print(f"a step failed {took}: its log is in {args.out}/logs.tar.gz")
        return 1
    print(f"all steps are done {took}" if plan.done else f"run the same command again ({took})")
    return 0


def steps(args: argparse.Namespace) -> list[Step]:
    """The plan. Everything that it asks of `partwise` stands here."""
    work, run = args.work, args.work / "run"
    stems = {split: work / "stems" / split for split in ("valid", "test", "train")}
    best = run / COOLED if args.recipe == "partwise" else run  # which has a constant rate
    model = run / "partwise.onnx"

    def partwise(*words: object) -> list[str]:
        return [sys.executable, "-m", "partwise_lab", *map(str, words)]

    def render(split: str, most: int | None) -> list[str]:
        words = ["render", work / "midi", "--out", stems[split], "--split", split]
        words += ["--titles", work / "midi" / "index.csv", "--seconds", args.seconds]
        for font in sorted((work / "fonts" / ("train" if split == "train" else "test")).glob("*")):
            words += ["--soundfont", font]
        if split == "train" and (work / "drumkits").is_dir():
            words += ["--drumkit", work / "drumkits"]
        words += ["--limit", most] if most else []
        words += ["--jobs", args.jobs] if args.jobs else []
        # One process a core already.
        return ["env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", *partwise(*words)]

    def train(minutes: float, *how: str) -> list[str]:
        words = ["train", stems["train"], "--out", run, "--recipe", args.recipe]
        words += ["--minutes", minutes, "--device", args.device]
        if (work / "voices").is_dir() and not args.recipe.startswith("paper"):
            words += ["--voices", work / "voices"]
        options = shlex.split(args.train_options.replace("{work}", str(work)))
        return partwise(*words, *how, *options)

    def evaluate(protocol: str) -> list[str]:
        words = ["evaluate", model, "--data", stems["test"], "--protocol", protocol]
        words += ["--labels", args.labels, "--draws", args.draws, "--pool", args.pool]
        return partwise(*words, "--out", run / f"{protocol}.json")

    def rendered() -> int:
        return len(os.listdir(stems["train"])) if stems["train"].is_dir() else 0

    def disk_is_full() -> str | None:
        needed = rendered() * PREPARED_GB + args.keep_free_gb
        return "no more could be prepared on this disk" if free_gb(work) < needed else None

    def preparing_s() -> float:
        return PREPARING_S * rendered() / (args.jobs or os.cpu_count() or 1)

    def export() -> list[str]:
        words = ["export-model", best / "last.safetensors", "--out", model]
        return partwise(*words, "--calibrate", stems["valid"])

    unpack = [sys.executable, "-m", "accelerator.unpack", str(args.kit), str(work)]
    return [
        Step("unpack", lambda: unpack),
        Step("render-valid", lambda: render("valid", args.valid_pieces)),
        Step("render-test", lambda: render("test", args.test_pieces)),
        Step(
            "render-train",
            lambda: render("train", args.train_pieces),
            minutes=args.render_minutes,
            enough=disk_is_full,
        ),
        # Cannot be interrupted without beginning anew, so it gets a step that asks for its time.
        Step("prepare", lambda: train(0), needs_s=preparing_s),
        Step("train", lambda: train(args.train_minutes)),
        *([Step("cool", lambda: train(args.cool_minutes, "--cool"))] if best != run else []),
        Step("export-model", export, needs_s=lambda: 15.0),
        Step("leakage", lambda: evaluate("leakage"), needs_s=lambda: args.evaluate_s),
        Step("presence", lambda: evaluate("presence"), needs_s=lambda: 15.0),
    ]


def free_gb(place: Path) -> float:
    return shutil.disk_usage(place).free / 1e9


def hand_back(work: Path, out: Path, table: str) -> list[str]:
    """Copy weights, curves and logs into `out`; a sentence for each thing that is too large.

    A file above the limit goes in parts: `cat NAME.part-* > NAME` makes it whole again.
    """
    run = work / "run"
    out.mkdir(parents=True, exist_ok=True)
    (out / "status.txt").write_text(table + "\n")
    with tarfile.open(out / "logs.tar.gz", "w:gz") as archive:
        loose = [work / "state.json", *work.glob("stems/*/render.json")]
        loose += [*work.glob("stems/*/skipped.csv"), *run.glob("*.json"), *run.glob("*.csv")]
        for path in [*sorted((work / "logs").glob("*.log")), *loose]:
            if path.exists():
                archive.add(path, path.relative_to(work))
    refused = []
    room = kit.MOST_FILES_BACK - 2
    for name in _WANTED:
        path = run / name
        if not path.exists():
            continue
        parts = -(-path.stat().st_size // kit.MOST_BYTES_BACK)
        if parts > room:
            refused.append(f"{path} stays behind: {parts} files of 16 MiB are too many")
            continue
        room -= parts
        (out / name).parent.mkdir(exist_ok=True)
        if parts == 1:
            shutil.copy(path, out / name)
            continue
        with path.open("rb") as file:
            for index in range(parts):
                (out / f"{name}.part-{index}").write_bytes(file.read(kit.MOST_BYTES_BACK))
    return refused


# Of the run's folder, the most wanted first.
_WANTED = (
    f"{COOLED}/last.safetensors",
    f"{COOLED}/last.json",
    "last.safetensors",
    "last.json",
    "partwise.onnx",
    "partwise.json",
    "curves.png",
    "log.csv",
)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    add = parser.add_argument
    add("--limit-s", type=float, default=570.0, help="this call ends before so long [s]")
    add("--render-minutes", type=float, default=8.0, help="for the training stems, in all calls")
    add("--train-minutes", type=float, default=10.0, help="of training, in all calls")
    add("--cool-minutes", type=float, default=3.0, help="for its end, of the recipe partwise")
    add("--recipe", default="partwise")
    add("--device", default="cuda")
    add("--train-options", default="", help="more options of `train`; {work} is --work")
    add("--seconds", type=float, default=40.0, help="length of each piece [s]")
    add("--train-pieces", type=int, help="most pieces to train on; default: what time allows")
    add("--valid-pieces", type=int, default=60)
    add("--test-pieces", type=int, default=120)
    add("--labels", type=int, default=10)
    add("--draws", type=int, default=20)
    add("--pool", type=int, default=60, help="pieces that label sets are drawn from")
    add("--evaluate-s", type=float, default=100.0, help="begin evaluating with no less left [s]")
    add("--keep-free-gb", type=float, default=4.0, help="disk left besides what is needed [GB]")
    add("--jobs", type=int, help="processes; default: all cores")
    add("--kit", type=Path, default=REPOSITORY / kit.KIT)
    default = Path(os.environ.get("TMPDIR", "/tmp")) / "partwise-accelerator"
    add("--work", type=Path, default=default, help="where everything is made; kept between calls")
    add("--out", type=Path, default=Path(os.environ.get("OUT", REPOSITORY / "runs/accelerator")))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
