from copy import deepcopy

import pytest

from experiment_reports import EVIL, abx_of
from html_page import Page
from made_up_reports import leakage_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")
pytest.importorskip("yaml")
from partwise_lab.report.html.context import Context
from partwise_lab.report.html.experiments import listeners


def body(report):
    found = listeners(report, Context())
    assert found is not None
    return f"<div>{found.body}</div>"


@pytest.fixture(scope="module")
def fragment():
    return body(abx_of())


def test_every_share_and_what_people_reach_is_shown(fragment):
    text = Page(fragment).text
    entries = abx_of()["agreement"]
    assert {(e["kind"], e["part"]) for e in entries} == {
        (kind, part) for kind in ("XAB", "XYC") for part in ("piano", "guitar")
    }
    for entry in entries:
        for measure in ("votes", "sure_votes", "majority", "consensus"):
            if share := entry[measure]:
                value, low, high = (f"{100 * share[key]:.1f}" for key in ("value", "low", "high"))
                assert f"{value}{low} to {high}n {share['n']}" in text
        for ceiling in entry["human"].values():
            assert f"{100 * ceiling:.1f}" in text
    for aspects in abx_of()["mean"].values():
        for mean in aspects["overall"].values():
            assert f"{100 * mean:.1f}" in text


def test_p_values_stand_beside_triplets(fragment):
    found = next(e for e in abx_of()["agreement"] if e["kind"] == "XAB")["majority"]
    p = "< 0.001" if found["p_value"] < 0.001 else f"{found['p_value']:.3f}"
    assert f"n {found['n']}, p {p}" in Page(fragment).text


def test_bars_tell_votes_beside_one_listener_and_chance(fragment):
    spoken = [svg["aria-label"] for svg in Page(fragment).all("svg")]
    assert len(spoken) == 2
    entry = abx_of()["agreement"][0]
    assert spoken[0].startswith("XAB: votes that the model agrees with")
    assert f"{entry['part']} {100 * entry['votes']['value']:.1f} (" in spoken[0]
    assert f"ceiling {100 * entry['human']['one_vs_rest']:.1f}" in spoken[0]
    assert fragment.count("stroke-dasharray") >= 4  # where guessing is, of each bar


def test_counts_of_what_was_heard(fragment):
    text = Page(fragment).text
    report = abx_of()
    assert f"{report['answers']['rows']} of 4 listeners" in text
    assert "40 XAB, 40 XYC" in text
    assert f"80 of {report['triplets']['songs']} reference songs" in text
    assert "0 triplets, for want of 0 clips" in text
    assert "the stem alone, as listeners did" in text
    assert "0 of the triplets heard" in text


def test_a_warning_only_where_the_model_was_tuned_on_them(fragment):
    assert "Not held out" not in fragment
    tuned = abx_of(tuned=True)
    assert tuned["triplets"]["trained_on"] > 0
    (warning,) = [p for p in Page(body(tuned)).all("p") if p.get("class") == "warning"]
    assert warning["role"] == "note"
    said = f"tuned on answers to {tuned['triplets']['trained_on']} of these triplets, and "
    assert f"{said}{tuned['triplets']['trained_songs']} have a song" in Page(body(tuned)).text


def test_aspects_nobody_told_are_left_out(fragment):
    text = Page(fragment).text
    assert "rhythm" in text
    assert "timbre" not in text and "melody" not in text


def test_reasons_are_text(fragment):
    assert "<script" not in fragment
    assert f"3: {EVIL}" in Page(fragment).text


def test_one_kind_of_question_and_nothing_sure():
    report = deepcopy(abx_of())
    report["agreement"] = [e for e in report["agreement"] if e["kind"] == "XAB"]
    for entry in report["agreement"]:
        entry["sure_votes"] = None
    text = Page(body(report)).text
    assert "XYC:" not in text
    assert "–" in text


def test_other_reports_have_none():
    assert listeners(leakage_report(), Context()) is None
