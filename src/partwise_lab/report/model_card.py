"""A model card, made from a run: every figure comes from a file that a command wrote.

What is given: the ONNX with its description, reports of `partwise-lab evaluate --out`, what
`partwise-lab render` wrote down of the data, and the benchmark's JSON. What is not given is said to
be not measured. The text, in `templates/model_card.md`, depends on the files alone, so the same
files give the same card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.report.comparison import real_table, speed_table
from partwise_lab.report.data_card import DataFolder, read_data_folder, read_indexes, shared_text
from partwise_lab.report.files import Report, read_json, read_reports
from partwise_lab.report.table import markdown, number, percent
from partwise_lab.report.tables import leakage_table, parts_table, presence_table
from partwise_lab.synthesis.midi_files import MidiEntry

# What the card calls a failure (the targets of the project).
LIMITS = {"accuracy": 0.75, "notes": 0.10, "leak": 0.05, "presence": 0.85}
_ROLES = ("train", "valid", "test")


@dataclass(frozen=True)
class CardFacts:
    """Everything that a card is made of.

    about : the JSON beside the ONNX; digest, size_bytes : of the ONNX.
    reports : on synthesised stems; real : on recorded ones.
    earlier : descriptions of the runs that this one began with or was taught by.
    """

    about: dict[str, Any]
    digest: str
    size_bytes: int
    reports: Sequence[Report] = ()
    real: Sequence[Report] = ()
    data: Sequence[DataFolder] = ()
    index: Mapping[str, MidiEntry] = field(default_factory=dict)
    benchmarks: Sequence[dict[str, Any]] = ()
    earlier: Sequence[dict[str, Any]] = ()

    def on_mixes(self, oracle: bool = False) -> list[Report]:
        """The reports with kNN scores, of mixes or (oracle) of clean stems."""
        return [r for r in self.reports if r.scores("paper") and r.oracle == oracle]


def read_facts(
    model: Path,
    evaluations: Sequence[Path] = (),
    real: Sequence[Path] = (),
    data: Sequence[Path] = (),
    indexes: Sequence[Path] = (),
    benchmarks: Sequence[Path] = (),
    earlier: Sequence[Path] = (),
) -> CardFacts:
    """Read the files. Raises PartwiseError when one is missing, broken or of another model."""
    description = model.with_suffix(".json")
    about = read_json(description)
    try:
        network = model.read_bytes()
    except OSError as error:
        raise PartwiseError(f"model {model} cannot be read: {error.strerror}") from None
    # As the encoder names itself, without needing the network to run here.
    digest = hashlib.sha256(network + description.read_bytes()).hexdigest()[:16]
    missing = {"parts", "dim", "mel", "presence_threshold"} - set(about)
    if missing:
        raise PartwiseError(f"{description} is not a model description: no {sorted(missing)[0]}")
    return CardFacts(
        about,
        digest,
        len(network),
        _reports_of(digest, evaluations, "evaluations"),
        _reports_of(digest, real, "real"),
        [read_data_folder(path) for path in data],
        read_indexes(indexes),
        [_benchmark(path) for path in benchmarks],
        [read_json(path) for path in earlier],
    )


def _reports_of(digest: str, paths: Sequence[Path], kind: str) -> list[Report]:
    found = []
    for path in paths:
        for report in read_reports(path, kind):
            if report.model != digest:
                raise PartwiseError(
                    f"{path} measures the model {report.model}, and the card is of {digest}: "
                    "evaluate this model"
                )
            found.append(report)
    return found


def _benchmark(path: Path) -> dict[str, Any]:
    raw = read_json(path)
    if not {"machine", "model", "speeds"} <= set(raw):
        raise PartwiseError(f"{path} was not written by `benchmarks/indexing.py --json`")
    return raw


def model_card(facts: CardFacts) -> str:
    """The card as Markdown, with a line end."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("partwise_lab.report"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    functions = (markdown, number, percent, speed_table)
    functions += (leakage_table, parts_table, presence_table, real_table)
    environment.globals |= {made.__name__: made for made in functions}
    ranks = {role: rank for rank, role in enumerate(_ROLES)}
    folders = sorted(facts.data, key=lambda folder: ranks.get(folder.role, len(ranks)))
    train = next((folder for folder in folders if folder.role == "train"), None)
    return environment.get_template("model_card.md").render(
        **{**vars(facts), "data": folders},
        parts=PARTS,
        shared=shared_text(folders),
        settings=[[f"`{key}`", _plain(v)] for key, v in _flat(facts.about.get("recipe_settings"))],
        budget=_budget(facts),
        mixes=facts.on_mixes(),
        oracle=facts.on_mixes(oracle=True),
        failures=failures(facts),
        limits=LIMITS,
        unlicensed=train.unlicensed_share(facts.index) if train else None,
    )


