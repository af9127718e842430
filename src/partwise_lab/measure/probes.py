"""What each subspace holds: linear probes for the instrument, key, tempo, loudness and brightness.

Pseudo-mixes are drawn as for the pseudo-mix kNN, so that every stem of a mix comes from another
piece and a subspace cannot know one part's facts from another's. Every segment serves all the parts
that sound in it: the facts of each (`musical_facts`) are read out of each of the five subspaces by
linear models (`linear_probe`) that never train and try on the same piece of the part's stem.

The report of `probes`:

    facts          fact -> {measure, about}: "balanced accuracy" or "R2", and what the truth is
    probes         one entry for each part, fact and subspace: part, fact, subspace, measure, score,
                   low and high (95 % over pieces of the part's stem), chance (1 / classes, or 0),
                   chance_low and chance_high (the same probe in the part's own subspace with the
                   truths dealt out anew among the pieces), pieces, segments, and classes (name ->
                   pieces; null for values)
    tables         fact -> [parts][subspaces]: the scores, or null. `tables["instrument"]` is the
                   cross table: the instrument of the row's part, read in the column's subspace
    words          what it says in sentences (`in_words`)
    not_measured   "<part> <fact>" -> why
    segments       how many were embedded
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure import musical_facts
from partwise_lab.measure.heard import Cut, Trial, in_order
from partwise_lab.measure.linear_probe import CLASSES, VALUES, Probe
from partwise_lab.measure.presence import truth_known
from partwise_lab.measure.pseudo_knn import PseudoMix, draw_pseudo_mixes
from partwise_lab.measure.stem_reader import is_silent_stem, side_by_side

FACTS: dict[str, tuple[Probe, str]] = {
    "instrument": (CLASSES, "what plays the part: the group of its program; drums: font and kit"),
    "scale": (CLASSES, "major scale of the key of the stem's piece, estimated from chroma"),
    "fifths": (VALUES, "the same scale's place on the circle of fifths, estimated from chroma"),
    "tempo": (VALUES, "place of the stem's tempo within its octave, on a circle"),
    "loudness": (VALUES, "power of the stem against the segment's [dB]"),
    "brightness": (VALUES, "spectral centroid of the clean stem [octaves]"),
}
# Fewer pieces than these tell nothing of others.
_PIECES_OF_CLASS = 4
_PIECES_OF_VALUES = 10
# Shares of the way from chance to perfect; of R2 it is R2 itself.
_CLEARLY = 0.4
_SOMEWHAT = 0.1


@dataclass(frozen=True)
class HeardStems:
    """Embedded segments of pseudo-mixes, and what is in them.

    embeddings : float32 [segments, parts, dim]
    source : int [segments, parts], the piece of each part's stem; -1 where the part is silent, or
        may sound unnamed in another stem
    loudness_db, brightness : float [segments, parts]; 0 where the part is silent
    """

    embeddings: np.ndarray
    source: np.ndarray
    loudness_db: np.ndarray
    brightness: np.ndarray


class PieceFacts(NamedTuple):
    """What is told of each piece; None where it is not."""

    instruments: Sequence[dict[Part, str]]
    scale: Sequence[int | None]
    tempo_bpm: Sequence[float | None]

    def of(self, fact: str, part: Part, index: int) -> str | np.ndarray | None:
        """One fact of one piece: a class's name or values [n]."""
        scale, tempo_bpm = self.scale[index], self.tempo_bpm[index]
        if fact == "instrument":
            return self.instruments[index].get(part)
        if fact == "tempo":
            return musical_facts.folded_tempo(tempo_bpm) if tempo_bpm else None
        if scale is None:
            return None
        if fact == "scale":
            return musical_facts.SCALES[scale]
        return musical_facts.on_circle_of_fifths(scale)


class FactOfPart(NamedTuple):
    """One fact of one part: the segments that have a truth, and it.

    rows : int [n], of the segments; piece : int [n], of the part's stem
    truth : int [n] of classes, float [n, values] of values
    classes : the classes' names and their pieces; None of values
    """

    rows: np.ndarray
    piece: np.ndarray
    truth: np.ndarray
    classes: dict[str, int] | None


def probes(
    trial: Trial, *, pool: int = 100, mixes: int = 1, segment_s: float = 10.0, shuffles: int = 40
) -> dict[str, Any]:
    """The report of the module's text.

    pool : pieces with a part, at most, whose stems are drawn
    mixes : pseudo-mixes drawn for each of them; the stem is heard in those of the others too
    shuffles : times that the truths are dealt out anew, for the level of chance
    """
    drawn: list[PseudoMix] = []
    for part in PARTS:
        rng = np.random.default_rng([trial.seed, part.index])
        labels = min(pool, trial.having(part))
        drawn += draw_pseudo_mixes(trial.pieces, part, labels, mixes, rng)
    heard = hear_stems(trial, drawn, segment_s)
    told = piece_facts(trial, np.unique(heard.source[heard.source >= 0]))
    return probe_report(heard, told, shuffles=shuffles, seed=trial.seed)


