"""The command line: one thin command per verb, and one place where errors become sentences."""

from __future__ import annotations

import os
import sys
from importlib import import_module

# Each verb's module defines one function of the verb's name, or a Typer of that name where the verb
# has sub-commands. They are imported only when asked for, so that `partwise like` never pays for
# (or needs) what `partwise train` imports.
VERBS: dict[str, str] = {
    "index": "Hear every recording in one or more folders.",
    "like": "Rank the library by how alike the parts you name sound.",
    "serve": "Serve the page, the HTTP API and your own player.",
    "status": "What the library holds, and which files failed and why.",
    "check": "Is the library whole? With --repair, make it so.",
    "embed": "Write part embeddings of recordings to a NumPy file.",
    "demo": "Index the demo library and ask it for one part at a time.",
    "listen": "Ask people whether they hear alike what the model does.",
    "arrange": "Make MIDI arrangements for a band to render stems from.",
    "render": "Turn MIDI and SoundFonts into stems to train on.",
    "voices": "Make voices that sing and speak, to mix into training.",
    "train": "Train an encoder on folders of stems.",
    "export": "Write a checkpoint as ONNX for inference.",
    "evaluate": "Measure a model with the paper's protocols.",
    "compare": "Experiment 1: embedders side by side on the same mixes.",
    "card": "Write a model card from a run's own files.",
}


def _build(only: str | None):
    import typer

    app = typer.Typer(
        name="partwise",
        help="Find music by the part you mean.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def version(show: bool) -> None:
        if show:
            from partwise import __version__

            typer.echo(f"partwise {__version__}")
            raise typer.Exit()

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", callback=version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        pass

    for verb, summary in VERBS.items():
        if only is None or verb == only:
            command = getattr(import_module(f"partwise.commands.{verb}"), verb)
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=verb, short_help=summary)
            else:
                app.command(verb, short_help=summary)(command)
    return app


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2 for bad input, 130 after Ctrl-C)."""
    from partwise.errors import PartwiseError

    arguments = sys.argv[1:] if argv is None else argv
    only = next((a for a in arguments if not a.startswith("-")), None)
    try:
        app = _build(only if only in VERBS else None)
        result = app(args=arguments, prog_name="partwise", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except PartwiseError as error:
        print(f"partwise: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("partwise: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away: that is not an error. Point stdout at nothing so that
        # the interpreter's closing flush stays quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # click's own usage errors know their exit code and how to show themselves.
        show = getattr(error, "show", None)
        if show is None or not hasattr(error, "exit_code"):
            raise
        show()
        return int(error.exit_code)  # type: ignore[attr-defined]


def run() -> None:
    """Entry point of the ``partwise`` script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
