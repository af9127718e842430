"""A model card, made from a run: every figure comes from a file that a command wrote.

What is given: the ONNX with its description, reports of `partwise-lab evaluate --out`, what
`partwise-lab render` wrote down of the data, and the benchmark's JSON. What is not given is said to
be not measured. The text depends on the files alone, so the same files give the same card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.report import card_text
from partwise_lab.report.card_failures import failures
from partwise_lab.report.data_card import (
    DataFolder,
    data_section,
    read_data_folder,
    read_indexes,
    shared_text,
    unlicensed_share,
)
from partwise_lab.report.markdown import (
    leakage_table,
    number,
    parts_table,
    percent,
    presence_table,
    real_table,
    speed_table,
    table,
)
from partwise_lab.report.report_file import Report, read_json, read_reports
from partwise_lab.synthesis.midi_files import MidiEntry

NOT_MEASURED = "Not measured."


@dataclass(frozen=True)
class CardFacts:
    """Everything that a card is made of.

    about : the JSON beside the ONNX; digest, size_bytes : of the ONNX.
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
    sections = {
        "What it is": _what(facts),
        "Intended use": card_text.INTENDED,
        "How to use": _use(),
        "Training data": _data(facts),
        "Recipe": _recipe(facts),
        "Budget": _budget(facts),
        "How well it tells parts apart": _parts(facts),
        "Leakage between parts": _leakage(facts),
        "Presence": _presence(facts),
        "On recorded music": _real(facts),
        "Speed": _speed(facts),
        "Known failures": failures(facts.reports, facts.real) or NOT_MEASURED,
        'What "similar" does not mean': card_text.NOT_SIMILAR,
        "Licence": _licence(facts),
    }
    title = f"# Model card: {facts.about.get('recipe') or 'partwise'}, {facts.digest}"
    note = (
        "<!-- Made by `partwise-lab card` from the run's own files. Do not edit: make it again. -->"
    )
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections.items())
    return f"{title}\n\n{note}\n\n{body}\n"


def _what(facts: CardFacts) -> str:
    mel, dim = facts.about["mel"], facts.about["dim"]
    created, window_s = facts.about.get("created"), facts.about.get("window_s")
    heard = "" if window_s is None else f", heard in windows of {window_s:g} s that they share"
    bits = ", convolutions in 8 bits" if facts.about.get("arithmetic") == "int8" else ""
    return (
        "One network hears an ordinary **mix** and gives, for each of five parts (drums, bass, "
        f"piano, guitar, other), a vector of {dim} numbers, the part's subspace, and a presence "
        "from 0 to 1. Nothing is separated, and it is run once whatever is asked. The similarity "
        "of two recordings is the weighted mean of their parts' inner products.\n\n"
        f"Input: log-mel spectrogram in dB, {mel['bands']} bands from {mel['f_min_hz']:g} to "
        f"{mel['f_max_hz']:g} Hz, {mel['sample_rate_hz']} Hz mono, windows of {mel['n_fft']} every "
        f"{mel['hop_length']} samples; segments of 10 s{heard}. File: ONNX{bits}, "
        f"{facts.size_bytes / 1e6:.1f} MB, {number(facts.about.get('parameters'))} parameters"
        + (f", exported on {created}." if created else ".")
    )


def _use() -> str:
    return (
        "```python\n"
        "import partwise\n"
        'heard = partwise.load_encoder().embed_file("song.mp3")  # load_encoder("other.onnx")\n'
        "heard.embeddings, heard.presence, heard.start_s  # [segments, 5, dim], [segments, 5], "
        "[segments]\n"
        "```\n\n"
        'Or, with a library: `partwise index ~/Music`, `partwise like song.mp3 --parts "drums=2,'
        'bass"`.'
    )


def _data(facts: CardFacts) -> str:
    about = facts.about
    trained = (
        f"Trained on {number(about.get('pieces'))} pieces, data digest "
        f"`{about.get('data_digest') or 'not recorded'}`."
    )
    if not facts.data:
        return f"{trained} Where they come from: not measured (no --data-card given)."
    order = {"train": 0, "valid": 1, "test": 2}
    folders = sorted(facts.data, key=lambda folder: order.get(folder.role, 3))
    sections = [data_section(folder, facts.index) for folder in folders]
    shared = shared_text(folders)
    voices = "Voices from `partwise-lab voices` (eSpeak NG, GPL-3, only run) may be mixed over it."
    sung = [voices] if about.get("recipe_settings", {}).get("augment") else []
    return "\n\n".join([trained, *sections, *([shared] if shared else []), *sung])