def hear_stems(trial: Trial, drawn: Sequence[PseudoMix], segment_s: float) -> HeardStems:
    """Mix, cut into segments without overlap, embed, and measure each stem in its segment."""
    rate_hz, length = trial.reader.sample_rate_hz, trial.samples(segment_s)

    def cut(mix: PseudoMix) -> Iterator[Cut[np.ndarray]]:
        samples, stems = trial.reader.mix(mix.sources)
        known = truth_known(trial.pieces, mix.sources.values())
        cuts = [slice(s, s + length) for s in side_by_side(len(samples), length)]
        source = np.full((len(cuts), len(PARTS)), -1)
        loudness_db, brightness = np.zeros((2, len(cuts), len(PARTS)))
        for part, stem in stems.items():
            for row, at in enumerate(cuts):
                if known[part.index] and not is_silent_stem(stem[at]):
                    place = row, part.index
                    source[place] = mix.sources[part]
                    loudness_db[place] = musical_facts.loudness_db(stem[at], samples[at])
                    brightness[place] = musical_facts.brightness(stem[at], rate_hz)
        some = np.flatnonzero((source >= 0).any(axis=1))
        if len(some):
            sound = np.stack([samples[cuts[row]] for row in some])
            yield Cut(sound, (source[some], loudness_db[some], brightness[some]))

    heard = trial.hear(drawn, cut, total=len(drawn))
    if heard is None:
        raise PartwiseError(f"no stem sounds for a segment of {segment_s:g} s: are they too short?")
    return HeardStems(heard.embeddings, *heard.truths)


def piece_facts(trial: Trial, indices: np.ndarray) -> PieceFacts:
    """What is told of the pieces with these numbers; nothing of the others."""
    wanted = set(indices.tolist())
    found = in_order(
        lambda index: musical_facts.piece_scale(trial.reader, index), sorted(wanted), trial.threads
    )
    scales = dict(zip(sorted(wanted), found, strict=True))
    return PieceFacts(
        [
            musical_facts.instruments(piece) if index in wanted else {}
            for index, piece in enumerate(trial.pieces)
        ],
        [scales.get(index) for index in range(len(trial.pieces))],
        [piece.tempo_bpm for piece in trial.pieces],
    )


def probe_report(
    heard: HeardStems, told: PieceFacts, *, shuffles: int = 40, seed: int = 0
) -> dict[str, Any]:
    """The report of the module's text, of segments that are embedded already."""
    entries: list[dict] = []
    tables = {fact: [[None] * len(PARTS) for _ in PARTS] for fact in FACTS}
    missing: dict[str, str] = {}
    for part in PARTS:
        for fact, (probe, _) in FACTS.items():
            asked = ask(heard, told, part, fact)
            if isinstance(asked, str):
                missing[f"{part} {fact}"] = asked
                continue
            for entry in _entries(heard, asked, part, probe, shuffles, seed):
                entries.append({"part": str(part), "fact": fact, **entry})
                tables[fact][part.index][Part(entry["subspace"]).index] = entry["score"]
    report = {
        "facts": {
            fact: {"measure": probe.name, "about": about} for fact, (probe, about) in FACTS.items()
        },
        "probes": entries,
        "tables": tables,
        "not_measured": missing,
        "segments": len(heard.source),
    }
    return report | {"words": in_words(report)}


def ask(heard: HeardStems, told: PieceFacts, part: Part, fact: str) -> FactOfPart | str:
    """The segments with a truth about one fact of one part; or why there are too few."""
    rows = np.flatnonzero(heard.source[:, part.index] >= 0)
    piece = heard.source[rows, part.index]
    if fact in ("scale", "fifths") and part is Part.DRUMS:
        return "drums have no key"
    if fact in ("loudness", "brightness"):
        measured = heard.loudness_db if fact == "loudness" else heard.brightness
        truth = measured[rows, part.index][:, None]
    else:
        known = {
            i: value
            for i in np.unique(piece).tolist()
            if (value := told.of(fact, part, i)) is not None
        }
        if FACTS[fact][0] is CLASSES:
            what = "one instrument" if fact == "instrument" else "a scale"
            return _classes(rows, piece, known, what)
        there = np.isin(piece, list(known))
        rows, piece = rows[there], piece[there]
        truth = np.array([known[i] for i in piece.tolist()])
    if (found := len(np.unique(piece))) < _PIECES_OF_VALUES:
        return f"it is told of {found} of its pieces: a probe needs {_PIECES_OF_VALUES}"
    return FactOfPart(rows, piece, truth, None)


