import re

import pytest

from experiment_reports import EVIL, same_part_of
from html_page import Page
from made_up_reports import leakage_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
from partwise_lab.report.html.context import Context
from partwise_lab.report.html.experiments import same_part


@pytest.fixture(scope="module")
def fragment():
    found = same_part(same_part_of(), Context())
    assert found is not None
    return f"<div>{found.body}</div>"


def test_every_number_is_shown(fragment):
    text = Page(fragment).text
    for entry in same_part_of()["same_part"]:
        assert f"{entry['part']} in {entry['subspace']}" in text
        for mean, found in [(entry["auc"], entry)] + [
            (kind["mean"], kind) for kind in entry["similarity"].values()
        ]:
            assert f"{mean:.2f}{found['low']:.2f} to {found['high']:.2f}" in text
    # The three means of similarity stand in the table of own subspaces too.
    own = same_part_of()["same_part"][0]["similarity"]["same_part"]
    assert text.count(f"{own['mean']:.2f}{own['low']:.2f} to {own['high']:.2f}") >= 2


def test_parts_not_measured_are_empty_cells(fragment):
    spoken = Page(fragment).all("svg")[0]["aria-label"]
    assert spoken.startswith("AUC of each part")
    assert "bass: drums –, bass –, piano –, guitar –, other –" in spoken
    drums = same_part_of()["auc"][0]
    assert f"drums: drums {drums[0]:.2f}, bass {drums[1]:.2f}" in spoken


def test_each_part_has_its_own_map_and_the_next_ones(fragment):
    spoken = [svg["aria-label"] for svg in Page(fragment).all("svg")[1:]]
    assert len(spoken) == 4
    for label, place in zip(spoken, ("drums", "bass", "guitar", "other"), strict=True):
        assert label.startswith("12 segments of 3 ")
        assert label.endswith(f"each under 2 accompaniments, in the {place} subspace")
    assert "In the subspace of other: colours should mix" in Page(fragment).text


def test_dots_tell_stem_accompaniment_and_moment(fragment):
    titles = re.findall(r"<title>([^<]*)</title>", fragment)
    assert len(titles) == 4 * 12
    assert titles[-1] == "guitar of two with bass of five, piano of six, moment 2"
    # Three colours (stems) and two shapes (accompaniments) in a map, and the same in its legend.
    first = fragment.split("<svg")[2].split("</svg>")[0]
    assert set(re.findall(r"var\(--label-(\d+)\)", first)) == {"0", "1", "2"}
    assert len(set(re.findall(r'<path id="[^"]*-m[0-9a-f]*" d="([^"]*)"', first))) == 2
    assert "▲" not in fragment and "■ bass of five, piano of six" in Page(fragment).text.replace(
        "\n", " "
    )


def test_names_are_text(fragment):
    assert "<script" not in fragment
    assert EVIL in Page(fragment).text


def test_other_reports_have_none():
    assert same_part(leakage_report(), Context()) is None
