import sys

import pytest

from partwise import PartwiseError
from partwise_lab.report.out import require_html


def test_what_is_missing_is_named_with_its_extra(monkeypatch):
    import importlib.machinery

    finders = [f for f in sys.meta_path if f is not importlib.machinery.PathFinder]
    monkeypatch.setattr(sys, "meta_path", finders)
    for name in ("jinja2", "matplotlib", "sklearn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(PartwiseError, match=r"needs Jinja2 and Matplotlib and scikit-learn: pip"):
        require_html()


def test_nothing_is_said_where_all_is_there():
    for name in ("jinja2", "matplotlib", "sklearn"):
        pytest.importorskip(name)
    require_html()
