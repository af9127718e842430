"""The plan past one machine is made from measured figures (scripts/scale_plan.py)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from scale_costs import Assumed, Measured, build_cpu_s, serving, storage_bytes
from scale_plan import main

MEASURED = Measured(
    hear_x_real_time=150.0,
    prepare_x_real_time=600.0,
    ledger_bytes=50.0,
    row_bytes=40.0,
    index_bytes=200.0,
    build_cpu_s=1e-4,
    built_rows=1_000_000,
    query_ms=10.0,
    row_ms=2e-5,
    probed_ms=8e-5,
    again_ms=0.01,
    probes={0.01: 0.2, 0.1: 0.6, 0.5: 0.9},
)


def by(recall, cpu_ms):
    one = {"recall_at_10": recall, "median_ms": 50.0, "p95_ms": 70.0, "cpu_ms": cpu_ms}
    return dict.fromkeys(("one part", "two parts", "uniform", "random"), one)


def index_report():
    sweep = [
        {"rows": 1_000_000, "probed": probed, "refine": refine, "by": by(recall, 60.0)}
        for probed, refine, recall in ((0.1, 20, 0.61), (1.0, 1, 0.85), (1.0, 20, 1.0))
    ]
    size = {
        "rows": 1_000_000,
        "write_s": 3.0,
        "write_cpu_s": 2.5,
        "write_peak_memory_mb": 400.0,
        "table_mb": 1_320.0,
        "build_s": 50.0,
        "build_cpu_s": 100.0,
        "build_peak_memory_mb": 900.0,
        "index_mb": 200.0,
        "sweep": sweep,
        "answers": {
            "cold_first_s": 0.7,
            "by_weights": by(1.0, 90.0),
            "bytes_read_per_query": 5e5,
            "answer_peak_memory_mb": 500.0,
            "load": 2.5,
        },
    }
    recall = {"20": dict.fromkeys(("one part", "two parts", "uniform", "random"), 0.999)}
    cost = {
        "per_query_ms": 10.0,
        "per_million_rows_ms": 20.0,
        "per_million_probed_ms": 80.0,
        "per_compared_again_ms": 0.01,
    }
    told = {"rows": 10_000_000, "recall": recall, "cost": cost, "cpu_ms": 1012.0}
    like = [{"there": 0.9, "nearest": 0.7, "pairs_95": 0.5, "next": 0.92, "dims": 14.2}] * 5
    likeness = {"real": like, "drawn": like}
    int8 = {key: value for key, value in size.items() if key != "index_mb"}
    precisions = [size | {"precision": "float32"}, int8 | {"precision": "int8"}]
    return {"sizes": [size], "larger": [told], "likeness": likeness, "precisions": precisions}


def limits_report():
    step = {"s": 3.0, "cpu_s": 2.0, "peak_memory_mb": 700.0}
    names = ("ledger", "plan", "live_paths", "catalogue", "condition", "vectors", "map_of_a_part")
    steps = dict.fromkeys(names, step) | {
        "fill": {"ledger_mb": 50.0},
        "nothing": {**step, "peak_memory_mb": 200.0},
        "duplicates": {**step, "ms_each": 1.5},
    }
    after = {"10": {"write_ms": 14.0, "open_ms": 5.0, "manifests_mb": 0.1}}
    return {"sizes": [{"tracks": 1_000_000, "steps": steps}], "versions": {"after": after}}


@pytest.fixture
def root(tmp_path):
    """A project with result files and a document."""
    results = tmp_path / "docs" / "results" / "scale"
    results.mkdir(parents=True)
    (results / "index.json").write_text(json.dumps(index_report()))
    (results / "limits.json").write_text(json.dumps(limits_report()))
    steps = ("write a batch", "build the index", "open", "first answer", "later answers, each")
    bucket = {step: {"GET": 40.5} for step in steps} | {"rows": 60_000}
    (results / "bucket.json").write_text(json.dumps(bucket))
    steps = ("decode, soundfile", "resample", "log-mel", "embed_file, all of it")
    speeds = dict.fromkeys(steps, 300.0)
    (results.parent / "speed-2-shipped.json").write_text(json.dumps({"speeds": {"mp3": speeds}}))
    names = ["sizes", "precisions", "likeness", "answers", "made-up-answers", "probes", "foretold"]
    names += [
        "cost",
        "limits",
        "bucket",
        "versions",
        "assumed",
        "storage",
        "hearing",
        "building",
        "serving",
    ]
    marked = "\n\n".join(f"<!-- scale: {name} -->\nold\n<!-- end -->" for name in names)
    (tmp_path / "docs" / "scale.md").write_text(f"# Scale\n\n{marked}\ntail\n")
    return tmp_path


def test_every_table_is_made_and_then_up_to_date(root, capsys):
    assert main(["--root", str(root), "--check"]) == 1
    assert main(["--root", str(root)]) == 0
    text = (root / "docs" / "scale.md").read_text()
    assert "\nold\n" not in text
    assert text.endswith("tail\n")
    assert main(["--root", str(root), "--check"]) == 0
    assert "| 1,000,000 | one part | 1.000 | 50 ms | 70 ms | 90 ms | 2.5 |" in text
    assert "| 1,000,000 | int8 | 1,320 MB | – |" in text
    # 1e6 tracks of 4 minutes are 66,667 hours; one core hears 300 in an hour.
    assert "| 1,000,000 | 66,700 | 222 |" in text
    assert (
        "the finder of duplicates, and its first 500 answers | 2.0 s; 1.5 ms each | 500 MB" in text
    )


def test_an_unknown_table_is_refused(root, capsys):
    (root / "docs" / "scale.md").write_text("<!-- scale: nonsense -->\n<!-- end -->")
    assert main(["--root", str(root)]) == 2
    assert "asks for 'nonsense'" in capsys.readouterr().err


def test_a_missing_result_is_named(root, capsys):
    (root / "docs" / "results" / "scale" / "limits.json").unlink()
    assert main(["--root", str(root)]) == 2
    assert "lacks limits.json" in capsys.readouterr().err


def test_other_numbers_are_planned_on_the_terminal(root, capsys):
    assert main(["--root", str(root), "plan", "--tracks", "3e7", "--minutes", "3"]) == 0
    out = capsys.readouterr().out
    assert "| 30,000,000 | 1,500,000 | 5,000 |" in out
    assert "Tracks of 3 minutes: 35 segments" in out


def test_the_documents_are_up_to_date():
    root = Path(__file__).parents[1]
    assert main(["--root", str(root), "--check"]) == 0


def test_shards_answer_in_time():
    assumed = Assumed()
    plan = serving(1e8, MEASURED, assumed)
    of_shard_ms = MEASURED.query_cpu_ms(plan.rows / plan.shards)
    assert of_shard_ms / assumed.threads <= 0.5 * assumed.p95_ms
    one_less_ms = MEASURED.query_cpu_ms(plan.rows / (plan.shards - 1))
    assert one_less_ms / assumed.threads > 0.5 * assumed.p95_ms


def test_replicas_carry_the_queries():
    assumed = Assumed()
    plan = serving(1e8, MEASURED, assumed)
    busy_cores = assumed.queries_per_s * plan.cpu_s
    assert busy_cores <= assumed.busy * assumed.cores * plan.machines
    assert busy_cores > assumed.busy * assumed.cores * (plan.machines - plan.shards)
    assert plan.memory_gb == pytest.approx(20.0)


def test_little_memory_makes_more_shards():
    assumed = Assumed(memory_gb=0.4)  # 1e6 rows of 200 bytes in half of it
    assert serving(1e8, MEASURED, assumed).shards == 100


def test_fewer_partitions_cost_less():
    assert (
        serving(1e8, MEASURED, Assumed(), 0.1).machines < serving(1e8, MEASURED, Assumed()).machines
    )


def test_a_bound_that_cannot_be_kept_is_refused():
    with pytest.raises(PartwiseError, match="no shard is small enough for 2 ms"):
        serving(1e6, MEASURED, Assumed(p95_ms=2.0))


def test_storage_is_vectors_and_what_stands_beside_them():
    songs = storage_bytes(1e6, 1, "float32", MEASURED)
    assert songs == 1e6 * (1280 + 40 + 200)
    assert storage_bytes(1e6, 47, "int8", MEASURED) == 47e6 * (340 + 40)


def test_large_shards_are_built_more_slowly():
    assert build_cpu_s(1e7, 10, MEASURED) == pytest.approx(1000.0)
    assert build_cpu_s(1e7, 5, MEASURED) == pytest.approx(2000.0)
    slower = replace(MEASURED, built_rows=2_000_000)
    assert build_cpu_s(1e7, 5, slower) == pytest.approx(1000.0)