def _classes(
    rows: np.ndarray, piece: np.ndarray, names: dict[int, Any], what: str
) -> FactOfPart | str:
    """The segments of the pieces whose class has enough of them. names : piece -> its class"""
    kept = {n: c for n, c in sorted(Counter(names.values()).items()) if c >= _PIECES_OF_CLASS}
    if len(kept) < 2:
        return (
            f"{what} is told of {len(names)} of its pieces, and {len(kept)} classes have "
            f"{_PIECES_OF_CLASS} pieces or more: a probe needs two"
        )
    number = {name: index for index, name in enumerate(kept)}
    truth = np.array([number.get(names.get(i, ""), -1) for i in piece.tolist()])
    there = truth >= 0
    return FactOfPart(rows[there], piece[there], truth[there], kept)


def _entries(
    heard: HeardStems, asked: FactOfPart, part: Part, probe: Probe, shuffles: int, seed: int
) -> list[dict[str, Any]]:
    """One fact of one part, read in each subspace."""

    def read(subspace: Part) -> np.ndarray:
        return heard.embeddings[asked.rows, subspace.index]

    truth, piece = asked.truth, asked.piece
    low, high = probe.chance(read(part), truth, piece, shuffles=shuffles, seed=seed)
    about = {
        "chance": 1.0 / len(asked.classes) if asked.classes else 0.0,
        "chance_low": low,
        "chance_high": high,
        "pieces": len(np.unique(piece)),
        "segments": len(piece),
        "classes": asked.classes,
    }
    return [
        {"subspace": str(subspace), "measure": probe.name}
        | asdict(probe.score(read(subspace), truth, piece))
        | about
        for subspace in PARTS
    ]


def in_words(report: dict[str, Any]) -> list[str]:
    """What "similar drums" and the others respond to, and which subspace knows another's part.

    By thresholds that the last sentence states.
    """
    entries = report["probes"]
    lines = [line for part in PARTS if (line := _answers(part, entries))]
    lines += [line for part in PARTS if (line := _elsewhere(part, entries))]
    if lines:
        lines.append(
            f"'Clearly' is {_CLEARLY:.0%} or more of the way from chance to perfect, 'somewhat' "
            f"{_SOMEWHAT:.0%} or more, both with the 95 % interval above that of chance; 'perhaps' "
            "is as far with intervals that overlap; 'hardly' is the rest. Keys are estimates."
        )
    return lines


def degree(entry: dict[str, Any]) -> str:
    """How surely and how well a fact is read: "clearly", "somewhat", "perhaps" or "hardly"."""
    share = (entry["score"] - entry["chance"]) / (1.0 - entry["chance"])
    if share < _SOMEWHAT or entry["score"] <= entry["chance_high"]:
        return "hardly"
    if entry["low"] <= entry["chance_high"]:
        return "perhaps"
    return "clearly" if share >= _CLEARLY else "somewhat"


def _answers(part: Part, entries: list[dict[str, Any]]) -> str | None:
    """The facts of a part in its own subspace, by how well they are read."""
    own = [e for e in entries if e["part"] == part == e["subspace"]]
    if not own:
        return None
    groups: dict[str, list[str]] = {d: [] for d in ("clearly", "somewhat", "perhaps", "hardly")}
    for entry in own:
        groups[degree(entry)].append(f"{_name(part, entry['fact'])} ({_number(entry)})")
    said = ", ".join(f"{how} to {_and(names)}" for how, names in groups.items() if names)
    return f"'Similar {part}' answers {said}."


def _elsewhere(part: Part, entries: list[dict[str, Any]]) -> str | None:
    """In which other subspaces the part's instrument can be read."""
    asked = [e for e in entries if e["part"] == part and e["fact"] == "instrument"]
    if not asked:
        return None
    name = f"{_name(part, 'instrument')} of the {part} part" if part != "drums" else "the kit"
    own = next(e for e in asked if e["subspace"] == part)
    others = [e for e in asked if e["subspace"] != part and degree(e) in ("clearly", "somewhat")]
    others.sort(key=lambda entry: -entry["score"])
    found = [f"'{entry['subspace']}' ({entry['score']:.0%})" for entry in others]
    start = f"{name[0].upper()}{name[1:]} is"
    surely = "" if degree(own) in ("clearly", "somewhat") else "not surely "
    where = f"at least somewhat in {_and(found)} too" if found else "in no other subspace"
    return f"{start} {surely}read in '{part}' ({_number(own)}), and {where}."


def _name(part: Part, fact: str) -> str:
    if fact == "instrument" and part is Part.DRUMS:
        return "the kit"
    if fact == "fifths":
        return "the key's place on the circle of fifths"
    return f"the {fact}" if fact in ("instrument", "scale", "tempo") else fact


def _number(entry: dict[str, Any]) -> str:
    if entry["measure"] == "R2":
        return f"R2 {entry['score']:.2f}"
    return f"{entry['score']:.0%}, chance {entry['chance']:.0%}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
