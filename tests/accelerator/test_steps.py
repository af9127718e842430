"""Steps over several calls, with commands of shell that take tenths of a second."""

import json
import time

import pytest

from accelerator import steps
from accelerator.steps import Plan, Step

# Counts its starts in a file, then works for a while; on SIGINT it notes that it saved.
_WORK = (
    "echo start >> {name}; trap 'echo saved >> {name}; exit 130' INT; {work}; echo end >> {name}"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(steps, "POLL_S", 0.02)


def step(folder, name, work="true", needs_s=0.0, **options):
    script = _WORK.format(name=folder / name, work=work)
    return Step(name, lambda: ["bash", "-c", script], needs_s=lambda: needs_s, **options)


def wait(seconds):  # a shell handles a signal only between commands
    return f"for i in $(seq {round(seconds * 50)}); do sleep 0.02; done"


def call(plan_steps, folder, seconds):
    plan = Plan(plan_steps, folder / "work", time.monotonic() + seconds, grace_s=2.0)
    return plan, plan.run()


def lines(folder, name):
    return (folder / name).read_text().split() if (folder / name).exists() else []


def test_a_later_call_goes_on_where_the_last_one_ended(tmp_path):
    plan_steps = [
        step(tmp_path, "first"),
        step(tmp_path, "second", f"[ -e {tmp_path}/second.half ] || {wait(30)}"),
        step(tmp_path, "third"),
    ]
    plan, fine = call(plan_steps, tmp_path, 1.0)
    assert fine
    assert not plan.done
    assert [record.state for record in plan.records.values()] == ["done", "unfinished", "waiting"]
    assert lines(tmp_path, "second") == ["start", "saved"]

    (tmp_path / "second.half").touch()  # now it has little left to do
    plan, fine = call(plan_steps, tmp_path, 10.0)
    assert fine
    assert plan.done
    assert lines(tmp_path, "first") == ["start", "end"]  # not run again
    assert lines(tmp_path, "second") == ["start", "saved", "start", "end"]
    assert plan.records["second"].calls == 2
    assert plan.records["second"].seconds > 0.9


def test_a_step_whose_minutes_are_used_is_done(tmp_path):
    """Over two calls: the minutes of both count."""
    work = [step(tmp_path, "render", wait(30), minutes=1.2 / 60), step(tmp_path, "train")]
    plan, _ = call(work, tmp_path, 0.6)
    assert plan.records["render"].state == "unfinished"
    plan, fine = call(work, tmp_path, 20.0)
    assert fine
    assert plan.done
    assert plan.records["render"].note == "its minutes are used"
    assert 1.2 <= plan.records["render"].seconds < 6.0
    assert lines(tmp_path, "render") == ["start", "saved"] * 2
    assert lines(tmp_path, "train") == ["start", "end"]


def test_a_step_is_ended_when_there_is_enough(tmp_path):
    work = [step(tmp_path, "render", wait(30), enough=lambda: "the disk is full")]
    plan, fine = call(work, tmp_path, 20.0)
    assert fine
    assert plan.done
    assert plan.records["render"].note == "the disk is full"


def test_a_failed_step_stops_the_call_and_is_tried_again_in_the_next(tmp_path):
    said = "echo partwise: no CUDA device is there >&2; exit 2"
    work = [step(tmp_path, "train", f"[ -e {tmp_path}/gpu ] || {{ {said}; }}"), step(tmp_path, "x")]
    plan, fine = call(work, tmp_path, 10.0)
    assert not fine
    assert plan.records["train"].state == "failed"
    assert "no CUDA device" in plan.table()
    assert lines(tmp_path, "x") == []
    (tmp_path / "gpu").touch()
    plan, fine = call(work, tmp_path, 10.0)
    assert fine
    assert plan.done


def test_a_step_that_needs_more_time_than_is_left_is_not_begun(tmp_path):
    work = [step(tmp_path, "prepare", needs_s=60.0), step(tmp_path, "train")]
    plan, fine = call(work, tmp_path, 5.0)
    assert fine
    assert [record.state for record in plan.records.values()] == ["waiting", "waiting"]


def test_a_command_that_does_not_stop_is_killed(tmp_path):
    deaf = Step("deaf", lambda: ["bash", "-c", "trap '' INT; sleep 30"], needs_s=lambda: 0.0)
    began = time.monotonic()
    plan = Plan([deaf], tmp_path, began + 0.3, grace_s=0.3)
    plan.run()
    assert time.monotonic() - began < 10
    assert plan.records["deaf"].state == "unfinished"


def test_stop_ends_the_call_as_sigterm_does(tmp_path):
    def stop_when_begun():
        if lines(tmp_path, "train"):
            plan.stop()

    work = [step(tmp_path, "train", wait(30), enough=stop_when_begun)]
    plan = Plan(work, tmp_path / "work", time.monotonic() + 60, grace_s=2.0)
    began = time.monotonic()
    assert plan.run()
    assert time.monotonic() - began < 10
    assert plan.records["train"].state == "unfinished"
    assert lines(tmp_path, "train") == ["start", "saved"]


def test_a_killed_call_leaves_its_step_unfinished(tmp_path):
    """The state says so from the beginning, not only when a call ends well."""
    state = tmp_path / "work" / "state.json"
    seen = []

    def look():
        seen.append(json.loads(state.read_text())["train"]["state"])

    work = [step(tmp_path, "train", wait(0.2), enough=look)]
    assert Plan(work, tmp_path / "work", time.monotonic() + 20).run()
    assert set(seen) == {"unfinished"}
    assert json.loads(state.read_text())["train"]["state"] == "done"
