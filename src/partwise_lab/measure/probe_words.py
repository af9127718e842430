"""The probes of `probes` as sentences, by thresholds that the last sentence states."""

from __future__ import annotations

from typing import Any

from partwise.parts import PARTS, Part

# Shares of the way from chance to perfect; of R2 it is R2 itself.
_CLEARLY = 0.4
_SOMEWHAT = 0.1


def in_words(report: dict[str, Any]) -> list[str]:
    """What "similar drums" and the others respond to, and which subspace knows another's part."""
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
