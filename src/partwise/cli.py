"""The command line: one thin command per verb, and one place where errors become sentences."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

# Each verb's module defines one function of the verb's name, or a Typer of that name where the verb
# has sub-commands. They are imported only when asked for, so that `partwise like` never pays for
# (or needs) what `partwise serve` imports.
VERBS: dict[str, str] = {
    "index": "Hear every recording in one or more folders.",
    "like": "Rank the library by how alike the parts you name sound.",
    "path": "Lead evenly from one track to another by the parts you name.",
    "clusters": "What kinds of drums, bass, ... the library holds.",
    "serve": "Serve the page, the HTTP API and your own player.",
    "status": "What the library holds, and which files failed and why.",
    "forget": "Take folders out of the library; their files stay.",
    "doctor": "Is everything here that partwise needs? What to do if not.",
    "check": "Is the library whole? With --repair, make it so.",
    "audition": "Write a recording filtered for the parts you name, to listen to.",
    "export": "Write the library's vectors to a Parquet or NumPy file.",
    "embed": "Write part embeddings of recordings to a Parquet or NumPy file.",
    "demo": "Index the demo library and ask it for one part at a time.",
}

# What partwise 0.2.0 had here and the lab has now.
MOVED = ("listen", "arrange", "render", "voices", "train", "evaluate", "compare", "card")


# What is written has no place, for everybody, for this user or in this file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Program:
    """A console command with verbs, each in a module of its own.

    name : as people type it. package : where ``package.commands.verb`` lies. verbs : what each
    does, in the order of ``--help``.
    """

    name: str
    summary: str
    package: str
    verbs: Mapping[str, str]

    def command_of(self, verb: str) -> Any:
        """The function, or the Typer with sub-commands, that is a verb."""
        name = verb.replace("-", "_")
        return getattr(import_module(f"{self.package}.commands.{name}"), name)

    def main(self, argv: list[str] | None = None) -> int:
        """Run one command; returns the exit code (2 for bad input, 130 after Ctrl-C)."""
        _set_up_output()
        code = 0
        try:
            code = self._run(argv)
            sys.stdout.flush()  # here and not at the interpreter's end, where errors are its own
            return code
        except BrokenPipeError:  # the reader (head, less) went away: that is not an error
            _give_up("stdout")
            return code
        except SystemExit as ended:
            if not isinstance(ended.__context__, BrokenPipeError):
                raise
            _give_up("stdout")  # as click has it
            return code
        except OSError as error:
            if error.errno not in _FULL:
                raise
            from partwise.paths import shown

            _give_up("stdout")
            if code:  # of which has been told already
                return code
            where = "standard output" if error.filename is None else shown(error.filename)
            self._tell(f"no space left to write {where}")
            return 2

    def _run(self, argv: list[str] | None) -> int:
        from partwise.errors import PartwiseError

        arguments = sys.argv[1:] if argv is None else argv
        only = next((a for a in arguments if not a.startswith("-")), None)
        try:
            app = self._build(only if only in self.verbs else None)
            result = app(args=arguments, prog_name=self.name, standalone_mode=False)
            return result if isinstance(result, int) else 0
        except PartwiseError as error:
            self._tell(str(error))
            return 2
        except KeyboardInterrupt:
            self._tell("interrupted")
            return 130
        except Exception as error:
            # click's own usage errors know their exit code and how to show themselves.
            show = getattr(error, "show", None)
            if show is None or not hasattr(error, "exit_code"):
                raise
            show()
            return int(error.exit_code)  # type: ignore[attr-defined]

    def _tell(self, sentence: str) -> None:
        try:
            print(f"{self.name}: {sentence}", file=sys.stderr, flush=True)
        except OSError:  # the exit code has to do
            _give_up("stderr")

    def _build(self, only: str | None) -> Any:
        import typer

        app = typer.Typer(
            name=self.name,
            help=self.summary,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
        )

        def version(show: bool) -> None:
            if show:
                from partwise import __version__

                typer.echo(f"{self.name} {__version__}")
                raise typer.Exit()

        @app.callback()
        def root(
            version: bool = typer.Option(
                False, "--version", callback=version, is_eager=True, help="Show the version."
            ),
        ) -> None:
            pass

        for verb, summary in self.verbs.items():
            if only is None or verb == only:
                command = self.command_of(verb)
                if isinstance(command, typer.Typer):
                    app.add_typer(command, name=verb, short_help=summary)
                else:
                    app.command(verb, short_help=summary)(command)
        return app


def _set_up_output() -> None:
    """Standard streams that hold any text: what their encoding lacks is written as ``\\u2248``.

    Those that are closed lead nowhere, or the next file opened would get what is printed.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nothing, "r" if name == "stdin" else "w"))
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _give_up(stream: str) -> None:
    """Let what is still to be printed go nowhere, so that the interpreter ends quietly too."""
    with suppress(OSError):  # what is printed may be no file of the system
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, stream).fileno())


PROGRAM = Program("partwise", "Find music by the part you mean.", "partwise", VERBS)


def main(argv: list[str] | None = None) -> int:
    """Run one command of ``partwise``; a verb that is the lab's now is named as such."""
    arguments = sys.argv[1:] if argv is None else argv
    moved = arguments[0] if arguments else ""
    if moved in MOVED:
        print(
            f"partwise: {moved!r} is a command of the lab now: partwise-lab {moved}"
            " (pip install ./lab in a clone)",
            file=sys.stderr,
        )
        return 2
    if not arguments and "_PARTWISE_COMPLETE" not in os.environ and _is_new():
        from partwise.commands.guide import guide

        print(guide())
        return 0
    return PROGRAM.main(arguments)


def _is_new() -> bool:
    """Whether there is no library where one is looked for."""
    from partwise.errors import PartwiseError
    from partwise.paths import default_library

    try:
        return not default_library().exists()
    except PartwiseError:
        return True


def in_utf_8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale is another: names are bytes to the system,
    and they are to be the same text whatever the locale. What is printed stays in its encoding."""
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"  # for the children too
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def run() -> None:
    """Entry point of the ``partwise`` script."""
    in_utf_8()
    sys.exit(main())


if __name__ == "__main__":
    run()
