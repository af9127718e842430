"""The command line: one thin command per verb, and one place where errors become sentences."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
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
    "serve": "Serve the page, the HTTP API and your own player.",
    "status": "What the library holds, and which files failed and why.",
    "check": "Is the library whole? With --repair, make it so.",
    "embed": "Write part embeddings of recordings to a NumPy file.",
    "demo": "Index the demo library and ask it for one part at a time.",
}

# What partwise 0.2.0 had here and the lab has now.
MOVED: dict[str, str] = {
    verb: verb
    for verb in ("listen", "arrange", "render", "voices", "train", "evaluate", "compare", "card")
} | {"export": "export-model"}


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
        from partwise.errors import PartwiseError

        arguments = sys.argv[1:] if argv is None else argv
        only = next((a for a in arguments if not a.startswith("-")), None)
        try:
            app = self._build(only if only in self.verbs else None)
            result = app(args=arguments, prog_name=self.name, standalone_mode=False)
            return result if isinstance(result, int) else 0
        except PartwiseError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # The reader (head, less) went away: that is not an error. Point stdout at nothing so
            # that the interpreter's closing flush stays quiet too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            # click's own usage errors know their exit code and how to show themselves.
            show = getattr(error, "show", None)
            if show is None or not hasattr(error, "exit_code"):
                raise
            show()
            return int(error.exit_code)  # type: ignore[attr-defined]

    def _build(self, only: str | None) -> Any:
        import typer

        app = typer.Typer(
            name=self.name,
            help=self.summary,
            no_args_is_help=True,
            add_completion=False,
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


PROGRAM = Program("partwise", "Find music by the part you mean.", "partwise", VERBS)


def main(argv: list[str] | None = None) -> int:
    """Run one command of ``partwise``; a verb that is the lab's now is named as such."""
    arguments = sys.argv[1:] if argv is None else argv
    moved = MOVED.get(arguments[0]) if arguments else None
    if moved:
        print(
            f"partwise: {arguments[0]!r} is a command of the lab now: partwise-lab {moved}"
            " (pip install ./lab in a clone)",
            file=sys.stderr,
        )
        return 2
    return PROGRAM.main(arguments)


def run() -> None:
    """Entry point of the ``partwise`` script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
