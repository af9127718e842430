"""``partwise demo``: hear the demo library and ask it for one part at a time."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from partwise.library.reports import Silent
from partwise.parts import PARTS, Part
from partwise.paths import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from partwise.demo.asking import Answers
    from partwise.demo.groups import DemoPiece, Groups
    from partwise.demo.scoring import PartScore


def demo(
    library: Path | None = typer.Option(
        None, "--library", metavar="DIR", help="Where to keep what is heard (default: nowhere)."
    ),
    keep: bool = typer.Option(
        False, "--keep", help="Keep the temporary library, to ask it more questions."
    ),
    jobs: int | None = typer.Option(
        None, "--jobs", metavar="N", help="Worker processes (default: one per core)."
    ),
) -> None:
    """Index the demo library and ask it for one part at a time.

    Its pieces were made so that each player meets different company in each of them: asking for one
    part must find the pieces with the same player of that part, under everything else.
    """
    from partwise.demo.asking import ask_all, hear
    from partwise.demo.groups import load_groups
    from partwise.demo.scoring import score_part
    from partwise.library.library import Library

    console = Console(highlight=False)
    groups = load_groups()
    began = time.monotonic()
    with ExitStack() as stack:
        if library is not None:
            folder = library
        else:
            folder = Path(tempfile.mkdtemp(prefix="partwise-demo-"))
            if not keep:
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
        print_opening(console, groups)
        summary = hear(Library(folder), groups, jobs=jobs, reporter=_Warnings())
        if summary.audio_s:
            rate = summary.audio_s / summary.seconds
            console.print(f"Heard in {summary.seconds:.1f} s, {rate:.0f} x real time.")
        else:
            told = f"The library at {shown(folder)} had heard them already."
            console.print(told, markup=False, soft_wrap=True)
        asking = time.monotonic()
        opened = Library.open(folder)
        answers = ask_all(opened, groups)
        asked_s = time.monotonic() - asking
    console.print("\nOne question for each part: neither the best nor the worst, the middle one.")
    for part, piece in examples(groups, answers):
        print_example(console, groups, answers, part, piece)
    scores = [score_part(part, groups.who(part), rankings(answers, part)) for part in PARTS]
    print_scores(console, scores)
    console.print(
        f"It all took {time.monotonic() - began:.1f} s, of that {asked_s:.1f} s"
        f" for {sum(len(by_file) for by_file in answers.values())} questions."
    )
    print_next_steps(console, folder if keep or library is not None else None)


class _Warnings(Silent):
    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr)


def print_opening(console: Console, groups: Groups) -> None:
    players = sum(len(by_name) for by_name in groups.players.values())
    console.print(
        f"{len(groups.pieces)} pieces ({groups.seconds / 60:.0f} min) made for this demo, with"
        f" {players} players. Each player is in\nseveral pieces, every time in other company:"
        " no two pieces share two players."
    )


def rankings(answers: Answers, part: Part) -> dict[str, list[str] | None]:
    """File -> the files of its answers for one part, best first; None where it was not heard."""
    return {
        file: None if found is None else [answer.file for answer in found]
        for file, found in answers[part].items()
    }


def examples(groups: Groups, answers: Answers) -> list[tuple[Part, DemoPiece]]:
    """For each part the first piece whose answers are of middling quality, no piece twice.

    So what is printed is what to expect, whatever the model can do (``scoring.middle``).
    """
    from partwise.demo.scoring import middle

    chosen: list[tuple[Part, DemoPiece]] = []
    for part in PARTS:
        used = {piece.file for _, piece in chosen}
        usual = middle(groups.who(part), rankings(answers, part))
        fresh = [file for file in usual if file not in used] or usual
        if fresh:
            chosen.append((part, groups.by_file[fresh[0]]))
    return chosen


def print_example(
    console: Console, groups: Groups, answers: Answers, part: Part, piece: DemoPiece
) -> None:
    """The query and its first answers, each with who really plays, and what."""
    name = piece.players[part]
    instrument_of = {one.name: one.instrument for one in groups.players[part].values()}
    who = f"{name}: {instrument_of[name]}"
    console.print(f"\n[bold]{part} like {piece.title}[/bold] [dim]({who})[/dim]")
    for rank, answer in enumerate(answers[part][piece.file] or (), start=1):
        other = groups.by_file[answer.file]
        heard = other.players.get(part)
        if heard == name:
            verdict = f"[green]same player ({heard})[/green]"
        elif heard is None:
            verdict = "[red]nobody plays it here[/red]"
        else:
            verdict = f"[red]another player ({heard}: {instrument_of[heard]})[/red]"
        console.print(f"  {rank}  {answer.score:5.2f}  {other.title:18s} {verdict}", soft_wrap=True)


def print_scores(console: Console, scores: Sequence[PartScore]) -> None:
    """A row per part and their mean; all shares in percent."""
    table = Table(title="\nIs it the same player?", title_justify="left", box=None, pad_edge=False)
    for heading in ("part", "at rank 1", "", "in the top 3", "chance", "missing part noticed"):
        table.add_column(heading, justify="left" if heading == "part" else "right", min_width=7)
    for score in scores:
        table.add_row(
            str(score.part),
            f"{score.right_first} of {score.asked}",
            f"{score.first:.0%}",
            f"{score.precision:.0%}",
            f"{score.chance:.0%}",
            f"{score.noticed} of {score.lacking}" if score.lacking else "always there",
        )
    count = len(scores)
    table.add_row(
        "mean",
        "",
        f"{sum(score.first for score in scores) / count:.0%}",
        f"{sum(score.precision for score in scores) / count:.0%}",
        f"{sum(score.chance for score in scores) / count:.0%}",
        "",
        style="bold",
    )
    console.print(table)
    asked, right = sum(s.asked for s in scores), sum(s.right_first for s in scores)
    guessed = sum(score.chance * score.asked for score in scores)
    console.print(
        f"First answer with the same player: {right} of {asked} questions;"
        f" by guessing {guessed:.0f}."
    )
    unheard = [score for score in scores if score.answered < score.asked]
    if unheard:
        told = ", ".join(f"{s.part} {s.asked - s.answered} times" for s in unheard)
        console.print(f"Not heard though it is played, counted as wrong: {told}.")


def print_next_steps(console: Console, folder: Path | None) -> None:
    command = shown(_command())
    if folder is not None:
        console.print(
            f"\nThe demo's library is kept: [bold]{command} like 'Amber Meadow' --parts guitar"
            f" --library {shown(folder)}[/bold]",
            soft_wrap=True,
        )
    console.print(
        f"\nYour own music:\n"
        f"  [bold]{command} index ~/Music[/bold]\n"
        f"  [bold]{command} like song.mp3 --parts drums[/bold]",
        soft_wrap=True,
    )


def _command() -> str:
    """How to call partwise from here: by its name if the shell finds this very program."""
    called = Path(sys.argv[0])
    found = shutil.which("partwise")
    if called.name != "partwise" or (found and os.path.samefile(found, called)):
        return "partwise"
    relative = os.path.relpath(called)
    return str(called) if relative.startswith("..") else relative
