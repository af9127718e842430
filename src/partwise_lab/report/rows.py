"""The rows of the CSV (see `out`) of what has no scores: one function for each kind of result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def _same_part_rows(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """AUC and similarities of every part in every subspace."""
    for entry in raw.get("same_part", ()):
        where = {key: entry[key] for key in ("part", "subspace", "segments")}
        edges = {"low": entry["low"], "high": entry["high"], "chance": 0.5}
        yield {"quantity": "auc", **where, "value": entry["auc"], **edges}
        for kind, found in entry["similarity"].items():
            row = {"quantity": "similarity", "reading": kind, **where, "value": found["mean"]}
            yield row | {"low": found["low"], "high": found["high"]}


def _probe_rows(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in raw.get("probes", ()):
        quantity = entry["measure"].lower().replace(" ", "_")
        kept = ("part", "subspace", "low", "high", "chance", "segments")
        row = {"reading": entry["fact"]} | {key: entry[key] for key in kept}
        row["labels"] = len(entry["classes"]) if entry["classes"] else None
        yield row | {"quantity": quantity, "value": entry["score"]}
        if entry["part"] == entry["subspace"]:
            edges = {"low": entry["chance_low"], "high": entry["chance_high"], "chance": None}
            yield row | {"quantity": "probe_chance", "value": entry["chance"]} | edges


def _song_rows(raw: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in raw.get("songs", ()):
        where = {"reading": entry["reading"], "part": entry["part"], "segments": entry["queries"]}
        for quantity in ("skewness", "worst", "medleys", "first", "mrr"):
            yield {"quantity": quantity, **where, "value": entry[quantity]}


ROWS: tuple[Callable[[dict[str, Any]], Iterator[dict[str, Any]]], ...] = (
    *(_same_part_rows, _probe_rows, _song_rows),
)
