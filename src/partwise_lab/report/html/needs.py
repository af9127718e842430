"""The optional packages that an HTML report is made with, asked for before the long work begins."""

from __future__ import annotations

from importlib.util import find_spec

from partwise.errors import PartwiseError

_PACKAGES = {"jinja2": "Jinja2", "matplotlib": "Matplotlib", "sklearn": "scikit-learn"}


def require_packages() -> None:
    """Raises PartwiseError, naming what is missing, unless an HTML report can be made here."""
    missing = [name for module, name in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise PartwiseError(
            f"an HTML report needs {' and '.join(missing)}: "
            "pip install 'partwise-lab[bench]' -c constraints.txt, or write --out X.json"
        )