def _flat(settings: Mapping[str, Any] | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in (settings or {}).items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _budget(facts: CardFacts) -> list[list[str]]:
    """Heading and rows; a column for each run, this one the last."""
    runs = [*facts.earlier, facts.about]
    return [
        ["", *(f"before it: {r.get('recipe', 'not recorded')}" for r in facts.earlier), "this run"],
        ["training time", *map(_minutes, runs)],
        ["device", *(str(run.get("device", "not recorded")) for run in runs)],
        ["steps", *(number(run.get("steps")) for run in runs)],
        ["segments heard", *(number(run.get("segments")) for run in runs)],
        ["parameters", *(number(run.get("parameters")) for run in runs)],
        ["data digest", *(str(run.get("data_digest", "–")) for run in runs)],
    ]


def _minutes(run: Mapping[str, Any]) -> str:
    if "minutes" not in run:
        return "not recorded"
    clock = {"core": " of one CPU core", "wall": " by the clock"}.get(run.get("clock", ""), "")
    return f"{run['minutes']:g} min{clock}"


def failures(facts: CardFacts) -> list[str]:
    """Where the model fails by `LIMITS`, each said once."""
    found = [
        line
        for report in facts.reports
        if not report.oracle
        for line in (*_weak_parts(report), *_leaks(report), *_weak_presence(report))
    ]
    found += [line for report in facts.real for line in _weak_recordings(report)]
    return list(dict.fromkeys(found))


def _weak_parts(report: Report) -> Iterator[str]:
    strict = report.scores("strict")
    for part, score in report.scores("paper").items():
        accuracy, labels = score["accuracy"], score["labels"]
        if accuracy < LIMITS["accuracy"]:
            yield f"{part}: only {percent(accuracy)} right among {labels} pieces"
        lost = accuracy - strict[part]["accuracy"] if part in strict else 0.0
        if lost > LIMITS["notes"]:
            yield (
                f"{part}: {100 * lost:.0f} points are lost when the same passage may not help, so "
                "it is partly known by its notes"
            )


def _leaks(report: Report) -> Iterator[str]:
    scores = report.scores("paper")
    for part, cells in zip(PARTS, report.leakage or (), strict=False):
        if part not in scores:
            continue
        limit = scores[part]["chance"] + LIMITS["leak"]
        leaks = [
            f"{read} ({percent(cell)})"
            for read, cell in zip(PARTS, cells, strict=True)
            if read is not part and cell is not None and cell > limit
        ]
        if leaks:
            yield f"{part} is also heard in the subspaces of {', '.join(leaks)}"


def _weak_presence(report: Report) -> Iterator[str]:
    for part, value in report.average_precision.items():
        if value is not None and value < LIMITS["presence"]:
            yield f"{part}: presence has an average precision of only {value:.3f}"


def _weak_recordings(report: Report) -> Iterator[str]:
    for reading in report.readings:
        for part, score in report.scores(reading).items():
            if score["low"] <= score["chance"]:
                yield (
                    f"recordings, {part}: {percent(score['accuracy'], 0)} among {score['labels']} "
                    f"pieces cannot be told from guessing ({report.protocol}, {reading})"
                )
    yield from (f"recordings, {line}" for line in _weak_presence(report))