def _recipe(facts: CardFacts) -> str:
    name = facts.about.get("recipe") or "not recorded"
    settings = facts.about.get("recipe_settings")
    if not settings:
        return f"`{name}`. Its settings are not recorded in this model's description."
    rows = [[f"`{key}`", _plain(value)] for key, value in _flat(settings)]
    return f"`{name}`, with these settings:\n\n{table(['setting', 'value'], rows)}"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
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


def _budget(facts: CardFacts) -> str:
    runs = [*facts.earlier, facts.about]
    header = ["", *(_run_name(run, run is facts.about) for run in runs)]
    rows = [
        ["training time", *(_minutes(run) for run in runs)],
        ["device", *(str(run.get("device", "not recorded")) for run in runs)],
        ["steps", *(number(run.get("steps")) for run in runs)],
        ["segments heard", *(number(run.get("segments")) for run in runs)],
        ["parameters", *(number(run.get("parameters")) for run in runs)],
        ["data digest", *(str(run.get("data_digest", "–")) for run in runs)],
    ]
    return table(header, rows)


def _run_name(run: Mapping[str, Any], ours: bool) -> str:
    return "this run" if ours else f"before it: {run.get('recipe', 'not recorded')}"


def _minutes(run: Mapping[str, Any]) -> str:
    if "minutes" not in run:
        return "not recorded"
    clock = {"core": " of one CPU core", "wall": " by the clock"}.get(run.get("clock", ""), "")
    return f"{run['minutes']:g} min{clock}"


def _parts(facts: CardFacts) -> str:
    blocks = [card_text.PROTOCOL]
    mixes = facts.on_mixes()
    for report in mixes:
        blocks += [f"On {report.source}:", parts_table(report)]
    for report in facts.on_mixes(oracle=True):
        blocks.append(
            f"With the part's clean stem in place of the mix ({report.source}): strict mean "
            f"{percent(report.mean('strict'))}. The distance from there is what the network loses "
            "by hearing through a mix."
        )
    return "\n\n".join(blocks if mixes else [*blocks, NOT_MEASURED])


def _leakage(facts: CardFacts) -> str:
    blocks = [card_text.LEAKAGE]
    for report in facts.on_mixes():
        if report.leakage is None:
            continue
        off, chance = percent(report.leakage_off_diagonal), percent(report.chance("paper"), 0)
        blocks += [
            f"On {report.source}:",
            leakage_table(report),
            f"Mean off the diagonal: {off}; chance is {chance}.",
        ]
    return "\n\n".join(blocks if len(blocks) > 1 else [*blocks, NOT_MEASURED])


def _presence(facts: CardFacts) -> str:
    thresholds = facts.about["presence_threshold"]
    blocks = [card_text.PRESENCE]
    for report in facts.reports:
        if not report.average_precision:
            continue
        blocks += [f"On {report.source}:", presence_table(report, thresholds)]
    if len(blocks) > 1:
        return "\n\n".join(blocks)
    shown = ", ".join(f"{part} {thresholds[part.index]:.2f}" for part in PARTS)
    return f"{card_text.PRESENCE}\n\nAverage precision: not measured. Thresholds: {shown}."


def _real(facts: CardFacts) -> str:
    if not facts.real:
        return NOT_MEASURED
    sources = "; ".join(dict.fromkeys(report.source for report in facts.real))
    blocks = [card_text.REAL, f"Recordings: {sources}.", real_table(facts.reports, facts.real)]
    for report in facts.real:
        if report.not_measured:
            missing = "; ".join(f"{part} ({why})" for part, why in report.not_measured.items())
            blocks.append(f"Not measured by {report.protocol}: {missing}.")
        if report.leakage:
            blocks += ["Leakage on the recordings:", leakage_table(report)]
    return "\n\n".join(blocks)


def _speed(facts: CardFacts) -> str:
    if not facts.benchmarks:
        return NOT_MEASURED
    return speed_table(facts.benchmarks, facts.digest)


def _licence(facts: CardFacts) -> str:
    text = "The weights are under Apache-2.0, like the code."
    train = next((folder for folder in facts.data if folder.role == "train"), None)
    share = unlicensed_share(train, facts.index) if train else None
    if share is None:
        return f"{text} The licences of the training MIDI: not measured."
    if share == 0.0:
        return f"{text} All MIDI that it learnt from states a free licence."
    return (
        f"{text} {percent(share)} of the pieces it learnt from were rendered from MIDI files that "
        "state no free licence, which is the position of the Lakh MIDI data set, and so of "
        "Slakh2100, too. None of these files, and no audio made from them, is distributed with it."
    )
