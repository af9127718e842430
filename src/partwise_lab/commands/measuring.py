"""What `evaluate` and `compare` share: the model that is measured, and the making of a report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from partwise.atomic import is_stdout
from partwise.commands.console import command_line, tell_left_out
from partwise.errors import PartwiseError

if TYPE_CHECKING:
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.measure.abx.split import PieceSplit
    from partwise_lab.measure.heard import EmbedSegments
    from partwise_lab.measure.stem_reader import StemReader


class Reporting:
    """A report in the making: where it goes, what was left out, how long it takes.

    Raises PartwiseError, before any work, where `out` cannot be written or a page not be made.
    """

    def __init__(self, context: typer.Context, verb: str, out: Path | None) -> None:
        from partwise_lab.report.out import destinations, require_html

        self._command = command_line(context, verb)
        self._where = destinations(out) if out else {}
        self.page = "html" in self._where  # whether one is wanted
        # Whether the report itself goes to standard output, where nothing else has a place then.
        self.printed = any(map(is_stdout, self._where.values()))
        if self.page:
            require_html()
        self._began = time.monotonic()
        self.skipped: list[dict[str, str]] = []

    def skip(self, name: str, reason: str) -> None:
        """Something was left out of what is measured."""
        self.skipped.append({"name": name, "reason": reason})

    def whole(
        self, protocol: str, data: Sequence[Path], seed: int, numbers: dict[str, Any]
    ) -> dict[str, Any]:
        """The report, and what was left out told on stderr."""
        from partwise import __version__
        from partwise_lab.measure.protocols import SCHEMA

        left_out = [(item["name"], item["reason"]) for item in self.skipped]
        tell_left_out(left_out, " (--out has all of them)")
        return {
            "schema": SCHEMA,
            "partwise": __version__,
            "protocol": protocol,
            "command": self._command,
            "data": [folder.resolve().name for folder in data],
            "seed": seed,
            **numbers,
            "skipped": self.skipped,
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def write(self, report: dict[str, Any], reader: StemReader | None) -> None:
        """Write the files that were asked for; reader : for the players of a page."""
        from partwise_lab.report.out import write_report

        def html(raw: dict[str, Any]) -> str:
            from partwise_lab.report.html.page import html_page

            return html_page([raw], reader)

        write_report(report, self._where, html)


@dataclass(frozen=True)
class MeasuredModel:
    """A model as the protocols see it.

    mel : its front end; about : what the report says of it
    presence_threshold : of each part, from which it counts as present
    tuned_on : the songs that it was tuned on by answers of listeners, if it was
    """

    embed: EmbedSegments
    mel: MelSettings
    about: dict[str, Any]
    presence_threshold: tuple[float, ...]
    tuned_on: PieceSplit | None


def load_measured(model: Path | None, device: str, threads: int) -> MeasuredModel:
    """An exported model (.onnx), a checkpoint (.safetensors) of one network, or the shipped one.

    Raises PartwiseError for everything else, and where the device is missing.
    """
    from partwise.embedding.encoder import Encoder
    from partwise.parts import PARTS
    from partwise_lab.measure.abx.split import split_in
    from partwise_lab.measure.heard import checkpoint_embedder, segment_embedder
    from partwise_lab.model.checkpoint import CHECKPOINTS, load_model

    kinds = (".onnx", *CHECKPOINTS)
    if model and model.suffix.lower() not in kinds and not model.is_dir():
        raise PartwiseError(
            f"{model} is no model: name an exported one (.onnx) or a checkpoint (.safetensors)"
        )
    loaded = load_model(model, max(1, (os.cpu_count() or 1) // threads))
    network, description = loaded.network, loaded.about
    if isinstance(network, Encoder):
        embed, threshold = segment_embedder(network), network.config.presence_threshold
    else:
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise PartwiseError("--device cuda: no CUDA device is available here")
        if network.kind in ("individual", "separator"):
            raise PartwiseError(
                f"{model} does not hear mixes (it is of the recipe {description.get('recipe')}): "
                "`partwise-lab compare` measures it"
            )
        embed = checkpoint_embedder(network, loaded.mel, device)
        threshold = (0.5,) * len(PARTS)  # a checkpoint has not been calibrated
    about = {
        "model": loaded.digest,
        "model_recipe": description.get("recipe", ""),
        "model_data_digest": description.get("data_digest", ""),
    }
    return MeasuredModel(embed, loaded.mel, about, threshold, split_in(description))
