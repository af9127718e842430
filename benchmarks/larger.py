"""Recall and cost of an index at a size at which it was never built.

Recall: a true neighbour is found when its quantised score is among the best ``refine * k``. The
true scores of the best rows come from one exact pass over that many rows (``truth.py``), which need
not be stored for that; the errors of quantised scores were measured on a table that exists. Drawing
an error for each of the best rows, again and again, tells how many of the best ten survive.

Cost: CPU time of a query is taken to be linear in the rows that there are (the filter looks at all
of them), the rows probed (their quantised scores) and the rows compared again (read and scored in
full): fitted by least squares to what was measured with several settings at several sizes.

Both are told for sizes that were measured too, from smaller ones alone. That is the check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOP = 10
REFINES = (1, 2, 5, 20)
_DRAWS = 20


@dataclass(frozen=True)
class Seen:
    """What is known of the queries at one size.

    scores : by weights, the exact scores of the best rows, best first, float32 [queries, keep].
    errors : by weights, errors of the quantised scores of rows among the best, float32
        [queries, n]; None where there is no table.
    """

    rows: int
    scores: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray] | None


def surviving(
    scores: np.ndarray, errors: np.ndarray, kept: int, rng: np.random.Generator, top: int = TOP
) -> float:
    """Share of the ``top`` best rows that are among the ``kept`` best by their erring scores.

    scores : float32 [queries, keep], best first; -inf where there are no more.
    errors : float32 [queries, n], from which errors of that query are drawn.
    """
    shares = []
    for of_query, erring in zip(scores, errors, strict=True):
        there = of_query[np.isfinite(of_query)]
        best = min(top, len(there))
        if not best:
            continue
        if len(there) <= kept:
            shares.append(1.0)
            continue
        noisy = there + rng.choice(erring, size=(_DRAWS, len(there)))
        least = np.partition(noisy, -kept, axis=1)[:, -kept, None]
        shares.append(float((noisy[:, :best] >= least).mean()))
    return float(np.mean(shares)) if shares else 1.0


def fit_cost(samples: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Coefficients [4] of ``cost``: per query, row, row probed, row compared again, all >= 0.

    samples : each with rows, probed (a share), refine and cpu_ms.
    """
    from scipy.optimize import nnls

    measured = np.array([sample["cpu_ms"] for sample in samples])
    terms = np.array([_terms(s["rows"], s["probed"], s["refine"]) for s in samples])
    # Relative errors count, or the largest size alone would decide.
    weights = 1.0 / np.maximum(measured, 1e-9)
    scale = terms.max(axis=0)
    found, _ = nnls(terms / scale * weights[:, None], measured * weights)
    return found / scale


def cost_ms(coefficients: np.ndarray, rows: float, probed: float, refine: float) -> float:
    """CPU milliseconds of one query."""
    return float(_terms(rows, probed, refine) @ coefficients)


def _terms(rows: float, probed: float, refine: float) -> np.ndarray:
    return np.array([1.0, rows, rows * probed, TOP * refine])


def foretell(sizes: Sequence[Mapping[str, Any]], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """For every size but the first: recall and cost as the sizes before it tell them.

    Beside them stands what was measured, where the size was measured.
    """
    measured = {size["rows"]: size for size in sizes}
    result = []
    for at in range(1, len(seen)):
        here = seen[at]
        # The next smaller size that has a table.
        before = next(s for s in reversed(seen[:at]) if s.errors is not None)
        assert before.errors is not None
        rng = np.random.default_rng(7)
        recall = {
            str(refine): {
                name: surviving(scores, before.errors[name], TOP * refine, rng)
                for name, scores in here.scores.items()
            }
            for refine in REFINES
        }
        smaller = [sample for size in sizes if size["rows"] < here.rows for sample in samples(size)]
        coefficients = fit_cost(smaller)
        row: dict[str, Any] = {
            "rows": here.rows,
            "from_errors_at": before.rows,
            "recall": recall,
            "cost": {
                "per_query_ms": coefficients[0],
                "per_million_rows_ms": 1e6 * coefficients[1],
                "per_million_probed_ms": 1e6 * coefficients[2],
                "per_compared_again_ms": coefficients[3],
            },
            "cpu_ms": cost_ms(coefficients, here.rows, 1.0, 20),
        }
        if here.rows in measured:
            swept = [s for s in measured[here.rows]["sweep"] if s["probed"] == 1]
            row["measured_recall"] = {
                str(s["refine"]): {n: by["recall_at_10"] for n, by in s["by"].items()}
                for s in swept
                if s["refine"] in REFINES
            }
            row["measured_cpu_ms"] = float(
                np.mean([x["cpu_ms"] for x in samples(measured[here.rows]) if _usual(x)])
            )
        result.append(row)
    return result


def samples(size: Mapping[str, Any]) -> list[dict[str, float]]:
    """Of a measured size: one sample of cost for each setting, the mean over the weights."""
    return [
        {
            "rows": float(swept["rows"]),
            "probed": float(swept["probed"]),
            "refine": float(swept["refine"]),
            "cpu_ms": float(np.mean([by["cpu_ms"] for by in swept["by"].values()])),
        }
        for swept in size["sweep"]
    ]


def _usual(sample: Mapping[str, float]) -> bool:
    return sample["probed"] == 1.0 and sample["refine"] == 20.0
