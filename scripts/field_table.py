"""The table of docs/field.md, from what ``benchmarks/field.py --write`` found."""

from __future__ import annotations

import re
from typing import Any

from partwise_lab.report.table import markdown

_HEAD = ("", "what was tried", "reported elsewhere", "what a user may expect", "what came")
_COLUMNS = ("case", "source", "expected", "came")
_MARKS = {"pass": "pass", "weak": "*weak*", "fail": "**fail**", "not run": "not run"}


def field_table(field: dict[str, Any]) -> str:
    rows = [
        [_MARKS[row["mark"]], *(_plain(row[name]) for name in _COLUMNS)] for row in field["cases"]
    ]
    return markdown(list(_HEAD), rows)


def field_line(field: dict[str, Any]) -> str:
    marks = [row["mark"] for row in field["cases"]]
    counts = ", ".join(f"{marks.count(mark)} {mark}" for mark in _MARKS)
    return f"Of {len(marks)} cases, tried at commit `{field['commit']}`: {counts}."


def _plain(text: str) -> str:
    """Text in which Markdown and HTML see nothing of theirs."""
    return re.sub(r"([\\|<>*_`\[\]#&~$])", r"\\\1", " ".join(text.split()))
