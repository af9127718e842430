"""What a run has to do: the folders as they are, against the ledger as it was."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass, field, replace

from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.index.scan import Scan
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.paths import FoundFile, text_to_path


@dataclass
class Plan:
    """The work of one run.

    files : to be read: new, changed, to be tried again, or heard by another model only.
    again : paths among them (text) whose unchanged content is to be heard by a new model.
    rows : ledger rows that can be written at once.
    failures : rows of names that cannot be read at all, for a reason not yet known.
    gone : paths (text) of rows whose file is not there any more.
    unreachable : paths (text) outside the folders asked for, wanted by a new model, not to be had.
    """

    files: list[FoundFile] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    rows: list[LedgerRow] = field(default_factory=list)
    failures: list[LedgerRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed_earlier: int = 0


def plan_run(
    scan: Scan,
    ledger: dict[str, LedgerRow],
    known: Set[str],
    model_digest: str,
    *,
    retry_failed: bool = False,
) -> Plan:
    """Compare. known : content hashes that have a track of the model ``model_digest``.

    A file is unchanged when size and modification time are those of its ledger row. Costs a stat
    (already made) per found file, and one more per file that is gone.
    """
    plan = Plan()
    for path, file in scan.files.items():
        _plan_found(plan, file, ledger.get(path), known, model_digest, retry_failed)
    for path, reason in scan.problems.items():
        row = failed_row(path, reason, ledger.get(path), model_digest)
        if is_new_failure(row, ledger.get(path)):
            plan.failures.append(row)
            plan.rows.append(row)
        else:
            plan.failed_earlier += 1
    for path, row in ledger.items():
        if path in scan.files or path in scan.problems:
            continue
        name = text_to_path(path)
        if scan.covers(name):
            # A folder that could not be read has a row too; now that it can, the row is done with.
            if not os.path.lexists(name) or (os.path.isdir(name) and row.state is State.FAILED):
                plan.gone.append(path)
        elif row.state is State.INDEXED and row.content_hash not in known:
            _plan_elsewhere(plan, row, name)
    plan.files.sort(key=lambda file: file.path)
    return plan


def _plan_found(
    plan: Plan,
    file: FoundFile,
    row: LedgerRow | None,
    known: Set[str],
    model_digest: str,
    retry_failed: bool,
) -> None:
    if row is None or (row.size, row.mtime_ns) != (file.size, file.mtime_ns):
        plan.files.append(file)
    elif row.state is State.FAILED and not retry_failed:
        plan.failed_earlier += 1
    elif row.state is not State.FAILED and row.content_hash in known:
        plan.unchanged += 1
        if row.state is State.MISSING or row.model_digest != model_digest:
            plan.rows.append(
                replace(row, state=State.INDEXED, model_digest=model_digest, updated_at=now())
            )
    else:
        plan.files.append(file)
        if row.state is State.INDEXED:
            plan.again.append(file.path)


def _plan_elsewhere(plan: Plan, row: LedgerRow, name: str) -> None:
    """An indexed file outside the folders asked for, which has no track of this model."""
    try:
        status = os.stat(name)
    except OSError:
        # Its folder is there and it is not: gone. Otherwise a disk may just not be mounted.
        if os.path.isdir(os.path.dirname(name)) and not os.path.lexists(name):
            plan.gone.append(row.path)
        else:
            plan.unreachable.append(row.path)
        return
    plan.files.append(FoundFile(row.path, status.st_size, status.st_mtime_ns))
    plan.again.append(row.path)


def failed_row(
    path: str,
    reason: str,
    former: LedgerRow | None,
    model_digest: str,
    *,
    size: int = 0,
    mtime_ns: int = LOOK_AGAIN,
    content_hash: str | None = None,
    seconds: float | None = None,
) -> LedgerRow:
    """A failure. When the content could not be read, what was known of it stays known."""
    if content_hash is None and former is not None:
        content_hash = former.content_hash
    return LedgerRow(
        path, size, mtime_ns, content_hash, State.FAILED, reason, seconds, model_digest, now()
    )


def is_new_failure(row: LedgerRow, former: LedgerRow | None) -> bool:
    """Whether the ledger does not tell this failure yet."""
    return former is None or (former.state, former.reason) != (row.state, row.reason)
