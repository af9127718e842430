"""The lab's command line: ``partwise-lab VERB``, as ``partwise.cli`` runs it."""

from __future__ import annotations

import sys

from partwise.cli import Program, in_utf_8

VERBS: dict[str, str] = {
    "listen": "Ask people whether they hear alike what the model does.",
    "arrange": "Make MIDI arrangements for a band to render stems from.",
    "render": "Turn MIDI and SoundFonts into stems to train on.",
    "voices": "Make voices that sing and speak, to mix into training.",
    "train": "Train an encoder on folders of stems.",
    "export-model": "Write a checkpoint as ONNX for inference.",
    "evaluate": "Measure a model with the paper's protocols.",
    "compare": "Experiment 1: embedders side by side on the same mixes.",
    "card": "Write a model card from a run's own files.",
}

PROGRAM = Program(
    "partwise-lab", "Train, measure and compare encoders for partwise.", "partwise_lab", VERBS
)
main = PROGRAM.main


def run() -> None:
    """Entry point of the ``partwise-lab`` script."""
    in_utf_8()
    sys.exit(main())


if __name__ == "__main__":
    run()
