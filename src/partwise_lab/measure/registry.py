"""The protocols of `partwise-lab evaluate` by name: what runs each, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from partwise_lab.measure import protocols
from partwise_lab.measure.probes import probes
from partwise_lab.measure.same_part import same_part

LABELS = 10


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
        self, trial: protocols.Trial, asked: Mapping[str, Any], *, details: bool = False
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
    "pseudo-knn": Protocol(protocols.pseudo_knn, _KNN, _OF_KNN | {"leakage": False}, details=True),
    "leakage": Protocol(protocols.pseudo_knn, _KNN, _OF_KNN | {"leakage": True}, details=True),
    "presence": Protocol(protocols.presence),
    "few-pieces": Protocol(protocols.few_pieces, ("labels", "draws", "oracle"), {"mixes": 24}, 5.0),
    "halves": Protocol(protocols.halves, ("labels", "draws"), segment_s=5.0),
    "unmixed": Protocol(protocols.unmixed, ("labels", "draws"), details=True),
    "same-part": Protocol(same_part),
    "probes": Protocol(probes, ("pool",), {"mixes": 1}),
}
# The last one asks about clips that listeners compared.
PROTOCOLS = (*OF_STEMS, "abx")
