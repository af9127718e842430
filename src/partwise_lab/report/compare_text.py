"""A comparison as a table for the terminal."""

from __future__ import annotations

from typing import Any

from partwise.parts import PARTS


def comparison_text(report: dict[str, Any]) -> str:
    """One line a row: accuracy by part, mean, how far that is from the first row's, and cost.

    A star marks a difference from the first row whose 95 % interval leaves out zero.
    """
    rows = report["rows"]
    width = max(len(row["name"]) for row in rows) + 1
    hears = max(5, *(len(row["hears"]) for row in rows)) + 1
    labels = report["options"]["labels"]
    lines = [
        f"{'row':{width}}{'hears':{hears}}"
        + "".join(f"{part:>8}" for part in PARTS)
        + f"{f'mean at {labels}':>12} {'(95 %)':16}{'to first':>9}{'strict':>8}{'all':>7}"
        f"{'x real time':>13}{'bytes':>7}"
    ]
    for row in rows:
        found = {s["part"]: s["accuracy"] for s in row["scores"] if s["reading"] == "paper"}
        cells = "".join(
            f"{found[part]:8.1%}" if part in found else f"{'-':>8}" for part in map(str, PARTS)
        )
        difference = ""
        if row is not rows[0] and "mean" in row["differences"]:
            known, low, high = row["differences"]["mean"]
            difference = f"{known:+.1%}{'*' if low > 0 or high < 0 else ' '}"
        speed = row["speed"]["together"]
        interval = f"({row['mean_low']:.1%}-{row['mean_high']:.1%})"
        lines.append(
            f"{row['name']:{width}}{row['hears']:{hears}}{cells}{row['mean']:12.1%} {interval:16}"
            f"{difference:>9}{row['mean_strict']:8.1%}{row['mean_all']:7.1%}"
            f"{f'{speed:,.0f}' if speed else '-':>13}{row['bytes_per_segment']:7,}"
        )
    lines += [
        "",
        f"chance {1 / labels:.0%}; to first: points more than the first row, * where the paired "
        "95 % interval leaves out zero",
        "x real time: one core, separation and all five parts; bytes: per segment, all parts",
    ]
    return "\n".join(lines)
