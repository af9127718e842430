"""The report of a listening test as one HTML page that loads nothing."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

_SHARES = (
    ("agreement", "all answers"),
    ("sure", "sure"),
    ("perhaps", "perhaps"),
    ("majority", "majority of listeners"),
)


def report_html(report: dict[str, Any]) -> str:
    """The page, whole."""
    from jinja2 import Environment, FileSystemLoader

    here = files("partwise_lab.survey")
    with as_file(here / "templates") as folder:
        environment = Environment(loader=FileSystemLoader(folder), autoescape=True)
        template = environment.get_template("report.html")
    style = (here / "static" / "report.css").read_text("utf-8")
    return template.render(report=report, shares=_SHARES, style=style) + "\n"
