"""Reports as terminal text; those of the older protocols are read in `test_protocols`."""

import numpy as np
import pytest

from experiment_reports import abx_of, probes_of, same_part_of
from partwise.parts import PARTS
from partwise_lab.report.tables import report_text


def lines_from(text, start):
    """Words of the lines that follow the line that begins so, up to an empty one."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    rest = lines[first + 1 :]
    return [line.split() for line in rest[: rest.index("") if "" in rest else None]]


def test_same_part_has_its_table_and_means():
    report = same_part_of()
    text = report_text(report)
    head, drums, guitar, mean = lines_from(text, "AUC of the part")
    assert head == [str(part) for part in PARTS]
    assert drums == ["drums", *(f"{cell:.2f}" for cell in report["auc"][0])]
    assert guitar == ["guitar", *(f"{cell:.2f}" for cell in report["auc"][3])]
    table = np.array([report["auc"][0], report["auc"][3]])
    own = [table[0, 0], table[1, 3]]
    others = (table.sum() - sum(own)) / 8
    assert " ".join(mean) == f"mean in its own {np.mean(own):.2f}, in others {others:.2f}"
    assert "bass     not measured: too few" in text
    for entry in report["same_part"]:
        if entry["part"] == entry["subspace"]:
            for kind in entry["similarity"].values():
                assert f"{kind['mean']:.2f} ({kind['low']:.2f} to {kind['high']:.2f})" in text


def test_probes_have_their_words_and_a_table():
    pytest.importorskip("sklearn")
    report = probes_of()
    text = report_text(report)
    assert text.startswith("\n".join(report["words"]))
    head, drums, bass, *missing = lines_from(text, "read in the part's own subspace")
    assert head == ["instrument", "tempo", "loudness", "brightness"]
    kit = report["tables"]["instrument"][0]
    assert drums[1:4] == [f"{kit[0]:.0%}", "|", f"{max(kit[1:]):.0%}"]
    tempo = report["tables"]["tempo"][1]
    best = max(value for place, value in enumerate(tempo) if place != 1)
    assert bass[:5] == ["bass", "-", f"{tempo[1]:.2f}", "|", f"{best:.2f}"]
    assert ["drums", "scale", "not", "measured:", "drums", "have", "no", "key"] in missing


def test_listeners_are_told_what_was_not_held_out():
    pytest.importorskip("scipy")
    pytest.importorskip("yaml")
    assert "NOT HELD OUT" in report_text(abx_of(tuned=True))
