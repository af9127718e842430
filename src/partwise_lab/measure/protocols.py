"""The protocols as reports: numbers in dictionaries that JSON can hold, for tables and docs.

A report of `partwise-lab evaluate` has (schema 2; earlier ones had no `schema`):

    schema, partwise, protocol, seed, seconds, command (as it was given)
    model          digest of the model file and its description; model_* tell where it comes from
    data           names of the folders; data_digest, pieces, stems (pieces with each part), skipped
    options        the protocol's settings
    scores         one entry for each part and reading (`paper`, `strict`, `all` labels of the
                   pool, in this order; `nearest` for halves, `unmixed`): part, reading, labels,
                   accuracy, low and high (95 % over pieces), chance, segments
    mean, mean_strict, mean_all    over the parts that were measured
    leakage        [parts][parts]: labels of the row read in the subspace of the column, or null
    average_precision, average_precision_interval, share_present     of presence, by part, or null
    songs          of songs: one entry for each reading (`directions` alone, the `product`'s score)
                   and part or `all equal`: how often which track is in the first ten (skewness,
                   worst, worst_kind, medleys, chance), and the right piece (first, mrr)
    not_measured   parts that the data holds too little of, and why
    windows        of few-pieces: part -> piece -> windows in which it sounds (with one window only,
                   the strict reading cannot be right)
    details        of pseudo-knn, leakage and unmixed, where asked for: segment_s, `whole` (whether
                   the mixes are pieces as they are) and `parts`, part -> see `part_details`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from partwise_lab.measure.few_pieces import few_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.presence import presence
from partwise_lab.measure.probes import probes
from partwise_lab.measure.pseudo_knn import pseudo_knn
from partwise_lab.measure.same_part import same_part
from partwise_lab.measure.songs import songs
from partwise_lab.measure.whole import halves, unmixed

SCHEMA = 2
LABELS = 10  # to tell apart, by default


@dataclass(frozen=True)
class Protocol:
    """How a protocol is run by the options of `partwise-lab evaluate`.

    measure : (trial, **options) -> the numbers of the report
    options : which of the command's it takes as they are, beside `segment_s`
    defaults : those it has values of its own for, where the command is given none
    segment_s : of a segment by default
    details : whether it can look behind the numbers, for an HTML report
    """

    measure: Callable[..., dict[str, Any]]
    options: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    segment_s: float = 10.0
    details: bool = False

    def run(
        self, trial: Trial, asked: Mapping[str, Any], *, details: bool = False
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it used of what was asked for, and what it found."""
        used = {"segment_s": asked.get("segment_s") or self.segment_s}
        used |= {name: asked[name] for name in self.options}
        used |= {name: asked.get(name) or value for name, value in self.defaults.items()}
        more = {"details": details} if self.details else {}
        return used, self.measure(trial, **used, **more)


_KNN = ("pool", "draws", "oracle")
_OF_KNN = {"labels": LABELS, "mixes": 4}

OF_STEMS = {
    "pseudo-knn": Protocol(pseudo_knn, _KNN, _OF_KNN | {"leakage": False}, details=True),
    "leakage": Protocol(pseudo_knn, _KNN, _OF_KNN | {"leakage": True}, details=True),
    "presence": Protocol(presence),
    "few-pieces": Protocol(few_pieces, ("labels", "draws", "oracle"), {"mixes": 24}, 5.0),
    "halves": Protocol(halves, ("labels", "draws"), segment_s=5.0),
    "unmixed": Protocol(unmixed, ("labels", "draws"), details=True),
    "songs": Protocol(songs),
    "same-part": Protocol(same_part),
    "probes": Protocol(probes, ("pool",), {"mixes": 1}),
}
# The last one asks about clips that listeners compared.
PROTOCOLS = (*OF_STEMS, "abx")
