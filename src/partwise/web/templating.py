"""The environment of all pages' templates: everything escaped, and no name that is not there."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def make_environment() -> Environment:
    """One for each module of pages, which adds its own filters and names."""
    return Environment(
        loader=PackageLoader("partwise.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
