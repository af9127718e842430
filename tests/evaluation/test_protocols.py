import json

import numpy as np
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure import protocols
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.tables import report_text
from stem_folder import RATE_HZ, write_stem_folder
from stem_trees import write_tone


def embed(samples):
    """An 'encoder' of a few bands of the spectrum, in every subspace."""
    spectrum = np.abs(np.fft.rfft(samples, n=2048, axis=1))[:, :64]
    vectors = np.repeat(spectrum[:, None, :], 5, axis=1).astype(np.float32)
    return vectors, spectrum[:, :5] / (1.0 + spectrum[:, :5])


def trial(folder, **more):
    pieces = find_pieces(folder)
    return Trial(pieces, StemReader(pieces, RATE_HZ), embed, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("data"), pieces=6, seconds=4.0)


def test_pseudo_knn_report(folder):
    settings = {"labels": 3, "mixes": 2, "draws": 3, "segment_s": 1.0, "leakage": True}
    seen = []
    report = protocols.pseudo_knn(trial(folder, progress=lambda *at: seen.append(at)), **settings)
    json.dumps(report, allow_nan=False)
    entries = report["scores"]
    assert [entry["reading"] for entry in entries] == ["paper", "strict", "all"] * 5
    assert [entry["part"] for entry in entries[::3]] == [str(part) for part in PARTS]
    assert report["mean"] == pytest.approx(np.mean([entry["accuracy"] for entry in entries[::3]]))
    assert np.shape(report["leakage"]) == (5, 5)
    assert [row[i] for i, row in enumerate(report["leakage"])] == [
        entry["accuracy"] for entry in entries[::3]
    ]
    assert seen[-1] == (58, 58)  # 2 mixes of 6 + 6 + 6 + 5 + 6 pieces
    assert protocols.pseudo_knn(trial(folder, threads=3), **settings) == report
    text = report_text(report)
    assert "read in the subspace" in text
    assert "chance 33%" in text


def test_parts_that_the_data_lacks_are_not_measured(tmp_path):
    for number in range(4):
        for name, hz in {"drums": 3000.0, "bass": 60.0 + 10 * number}.items():
            write_tone(tmp_path / f"s{number}" / f"{name}.wav", hz, 3.0)
    report = protocols.pseudo_knn(trial(tmp_path), labels=3, segment_s=1.0, leakage=True)
    assert {entry["part"] for entry in report["scores"]} == {"drums", "bass"}
    assert report["leakage"][Part.PIANO.index] == [None] * 5
    assert "piano  " not in report_text(report).split("column:")[1].split("\n", 2)[2]
    with pytest.raises(
        PartwiseError, match=r"5 labels were asked for, but the data has 4 pieces.*--labels 4"
    ):
        protocols.pseudo_knn(trial(tmp_path), labels=5)


def test_a_part_that_never_sounds_costs_the_others_nothing(tmp_path):
    for number in range(4):
        write_tone(tmp_path / f"s{number}" / "drums.wav", 3000.0 + 300 * number, 3.0)
        write_tone(tmp_path / f"s{number}" / "bass.wav", 0.0, 3.0)  # silence
    report = protocols.pseudo_knn(trial(tmp_path), labels=3, segment_s=1.0)
    assert {entry["part"] for entry in report["scores"]} == {"drums"}
    assert report["not_measured"] == {
        "bass": "no test segment in which the part sounds: are the stems long enough?"
    }
    assert "bass     not measured: no test segment" in report_text(report)
    write_tone(tmp_path / "s0" / "bass.wav", 60.0, 3.0)
    with pytest.raises(PartwiseError, match="but bass sounds for 1 s in only 1 of the pieces"):
        protocols.pseudo_knn(trial(tmp_path), labels=3, segment_s=1.0)
    with pytest.raises(PartwiseError, match=r"drums: no test segment.*; bass: no test segment"):
        protocols.pseudo_knn(trial(tmp_path), labels=3, segment_s=9.0)


def test_details_of_pseudo_knn_name_what_was_heard(folder):
    pytest.importorskip("sklearn")
    settings = {"labels": 3, "mixes": 2, "draws": 3, "segment_s": 1.0}
    plain = protocols.pseudo_knn(trial(folder), **settings)
    report = protocols.pseudo_knn(trial(folder), **settings, details=True)
    assert {key: value for key, value in report.items() if key != "details"} == plain
    details = report["details"]
    assert json.loads(json.dumps(details, allow_nan=False)) == details
    assert list(details["parts"]) == [str(part) for part in PARTS]
    for part, behind in details["parts"].items():
        assert len(behind["labels"]) == 3
        for label, mix in zip(behind["label"], behind["mix"], strict=True):
            assert behind["mixes"][mix][part] == behind["labels"][label]
    settings["segment_s"] = 2.0
    oracle = protocols.pseudo_knn(trial(folder), **settings, oracle=True, details=True)
    assert set(oracle["details"]["parts"]["bass"]["mixes"][0]) == {"bass"}


