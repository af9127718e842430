"""What a run decides to read, from stats and ledger rows alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.index.planning import Plan, Scan, plan_run, scan
from partwise.library.tables.ledger import LedgerRow, State

MODEL, KNOWN = "newmodel", {"hash a", "hash b"}


def row_of(path: Path, content: str | None = "hash a", state: State = State.INDEXED) -> LedgerRow:
    """A row that says the file has not changed."""
    status = path.stat()
    return LedgerRow(
        str(path), status.st_size, status.st_mtime_ns, content, state, None, 1.0, MODEL, 0.0
    )


def file(folder: Path, name: str = "a.mp3") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"audio")
    return path


def plan(scan: Scan, *rows: LedgerRow, known=KNOWN, **options) -> Plan:
    return plan_run(scan, {row.path: row for row in rows}, known, MODEL, **options)


def paths(plan: Plan) -> list[str]:
    return [file.path for file in plan.files]


def test_new_file(tmp_path: Path) -> None:
    path = file(tmp_path)
    assert paths(plan(scan([tmp_path]))) == [str(path)]


def test_unchanged_file_costs_nothing(tmp_path: Path) -> None:
    path = file(tmp_path)
    assert plan(scan([tmp_path]), row_of(path)) == Plan(unchanged=1)


def test_other_size_or_time(tmp_path: Path) -> None:
    path = file(tmp_path)
    row = row_of(path)
    assert paths(plan(scan([tmp_path]), replace(row, size=1))) == [str(path)]
    assert paths(plan(scan([tmp_path]), replace(row, mtime_ns=row.mtime_ns + 1))) == [str(path)]


def test_failed_files_wait_for_retry(tmp_path: Path) -> None:
    row = row_of(file(tmp_path), None, State.FAILED)
    assert plan(scan([tmp_path]), row) == Plan(failed_earlier=1)
    assert paths(plan(scan([tmp_path]), row, retry_failed=True)) == [row.path]
    again = replace(row, mtime_ns=LOOK_AGAIN)
    assert paths(plan(scan([tmp_path]), again)) == [row.path]


def test_a_file_that_came_back(tmp_path: Path) -> None:
    row = row_of(file(tmp_path), state=State.MISSING)
    result = plan(scan([tmp_path]), row)
    assert (result.unchanged, result.files) == (1, [])
    assert [r.state for r in result.rows] == [State.INDEXED]


def test_content_without_a_track_of_this_model(tmp_path: Path) -> None:
    row = row_of(file(tmp_path), "hash heard by another model")
    result = plan(scan([tmp_path]), row)
    assert paths(result) == result.again == [row.path]
    gone = replace(row, state=State.MISSING)
    result = plan(scan([tmp_path]), gone)
    assert (paths(result), result.again) == ([row.path], [])


def test_another_model_knows_it_too(tmp_path: Path) -> None:
    row = replace(row_of(file(tmp_path)), model_digest="other")
    result = plan(scan([tmp_path]), row)
    assert (result.unchanged, [r.model_digest for r in result.rows]) == (1, [MODEL])


def test_gone_only_where_we_looked(tmp_path: Path) -> None:
    here, there = file(tmp_path / "here"), file(tmp_path / "there", "b.mp3")
    rows = [row_of(here), row_of(there)]
    here.unlink()
    there.unlink()
    assert plan(scan([tmp_path / "here"]), *rows).gone == [str(here)]


def test_a_file_without_an_audio_name_is_not_gone(tmp_path: Path) -> None:
    """Named by itself once, it is not found in its folder; it is there all the same."""
    path = file(tmp_path, "recording.unknown")
    assert plan(scan([tmp_path]), row_of(path)).gone == []


def test_rows_below_an_unreadable_folder_are_left_alone(tmp_path: Path) -> None:
    path = file(tmp_path / "closed")
    found = Scan(
        [str(tmp_path)],
        problems={str(path.parent): "folder cannot be read: permission denied"},
        unreadable=[str(path.parent)],
    )
    row = row_of(path)
    path.unlink()
    result = plan(found, row)
    assert result.gone == []
    assert [failure.path for failure in result.failures] == [str(path.parent)]
    # The second run knows that already.
    result = plan(found, row, *result.failures)
    assert (result.failures, result.rows, result.failed_earlier) == ([], [], 1)
    # And once it can be read, its row goes.
    assert plan(scan([tmp_path]), *result_rows(path.parent)).gone == [str(path.parent)]


def result_rows(folder: Path) -> list[LedgerRow]:
    return [LedgerRow(str(folder), 0, LOOK_AGAIN, None, State.FAILED, "no", None, MODEL, 0.0)]


def test_files_elsewhere_that_a_new_model_needs(tmp_path: Path) -> None:
    here, there = file(tmp_path / "here"), file(tmp_path / "there", "b.mp3")
    deleted, unmounted = file(tmp_path / "there", "c.mp3"), file(tmp_path / "disk", "d.mp3")
    rows = [row_of(path, "hash of the old model") for path in (here, there, deleted, unmounted)]
    deleted.unlink()
    unmounted.unlink()
    unmounted.parent.rmdir()
    result = plan(scan([tmp_path / "here"]), *rows)
    assert paths(result) == result.again == [str(here), str(there)]
    assert result.gone == [str(deleted)]
    assert result.unreachable == [str(unmounted)]
