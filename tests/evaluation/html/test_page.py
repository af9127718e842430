"""The page as a whole: well-formed, alone, safe, and every number is on it."""

import re

import numpy as np
import pytest

from experiment_reports import abx_of, probes_of, same_part_of
from html_page import Page
from made_up_reports import (
    MODEL,
    comparison_report,
    leakage_report,
    presence_report,
    real_report,
    unmixed_report,
)

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
from partwise_lab.report.html.page import html_page

EVIL = '<script>alert("1")</script> & $x_1$'


def details() -> dict:
    """Two labels in the drums' subspace, one of them confused; names as bad as they can be."""
    pick = {"label": 0, "mix": 0, "start_s": 10.0, "distance": 0.0}
    return {
        "segment_s": 10.0,
        "whole": False,
        "parts": {
            "drums": {
                "labels": [EVIL, "plain"],
                "mixes": [{"drums": EVIL, "bass": "plain"}, {"drums": "plain", "bass": EVIL}],
                "method": "PCA",
                "x": [0.0, 1.0, 2.0],
                "y": [1.0, 0.0, 2.0],
                "label": [0, 0, 1],
                "mix": [0, 0, 1],
                "start_s": [0.0, 10.0, 0.0],
                "confusion": [[1, 37], [0, 1]],
                "examples": [
                    {
                        "query": pick,
                        "right": None,
                        "wrong": {"label": 1, "mix": 1, "start_s": 0.0, "distance": 0.4321},
                    }
                ],
            }
        },
    }


def whole_report() -> dict:
    """A report in which every section but the comparison finds something."""
    values = presence_report()["average_precision"]
    return leakage_report() | {
        "mean": 0.7,
        "average_precision": values | {"piano": None},
        "average_precision_interval": {part: [0.5, 0.995] for part in values},
        "share_present": dict.fromkeys(values, 0.6),
        "details": details(),
        "command": f"partwise-lab evaluate --data '{EVIL}'",
        "skipped": [{"name": EVIL, "reason": "silent"}],
        "not_measured": {"piano": "pieces that have it: 1"},
        "data": [EVIL],
        "seed": 3,
        "partwise": "9.8.7",
    }


ALL = [whole_report(), real_report(), unmixed_report(), presence_report(), comparison_report()]


@pytest.fixture(scope="module")
def html():
    return html_page(ALL)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_is_well_formed_and_ids_are_unique(page):
    assert len(page.ids) == len(set(page.ids))
    assert len(page.all("svg")) == 16  # of the five reports: 7 + 1 + 1 + 1 + 6


def test_nothing_outside_is_referred_to(html, page):
    assert page.addresses
    for address in page.addresses:
        assert address.startswith(("#", "data:audio/mpeg;base64,")), address
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    # The one address on the page is the name of SVG's way to refer to its own parts.
    assert set(re.findall(r"https?://[^\"]*", html)) <= {"http://www.w3.org/1999/xlink"}
    assert not page.all("script") and not page.all("link")


def test_what_it_refers_to_is_on_the_page(html, page):
    for address in page.addresses:
        assert not address.startswith("#") or address[1:] in page.ids, address
    for found in re.findall(r"url\(#([^)]*)\)", html):
        assert found in page.ids


def test_names_from_the_data_are_text(html, page):
    assert "<script" not in html
    assert page.text.count(EVIL) >= 6  # command, data, left out, legend, tooltips, examples
    assert any(EVIL in element.get("aria-label", "") for element in page.all("div"))


def test_every_number_is_shown(page):
    report = whole_report()
    for score in report["scores"]:
        text = f"{100 * score['accuracy']:.1f} ({100 * score['low']:.1f} to"
        assert text in page.text, text
    for cell in np.ravel(report["leakage"]):
        assert f"{100 * cell:.1f}" in page.text
    for value in report["average_precision"].values():
        assert value is None or f"{100 * value:.1f} (50.0 to 99.5)" in page.text
    assert "It cannot be told for piano" in page.text
    assert "37" in page.text and "distance 0.432" in page.text
    assert "62.5 (57.5 to 67.5)" in page.text  # unmixed


def test_the_header_tells_what_was_measured(page):
    for text in (MODEL, "d1d1d1d1d1d1", "150 pieces", "9.8.7", "1 left out or silent"):
        assert text in page.text
    assert "not measured: pieces that have it: 1" in page.text
    assert "does not measure disentanglement" in page.text.replace("\n", " ")


def test_figures_are_described_for_those_who_cannot_see_them(page):
    for svg in page.all("svg"):
        assert svg["role"] == "img"
        assert len(svg["aria-label"]) > 20
    spoken = next(
        s["aria-label"] for s in page.all("svg") if "Accuracy in per cent" in s["aria-label"]
    )
    assert "piano: drums 10.0, bass 10.0, piano 70.0, guitar 36.0, other 10.0" in spoken


def test_each_dot_has_a_tooltip(html, page):
    titles = re.findall(r"<title>(drums of [^<]*)</title>", html)
    assert len(titles) == 3
    assert "mix 2, from 0 s with bass of &lt;script&gt;" in titles[2]


def test_colours_follow_light_and_dark(html):
    assert "prefers-color-scheme: dark" in html
    assert not re.findall(r"#0(?:101|102)[0-9a-f]{2}\b", html)  # stand-ins that were not replaced
    for variable in set(re.findall(r"var\(--([a-z0-9-]+)\)", html)):
        assert html.count(f"--{variable}:") == 2, variable


def test_sections_leave_out_what_the_report_does_not_have(page):
    assert not any(key.startswith("r1-leakage") for key in page.ids)
    assert "r0-maps" in page.ids and "r1-maps" not in page.ids
    assert "r4-comparison" in page.ids and "r0-comparison" not in page.ids


def test_the_experiments_have_pages_too():
    for package in ("scipy", "sklearn", "yaml"):
        pytest.importorskip(package)
    html = html_page([same_part_of(), probes_of(), abx_of(tuned=True)])
    found = Page(html)
    assert len(found.ids) == len(set(found.ids))
    assert {"r0-same-part", "r1-probes", "r2-listeners"} <= set(found.ids)
    assert {address for address in found.addresses if address[1:] not in found.ids} == set()
    assert set(re.findall(r"https?://[^\"]*", html)) <= {"http://www.w3.org/1999/xlink"}
    for svg in found.all("svg"):
        assert svg["role"] == "img" and len(svg["aria-label"]) > 20
    for title in ("other accompaniment", "What each subspace holds", "Agreement with listeners"):
        assert title in found.text
    assert "drums have no key" in found.text
