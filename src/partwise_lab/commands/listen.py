"""``partwise-lab listen``: ask people, page by page, whether they hear what the model hears."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.commands.serve import (
    BEHIND_PROXY,
    hosts_of,
    is_loopback,
    names_of,
    print_addresses,
    require_packages,
)
from partwise.errors import PartwiseError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from partwise_lab.survey.testfile import TestFile

PORT = 8322

listen = typer.Typer(
    help="A listening test: people say which of two songs sounds more like a third in one part.",
    no_args_is_help=True,
)

Test = Annotated[Path, typer.Argument(metavar="TEST", help="The test's file.")]
LibraryFolder = typer.Option(
    "--library",
    metavar="DIR",
    help="The library's folder (default: PARTWISE_LIBRARY, else your data folder).",
)


@listen.command()
def serve(
    out: Annotated[
        Path, typer.Option("--out", metavar="TEST", help="The test's file; made if not there.")
    ],
    library: Annotated[Path | None, LibraryFolder] = None,
    parts: Annotated[
        str | None, typer.Option(metavar="PARTS", help="Such as drums,bass; default: all five.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Questions, shared among the parts; catch trials besides.")
    ] = 20,
    aspects: Annotated[
        str,
        typer.Option(metavar="ASPECTS", help="Asked besides the whole: timbre,rhythm,melody."),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing of questions.")] = 0,
    consent: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plain text that listeners agree to, for the default."),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen. 0.0.0.0: to everyone.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="PARTWISE_TOKEN",
            help="What the link must hold. Default: nothing on this machine, else a random one.",
        ),
    ] = None,
    behind_proxy: Annotated[list[str] | None, BEHIND_PROXY] = None,
) -> None:
    """Serve a test; make it first if its file does not exist.

    A test is fixed when it is made: then --library, --parts, --trials, --aspects and --seed have
    no effect, and answers that it holds are kept.
    """
    require_packages("partwise-lab listen serve")
    from partwise.web.app import bind, make_runner
    from partwise_lab.survey.pages import read_consent

    proxies = names_of(behind_proxy)
    if token is not None and not token.strip():
        raise PartwiseError("--token is empty: name one, or leave the option out")
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(12)
    text = read_consent(consent)
    test = _existing_or_new(out, library, parts, trials, aspects, seed)
    app = application(test, text, token, hosts_of(host) if token is None else None, proxies)
    listening = bind(host, port)
    print_addresses(host, listening, "/listen", token)
    make_runner(app).run(sockets=[listening])


def application(
    test: TestFile,
    consent: str,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    proxies: frozenset[str] = frozenset(),
) -> FastAPI:
    """The test's pages behind the same checks as the page of a library.

    token, hosts, proxies : as in ``partwise.web.security.Security``.
    """
    from partwise.web.app import BodyLimits
    from partwise.web.arrival import Arrival
    from partwise.web.responses import add_error_handlers
    from partwise.web.security import Security
    from partwise_lab.survey.pages import create_app

    app = create_app(test, consent)
    add_error_handlers(app)
    app.add_middleware(BodyLimits)
    app.add_middleware(
        Security, token=token, hosts=hosts, open_paths=(), from_messages=True, proxies=proxies
    )
    app.add_middleware(Arrival)
    return app


def _existing_or_new(
    out: Path, library: Path | None, parts: str | None, trials: int, aspects: str, seed: int
) -> TestFile:
    from partwise.commands.console import Ticker
    from partwise.library.library import Library
    from partwise_lab.survey.testfile import TestFile, make_test
    from partwise_lab.survey.trials import parse_parts

    if out.exists():
        test = TestFile(out)
        typer.echo(f"going on with the test {out}", err=True)
    else:
        if not out.parent.is_dir():
            raise PartwiseError(f"the folder of --out {out} does not exist")
        with Ticker("cutting", "sounds") as ticker:
            test = make_test(
                out,
                Library.open(library),
                parse_parts(parts),
                trials,
                seed=seed,
                aspects=[name.strip() for name in aspects.split(",") if name.strip()],
                progress=ticker,
            )
        typer.echo(f"made the test {out}", err=True)
    for part in test.about.parts:
        of_part = [trial for trial in test.trials if trial.part is part]
        catches = sum(trial.catch for trial in of_part)
        typer.echo(
            f"  {part}: {len(of_part) - catches} questions, {catches} catch trials", err=True
        )
    return test


@listen.command()
def report(
    test: Test,
    library: Annotated[
        Path | None,
        typer.Option(
            "--library",
            metavar="DIR",
            help="Judge the model that this library was indexed with, and not the test's own.",
        ),
    ] = None,
    least_catch: Annotated[
        float,
        typer.Option(
            "--catch", metavar="SHARE", help="Catch trials that a listener must have right."
        ),
    ] = 0.7,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="OUT", help="Also write the numbers as CSV.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Also write a page of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how far listeners agree with the model and with each other."""
    from partwise.library.library import Library
    from partwise_lab.survey.report import report_csv, report_html, report_text
    from partwise_lab.survey.statistics import listening_report, margins_of
    from partwise_lab.survey.testfile import TestFile

    opened = TestFile(test)
    margins = model = None
    if library is not None:
        other = Library.open(library)
        margins, model = margins_of(opened, other), other.store.digest
    found = listening_report(opened, least_catch=least_catch, margins=margins, model=model)
    if csv is not None:
        _write(csv, report_csv(found), "--csv")
    if html is not None:
        require_packages("partwise-lab listen report")
        _write(html, report_html(found), "--html")
    if as_json:
        json.dump(found, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        typer.echo(report_text(found))


@listen.command()
def export(
    test: Test,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The CSV file to write; - prints it.")],
) -> None:
    """Write all answers as CSV, in the columns of Inst-Sim-ABX."""
    from partwise_lab.survey.export import csv_text
    from partwise_lab.survey.testfile import TestFile

    text = csv_text(TestFile(test))
    _write(out, text, "the export")
    typer.echo(f"wrote {out} ({text.count(chr(10)) - 1} answers)", err=True)


def _write(out: Path, text: str, what: str) -> None:
    from partwise.atomic import write_whole

    try:
        write_whole(out, text)
    except OSError as error:
        raise PartwiseError(f"{what} {out} cannot be written: {error.strerror}") from None
