import re

import pytest

from experiment_reports import EVIL, probes_of
from html_page import Page
from made_up_reports import leakage_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from partwise_lab.report.html.context import Context
from partwise_lab.report.html.experiments import probes


@pytest.fixture(scope="module")
def fragment():
    found = probes(probes_of(), Context())
    assert found is not None
    return f"<div>{found.body}</div>"


def said(value, entry):
    return f"{value:.2f}" if entry["measure"] == "R2" else f"{100 * value:.1f}"


def test_the_words_come_first(fragment):
    text = Page(fragment).text
    places = [text.index(sentence) for sentence in probes_of()["words"]]
    assert len(places) >= 3
    assert places == sorted(places)
    assert places[-1] < text.index("Each fact of a part is read by a linear model")


def test_every_number_is_shown(fragment):
    text = Page(fragment).text
    entries = probes_of()["probes"]
    assert {entry["fact"] for entry in entries} == {
        "instrument",
        "tempo",
        "loudness",
        "brightness",
    }
    for entry in entries:
        for keys in (("score", "low", "high"), ("chance", "chance_low", "chance_high")):
            value, low, high = (said(entry[key], entry) for key in keys)
            assert f"{value}{low} to {high}" in text


def test_own_subspaces_are_bars_with_chance(fragment):
    spoken = [svg["aria-label"] for svg in Page(fragment).all("svg")]
    assert len(spoken) == 8  # bars and heat map of four facts
    own = next(
        e
        for e in probes_of()["probes"]
        if (e["part"], e["fact"], e["subspace"]) == ("drums", "tempo", "drums")
    )
    assert (
        f"drums {own['score']:.2f} ({own['low']:.2f} to {own['high']:.2f}), "
        f"chance {own['chance_low']:.2f} to {own['chance_high']:.2f}"
    ) in spoken[2]
    assert "per cent" in spoken[0] and "per cent" not in spoken[2]


def test_what_is_below_nothing_has_a_number_but_no_shade(fragment):
    table = probes_of()["tables"]["loudness"]
    cells = [cell for row in table for cell in row if cell is not None]
    assert min(cells) < 0
    drawn = next(
        svg
        for svg in re.findall(r"<svg.*?</svg>", fragment, re.DOTALL)
        if 'aria-label="R2 of loudness of each part' in svg
    )
    assert drawn.count("fill: var(--heat)") == sum(cell > 0 for cell in cells)
    for cell in cells:
        assert f"{cell:.2f}" in Page(drawn).text


def test_facts_and_names_are_explained_as_text(fragment):
    assert "<script" not in fragment
    text = Page(fragment).text
    assert f"{EVIL} 6, kit one 6" in text
    assert "balanced accuracy; what plays the part" in text
    assert "scale" not in {line.strip() for line in text.splitlines()}  # not measured


def test_other_reports_have_none():
    assert probes(leakage_report(), Context()) is None
