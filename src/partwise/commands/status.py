"""``partwise status``: what the library holds, and what it could not hear."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import typer

from partwise.commands.console import LIBRARY
from partwise.library.holdings import Holding
from partwise.library.overview import LibraryStatus
from partwise.library.reports import duration_text
from partwise.library.stores.protocol import Accuracy
from partwise.library.tables.ledger import LedgerRow
from partwise.library.tables.manifest import ModelInfo
from partwise.parts import PARTS
from partwise.paths import path_to_text, shown

_LISTED = 20
# Below this a search is told to miss hits.
LEAST_RECALL = 0.98


def status(
    library: Path | None = LIBRARY,
    failed: bool = typer.Option(False, "--failed", help="List every failure, and nothing else."),
    as_json: bool = typer.Option(
        False,
        "--json",
        help="For programs. A path that is not valid text is written as a file:// address.",
    ),
) -> int:
    """Show what the library holds, and which files failed and why."""
    from partwise.library.library import Library

    opened = Library.open(library)
    state = opened.status()
    if as_json:
        print(json.dumps(_json(state, opened.folders()), indent=2))
    elif failed:
        for row in state.failed:
            print(_line(row))
    else:
        option = "" if library is None else f" --library {shown(library)}"
        lines = _lines(state, f"partwise status{option} --failed")
        print("\n".join([*lines, *_folder_lines(opened.folders())]))
    return 0


def _lines(state: LibraryStatus, failed_command: str) -> list[str]:
    lines = [
        f"library   {shown(state.folder)} ({_size(state.bytes_on_disk)})",
        f"model     {state.model.digest}, {len(PARTS)} parts of {state.model.dim} dimensions",
        f"heard     {state.tracks} tracks, {state.segments} segments,"
        f" {duration_text(state.audio_s) if state.audio_s else '0 s'}",
        *_vector_lines(state),
        f"files     {state.indexed} indexed, {len(state.failed)} failed,"
        f" {len(state.missing)} missing",
    ]
    if state.tag_encoding is not None:
        lines.append(f"tags      old ones are read as {state.tag_encoding}")
    if state.replacement is not None:
        change = state.replacement
        lines.append(
            f"change    {change.files_done} of {change.files_total} files are re-embedded by the"
            f" model {change.model.digest}; `partwise index` goes on with it"
        )
    for title, rows in (
        ("failed", state.failed),
        ("missing (index with --prune to forget them)", state.missing),
        ("indexed, but", state.noted),
    ):
        if not rows:
            continue
        lines += ["", f"{title}:", *(f"  {_line(row)}" for row in rows[:_LISTED])]
        if len(rows) > _LISTED:
            all_of_them = f": {failed_command}" if rows is state.failed else ""
            lines.append(f"  and {len(rows) - _LISTED} more{all_of_them}")
    return lines


def _folder_lines(folders: list[Holding]) -> list[str]:
    """Where the library was indexed from."""
    lines = ["", "folders:"] if folders else []
    for one in folders:
        run = one.folder.last_run_at
        when = (
            ""
            if run is None
            else f", last run {time.strftime('%d %b %Y %H:%M', time.localtime(run))}"
        )
        lines.append(f"  {shown(one.path)}: {one.tracks} tracks{when}")
    return lines


def _vector_lines(state: LibraryStatus) -> list[str]:
    """Where the vectors lie, and how exact a search among them is."""
    lines = []
    if state.store is not None or state.precision != "float32":
        lines.append(f"vectors   {state.store or 'in the folder'}, {state.precision}")
    words = {
        name: accuracy_text(accuracy, state.precision) for name, accuracy in state.accuracy.items()
    }
    if len(set(words.values())) == 1:
        return [*lines, f"search    {words['tracks']}"]
    return [*lines, *(f"search    {name}: {text}" for name, text in words.items())]


def accuracy_text(accuracy: Accuracy, precision: str = "float32") -> str:
    """What a search promises, in words."""
    if accuracy.exact:
        return "exact" if precision == "float32" else f"exact, of vectors rounded to {precision}"
    lowest = accuracy.lowest
    if lowest is None:
        return "approximate: not measured yet"
    text = (
        f"approximate: finds {lowest:.3f} of the true best ten"
        f" (lowest of {len(accuracy.recall)} weightings)"
    )
    if lowest < LEAST_RECALL:
        text += f"; warning: below {LEAST_RECALL}, some of the best hits are missing"
    return text


def _line(row: LedgerRow) -> str:
    return f"{row.shown_path}: {row.reason}" if row.reason else row.shown_path


def _json(state: LibraryStatus, folders: list[Holding]) -> dict[str, Any]:
    change = state.replacement
    return {
        "library": shown(state.folder),
        "model": _model(state.model),
        "replacement": change
        and {
            "model": _model(change.model),
            "files_done": change.files_done,
            "files_total": change.files_total,
        },
        "store": state.store,
        "precision": state.precision,
        "search": {
            name: {"exact": accuracy.exact, "recall_at_10": accuracy.recall}
            for name, accuracy in state.accuracy.items()
        },
        "tracks": state.tracks,
        "segments": state.segments,
        "audio_s": round(state.audio_s, 3),
        "bytes_on_disk": state.bytes_on_disk,
        "tag_encoding": state.tag_encoding,
        "files": {
            "indexed": state.indexed,
            "failed": len(state.failed),
            "missing": len(state.missing),
        },
        "folders": [
            {
                "path": path_to_text(one.path),
                "tracks": one.tracks,
                "files": one.files,
                "failed": one.failed,
                "missing": one.missing,
                "last_run_at": one.folder.last_run_at,
            }
            for one in folders
        ],
        "failed": [{"path": row.path, "reason": row.reason} for row in state.failed],
        "missing": [row.path for row in state.missing],
        "notes": [{"path": row.path, "note": row.reason} for row in state.noted],
    }


def _model(model: ModelInfo) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("digest", "dim", "segment_s", "hop_s")}


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
