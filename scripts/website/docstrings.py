"""Makes lists of what our docstrings say of arguments and fields, for the API reference.

They are written to be read as text: ``name : what it is``, one after the other. Markdown would run
such lines together.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_NAMED = re.compile(r"^(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : (?P<what>.*)$")


class NamedLines(griffe.Extension):
    """Lines that begin with a name and a colon become items of a list."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_list(obj.docstring.value)


def as_list(text: str) -> str:
    """``text`` with its named lines as items of a Markdown list."""
    lines: list[str] = []
    for line in text.splitlines():
        named = _NAMED.match(line)
        if named is None:
            lines.append(line)
            continue
        if lines and lines[-1].strip() and not lines[-1].startswith("- "):
            lines.append("")
        lines.append(f"- `{named['names'].replace(', ', '`, `')}`: {named['what']}")
    return "\n".join(lines)
