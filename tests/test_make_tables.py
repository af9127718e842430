"""The tables of the docs are made from result files (scripts/make_tables.py)."""

import json

import pytest

from made_up_reports import (
    comparison_report,
    leakage_report,
    old_report,
    presence_report,
    real_report,
    rivals_report,
)

pytest.importorskip("matplotlib")

from make_tables import main

CHECKPOINT = {
    "recipe": "partwise",
    "data_digest": "abcabcabcabc",
    "pieces": 1688,
    "minutes": 20.0,
    "clock": "core",
    "device": "cpu",
    "steps": 1000,
    "segments": 96000,
    "parameters": 1351582,
    "mel": {"bands": 96},
}


@pytest.fixture
def root(tmp_path):
    """A project with two documents and the files that `add` takes."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.json").write_text(json.dumps(CHECKPOINT))
    for name, raw in {
        "leakage": leakage_report()
        | {"model_data_digest": "abcabcabcabc", "command": "partwise-lab evaluate", "details": {}},
        "weaker": old_report() | {"mean": 0.0},
        "presence": presence_report(),
        "real": real_report(),
        "elsewhere": leakage_report() | {"model_data_digest": "fefefefefefe"},
    }.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(raw))
    (tmp_path / "README.md").write_text("# Title\n\n<!-- table: shipped -->old<!-- end -->\ntail\n")
    return tmp_path


def make(root, *arguments):
    return main(["--root", str(root), *arguments])


def add(root, name, *reports, **options):
    command = ["add", name, "--run", str(root / "run"), "--command", "partwise-lab train data"]
    for report in reports:
        command += ["--real" if report == "real" else "--evaluation", str(root / f"{report}.json")]
    for key, value in options.items():
        command += [f"--{key.replace('_', '-')}", value]
    return make(root, *command)


def document(root, *kinds):
    """The text that docs/experiments.md gets for each table."""
    path = root / "docs" / "experiments.md"
    path.write_text("".join(f"<!-- table: {kind} -->\n<!-- end -->\n" for kind in kinds))
    assert make(root) == 0
    found = path.read_text().split("<!-- end -->\n")[:-1]
    return [text.split("-->", 1)[1].strip() for text in found]


def test_a_result_file_holds_what_is_known_of_a_run_and_is_small(root):
    assert add(root, "shipped", "leakage", "presence", "real", commit="abc1234", note="Why.") == 0
    text = (root / "docs/results/shipped.json").read_text()
    kept = json.loads(text)
    assert len(text) < 20_000
    assert kept["command"] == "partwise-lab train data" and kept["commit"] == "abc1234"
    assert kept["checkpoint"] == {k: v for k, v in CHECKPOINT.items() if k != "mel"}
    assert [report["protocol"] for report in kept["evaluations"]] == ["leakage", "presence"]
    assert not {"skipped", "command", "details"} & set(kept["evaluations"][0])
    assert kept["evaluations"][0]["left_out"] == 1


def test_documents_get_their_tables_and_keep_the_rest(root):
    add(root, "shipped", "leakage", "presence")
    assert make(root) == 0
    text = (root / "README.md").read_text()
    assert text.startswith("# Title\n\n<!-- table: shipped -->\n| part | 10 labels |")
    assert text.endswith("<!-- end -->\ntail\n")
    assert "| bass | 80.0 % | 75.0 to 85.0 % | 10 % | 76.0 % | 40.0 % of 100 | 0.970 |" in text


def test_check_tells_what_is_out_of_date_and_changes_nothing(root, capsys):
    add(root, "01-first", "leakage")
    add(root, "shipped", "leakage", "presence", group="shipped")
    before = (root / "README.md").read_text()
    assert make(root, "--check") == 1
    assert "out of date: README.md, docs/ladder.svg" in capsys.readouterr().err
    assert (root / "README.md").read_text() == before
    assert make(root) == 0 and make(root, "--check") == 0
    add(root, "shipped", "weaker", group="shipped")  # no presence: another table
    assert make(root, "--check") == 1


def test_a_missing_result_is_left_as_it_is_with_a_warning(root, capsys):
    before = (root / "README.md").read_text()
    assert make(root) == 0 and make(root, "--check") == 0
    assert "table shipped: no shipped.json; left as it is" in capsys.readouterr().err
    assert (root / "README.md").read_text() == before
    assert not (root / "docs/ladder.svg").exists()


def test_the_ladder_has_a_row_for_each_run_in_the_order_of_names(root):
    add(root, "02-second", "weaker", title="second", begun_with="01-first")
    add(root, "01-first", "leakage", title="first")
    add(root, "90-gpu", "leakage", group="gpu", title="large")
    ladder, gpu = document(root, "ladder", "ladder gpu")
    rows = [line.split(" | ") for line in ladder.splitlines()[2:4]]
    assert rows[0][:5] == ["| first", "20 core min", "96,000", "90.0 %", "80.0 %"]
    assert rows[0][8:] == ["**70.0 %**", "66.0 %", "35.0 %", "11.3 % |"]
    assert rows[1][:2] == ["| second", "20 core min + 20 core min"]
    assert "large" in gpu and "first" not in gpu
    assert "Measured on `test`, 150 pieces, digest d1d1d1d1d1d1" in ladder


def test_the_picture_is_the_same_for_the_same_figures(root):
    add(root, "01-first", "leakage", title="first")
    make(root)
    picture = root / "docs/ladder.svg"
    first = picture.read_text()
    assert "first" in first and "guitar" in first
    picture.unlink()
    make(root)
    assert picture.read_text() == first
    add(root, "02-second", "leakage", title="second")
    make(root)
    assert picture.read_text() != first


def test_the_other_tables(root):
    add(root, "shipped", "leakage", "presence", "real", commit="abc1234")
    speeds = {"machine": "CPU", "model": "m", "speeds": {"mp3": {"network": 324.4}}}
    (root / "docs/results/speed-first.json").write_text(json.dumps(speeds))
    (root / "docs/results/rivals.json").write_text(json.dumps(rivals_report()))
    kinds = ("leakage", "presence", "real", "run shipped", "speed", "rivals", "line", "line strict")
    leakage, presence, real, run, speed, rivals, line, strict = document(root, *kinds)
    assert "| piano | 10.0 % | 10.0 % | **70.0 %** | 36.0 % | 10.0 % |" in leakage
    assert "| piano | 0.800 |" in presence
    assert "| guitar | 60 % of 10 (55.0 to 65.0 %) | 35 % of 3" in real
    assert "- Command: `partwise-lab train data`\n- Commit abc1234" in run
    assert "20 core min, 1,000 steps, 96,000 segments; 1,351,582 parameters" in run
    assert "| network | 324 |" in speed
    assert "| ours | hears | **300** | 300 to 301 | 300 | 1.00 | 123 MB | 1,404 |" in rivals
    assert "| slow | crawls | **8.0** | 7.5 to 9.0 | 8.0 | 37.50 | – | 1,404 |" in rivals
    assert "One core of CPU, mp3 of 120 s" in rivals
    assert "Not measured: gone (no wings)." in rivals
    assert line == "drums 90 %, bass 80 %, piano 70 %, guitar 60 %, other 50 %, **mean 70 %**"
    assert strict.endswith("**mean 66 %**")


def test_a_line_stays_in_its_line(root):
    add(root, "shipped", "leakage")
    (root / "README.md").write_text("| found | <!-- table: line --><!-- end --> | with |\n")
    make(root)
    assert len((root / "README.md").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- table: shipped -->\n", "without its <!-- end -->"),
        ("<!-- table: nonsense --><!-- end -->", "unknown table 'nonsense'"),
    ],
)
def test_bad_markers_are_named(root, capsys, text, said):
    add(root, "shipped", "leakage")
    (root / "README.md").write_text(text)
    assert make(root) == 2
    assert said in capsys.readouterr().err


def test_what_does_not_belong_to_the_run_is_not_added(root, capsys):
    assert add(root, "01-first", "elsewhere") == 2
    assert "measures a model trained on the data fefefefefefe" in capsys.readouterr().err
    assert add(root, "Not A Name", "leakage") == 2
    assert add(root, "01-first", "leakage", begun_with="00-none") == 0
    assert make(root) == 2
    assert "began with 00-none, which has no result" in capsys.readouterr().err


def compared(root, **more):
    """A comparison as `partwise-lab compare` reports it, and another with one more row."""
    options = {"labels": 10, "pool": 15, "mixes": 4, "draws": 20, "segment_s": 10.0}
    facts = {"data_digest": "d1d1", "seed": 0, "options": options, "partwise": "0", "data": ["x"]}
    report = comparison_report() | facts | {"pieces": 50, "command": "partwise-lab compare"}
    report["refused"] = [{"row": "bliss@mix", "reason": "not here"}]
    oracle = {**report["rows"][1], "name": "clean", "hears": "oracle"}
    oracle["scores"] = [{**score, "accuracy": 0.99} for score in oracle["scores"]]
    second = {**report, "rows": [report["rows"][0], oracle], "refused": []} | more
    for name, raw in {"first": report, "second": second}.items():
        (root / f"{name}.json").write_text(json.dumps(raw))
    reports = [item for name in ("first", "second") for item in ("--report", root / f"{name}.json")]
    return make(root, "compared", "small", *map(str, reports), "--commit", "abc1234")


def test_comparisons_of_the_same_mixes_become_one_table(root):
    assert compared(root) == 0
    kept = json.loads((root / "docs/results/compared-small.json").read_text())
    assert [row["name"] for row in kept["rows"]] == ["ours", "rival", "rival", "clean"]
    assert kept["commands"] == ["partwise-lab compare"] * 2
    (text,) = document(root, "compared small")
    lines = text.splitlines()
    assert lines[2].startswith("| ours | mixes | **90 %** | **89 %** |")
    # A row behind the first, surely; clean stems are better and not called the best.
    assert "| +10.0* |" in lines[3] and "**" not in lines[3]
    assert lines[5].startswith("| clean | oracle | 99 % |")
    assert "chance 10 %" in text and "Could not run: bliss@mix." in text
    assert make(root, "--check") == 0
    (root / "README.md").write_text("ours <!-- table: compared small line -->x<!-- end --> end\n")
    assert make(root) == 0
    line = "**88 %**, rival on separated stems 53 %; on clean stems 38 %"
    assert line in (root / "README.md").read_text()


def test_comparisons_of_other_mixes_are_refused(root, capsys):
    assert compared(root, seed=1) == 2
    assert "second.json is no comparison on the same mixes: another seed" in capsys.readouterr().err
