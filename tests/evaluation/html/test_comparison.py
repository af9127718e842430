import pytest

from html_page import Page
from made_up_reports import comparison_report, leakage_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
from partwise_lab.report.html.context import Context
from partwise_lab.report.html.experiments import comparison


@pytest.fixture(scope="module")
def fragment():
    found = comparison(comparison_report(), Context())
    assert found is not None
    return str(found.body)


def test_every_row_has_its_numbers(fragment):
    text = Page(f"<div>{fragment}</div>").text
    for row in comparison_report()["rows"]:
        for score in row["scores"]:
            assert f"{100 * score['accuracy']:.1f}" in text
            assert f"{100 * score['low']:.1f}–{100 * score['high']:.1f}" in text
        assert f"{100 * row['mean']:.1f}" in text
        assert f"{100 * row['mean_strict']:.1f}" in text
    for cost in ("120 ×", "590 ×", "1.25 ×", "0.988 ×", "2,560", "61,440", "1,351,582"):
        assert cost in text
    assert "20 core min" in text
    assert "as <it> comes" in text


def test_equal_names_are_told_apart(fragment):
    assert "rival (mixes)" in fragment
    assert "rival (separated stems)" in fragment
    assert "ours (mixes)" not in fragment


def test_the_best_is_bold_and_sure_differences_are_marked(fragment):
    assert "<b>90.0</b>" in fragment
    assert "<b>40.0</b>" not in fragment
    # Of the three differences, drums is worse, bass could be nothing, the mean is better.
    assert fragment.count('aria-label="worse than ours"') == 1
    assert fragment.count('aria-label="better than ours"') == 1
    assert "-50.0 points (-55.0 to -45.0) against ours" in fragment
    assert "+2.0 points (-1.0 to +5.0) against ours" in fragment


def test_there_is_a_dot_plot_for_each_part_and_the_mean(fragment):
    spoken = [svg["aria-label"] for svg in Page(f"<div>{fragment}</div>").all("svg")]
    assert len(spoken) == 6
    assert spoken[5].startswith("Accuracy for mean: ours 88.0 (85.0 to 91.0) per cent")


def test_other_reports_have_no_comparison():
    assert comparison(leakage_report(), Context()) is None
