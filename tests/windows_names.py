"""The names of Windows on any system: what stands in for ``os`` in a module under test."""

from __future__ import annotations

import ntpath
import os
from types import SimpleNamespace

WINDOWS = SimpleNamespace(
    **{name: thing for name, thing in vars(os).items() if name not in ("path", "sep", "altsep")},
    path=ntpath,
    sep="\\",
    altsep="/",
)