def test_unmixed_report(folder):
    pytest.importorskip("sklearn")
    report = protocols.unmixed(trial(folder), segment_s=1.0, details=True)
    json.dumps(report, allow_nan=False)
    assert [entry["reading"] for entry in report["scores"]] == ["unmixed"] * 5
    assert [entry["labels"] for entry in report["scores"]] == [6, 6, 6, 5, 6]
    assert report["not_measured"] == {}
    assert report["mean"] == pytest.approx(np.mean([e["accuracy"] for e in report["scores"]]))
    assert report["details"]["whole"] is True
    behind = report["details"]["parts"]["guitar"]
    assert behind["labels"] == [f"piece0{number}" for number in range(5)]
    assert behind["mixes"][0] == {str(part): "piece00" for part in PARTS}
    text = report_text(report)
    assert "segment of its piece" in text
    assert "no measure of disentanglement" in text
    fewer = protocols.unmixed(trial(folder), segment_s=1.0, labels=6)
    assert fewer["not_measured"] == {
        "guitar": "pieces in which it sounds in two segments or more: 5"
    }


def test_presence_report(folder):
    report = protocols.presence(trial(folder), segment_s=1.0)
    json.dumps(report, allow_nan=False)
    for part in PARTS:
        low, high = report["average_precision_interval"][part]
        assert low <= report["average_precision"][part] <= high
        assert 0.0 < report["share_present"][part] < 1.0
    head, *rows = report_text(report).splitlines()
    assert head.split() == "part average precision 95 % interval there in".split()
    for part, row in zip(PARTS, rows, strict=True):
        low, high = report["average_precision_interval"][part]
        told, share = report["average_precision"][part], report["share_present"][part]
        assert row.split() == f"{part} {told:.3f} {low:.3f} to {high:.3f} {share:.0%}".split()


def test_few_pieces_report(tmp_path):
    for number in range(3):
        seconds = 1.2 if number == 2 else 3.0
        write_tone(tmp_path / f"s{number}" / "bass.wav", 60.0 + 20 * number, seconds)
        write_tone(tmp_path / f"s{number}" / "drums.wav", 3000.0, seconds)
    write_tone(tmp_path / "s0" / "guitar.wav", 700.0, 3.0)
    report = protocols.few_pieces(trial(tmp_path), segment_s=1.0, mixes=6)
    json.dumps(report, allow_nan=False)
    assert [entry["part"] for entry in report["scores"][::2]] == ["drums", "bass"]
    assert report["scores"][0]["chance"] == pytest.approx(1 / 3)
    assert report["windows"]["bass"] == {"s0": 3, "s1": 3, "s2": 1}
    assert "never right in strict, having one window only: drums of s2, bass of s2" in report_text(
        report
    )
    fewer = protocols.few_pieces(trial(tmp_path), segment_s=1.0, mixes=6, labels=2, draws=3)
    assert fewer["scores"][0]["chance"] == 0.5
    assert report["not_measured"] == {
        "piano": "pieces that have it: 0",
        "guitar": "pieces that have it: 1",
        "other": "pieces that have it: 0",
    }
    assert report["average_precision"]["piano"] is None
    text = report_text(report)
    assert "chance 33%" in text
    rows = {line.split()[0]: line for line in text.splitlines()[2:5]}
    for entry in report["scores"][:4:2]:
        told = (
            f"{entry['accuracy']:.1%} {100 * entry['low']:.1f} to {100 * entry['high']:.1f} % 33%"
        )
        assert told in " ".join(rows[entry["part"]].split())
    assert text.splitlines()[1].split()[:3] == ["part", "3", "labels"]
    assert "guitar   not measured: pieces that have it: 1" in text


def test_halves_report(tmp_path):
    for number in range(3):
        write_tone(tmp_path / f"s{number}" / "bass.wav", 60.0 + 200 * number, 7.0)
    write_tone(tmp_path / "s0" / "guitar.wav", 2000.0, 7.0)
    report = protocols.halves(trial(tmp_path), segment_s=3.0)
    (entry,) = report["scores"]
    assert (entry["part"], entry["reading"], entry["labels"]) == ("bass", "nearest", 3)
    assert report["mean"] == entry["accuracy"] == 1.0
    assert report["not_measured"]["guitar"] == "pieces that have it in both halves: 1"
    assert "finds its other half" in report_text(report)


def test_nothing_to_tell_apart_is_one_sentence(tmp_path):
    write_tone(tmp_path / "only" / "bass.wav", 60.0, 3.0)
    for measure in (protocols.few_pieces, protocols.halves, protocols.unmixed):
        with pytest.raises(PartwiseError, match="nothing to tell apart"):
            measure(trial(tmp_path), segment_s=1.0)
