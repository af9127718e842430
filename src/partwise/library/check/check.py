"""Is a library whole? And if not: mending it.

What is looked at, in this order, because each step needs the one before: ``library.json``; whether
every table can be read; the tracks and segments of each model; the ledger; the vector indexes;
leftovers; and, if asked for, the files themselves. Nothing is changed without ``repair``. Repairing
is a set of steps after each of which the library is no worse than before, so it can be killed at
any moment and begun again.

Whatever is lost to damage is what was heard in some recordings. Their ledger rows are then marked
so that the next indexing run hears them again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.errors import PartwiseError
from partwise.library.check import repair as mending
from partwise.library.check.rows import (
    TOLERANCES,
    changed_files,
    index_problem,
    wrong_files,
    wrong_tracks,
)
from partwise.library.check.tables import DAMAGED, Tables, drop_index
from partwise.library.reports import Finding, Report, Reporter, Silent, Stage
from partwise.library.tables.ledger import State
from partwise.library.tables.lock import Busy, WriterLock
from partwise.library.tables.manifest import (
    FILE_NAME,
    DamagedManifest,
    ModelInfo,
    read_manifest,
    write_manifest,
)
from partwise.library.tables.reader import LEDGER, Store, segments_name, tracks_name
from partwise.paths import shown, text_to_path

if TYPE_CHECKING:
    import pyarrow as pa

_TRACKS_AT_A_TIME = 500


def check(
    folder: Path,
    *,
    repair: bool = False,
    files: bool = False,
    model: Path | None = None,
    reporter: Reporter[Stage] | None = None,
    isolated: bool = True,
) -> Report:
    """Look at a library, and mend it.

    repair : needs that nobody else writes. files : also read every file that the ledger knows.
    model : ONNX file that heard the library; only a lost ``library.json`` needs it.
    isolated : read damaged tables in a process of its own, which damage may end.

    Raises PartwiseError when there is no library, or it is of a newer format or not accessible.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        if repair and folder.is_dir():
            stack.enter_context(WriterLock(folder))
        tables = Tables(folder, isolated)
        stack.callback(tables.close)
        looking = _Check(Report(folder, repair), model, reporter or Silent(), tables)
        looking.run(files)
        if looking.report.findings and not repair:
            looking.look_for_writer()
    looking.report.seconds = time.monotonic() - started
    return looking.report


class _Check:
    def __init__(
        self, report: Report, model: Path | None, reporter: Reporter[Stage], tables: Tables
    ) -> None:
        self.report = report
        self.folder = report.folder
        self.repair = report.repaired
        self.model = model
        self.reporter = reporter
        self.stage, self.began_s = "", 0.0
        self.tables = tables
        self.unreadable: set[str] = set()
        self.mended_tables: set[str] = set()

    def run(self, files: bool) -> None:
        if not self._manifest():
            return
        store = Store(self.folder)
        models = [m for m in (store.manifest.active, store.manifest.pending) if m is not None]
        self._tables(store)
        if self.mended_tables:
            store = Store(self.folder)
        for info in models:
            self._indexes(store, info)
        for info in models:
            if not self.unreadable & {tracks_name(info.digest), segments_name(info.digest)}:
                self._rows(store, info)
        if LEDGER not in self.unreadable:
            self._ledger(store, models[0])
            if files:
                self._files(store)
        self._leftovers(store)
        if self.repair and any(finding.mended for finding in self.report.findings):
            os.utime(self.folder / FILE_NAME)  # so that servers open their tables anew

    def tell(self, stage: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        now_s = time.monotonic()
        if stage != self.stage:
            self.stage, self.began_s = stage, now_s
        self.reporter.update(Stage(stage, done, total, unit, now_s - self.began_s))

    def look_for_writer(self) -> None:
        """What a run has not finished is no damage: say so."""
        try:
            with WriterLock(self.folder):
                pass
        except Busy as busy:
            note = f"{busy}; what was found may be no more than its unfinished work"
            self.report.notes.append(note)
        except PartwiseError:  # a folder that cannot be written: nobody does
            pass

    def _found(self, where: str, problem: str, remedy: str, mend: Callable[[], str]) -> None:
        """Take down a finding; with ``repair``, mend it by a function that says what it did."""
        mended = None
        if self.repair:
            self.tell(f"mending {where}")
            mended = mend()
        self.report.findings.append(Finding(where, problem, f"--repair {remedy}", mended))

    # --- the steps

    def _manifest(self) -> bool:
        """Whether there is a ``library.json`` to go on with."""
        try:
            read_manifest(self.folder)
        except PartwiseError as error:
            tables = {path.stem for path in self.folder.glob("*.lance")}
            if not isinstance(error, DamagedManifest) and not (
                tables - {LEDGER} and not (self.folder / "library.json").exists()
            ):
                raise
            problem = str(error).split(":")[0] if isinstance(error, DamagedManifest) else "missing"
            try:
                manifest = mending.manifest_from_tables(self.folder, self.model)
            except PartwiseError as unknown:
                remedy = str(unknown)
                self.report.findings.append(Finding("library.json", problem, remedy))
                return False

            def mend() -> str:
                write_manifest(self.folder, manifest)
                return f"made anew for the model {manifest.active.digest}"

            self._found("library.json", problem, "makes it anew from the tables", mend)
            return self.repair
        return True

    def _tables(self, store: Store) -> None:
        for name, schema in mending.expected_tables(store.manifest).items():
            if store.manifest.store is not None and name != LEDGER:
                self._store_elsewhere(store, name)
                continue
            damage = self.tables.examine(
                name, lambda rows, name=name: self.tell(name, rows, unit="rows")
            )
            if damage is None:
                continue
            self.unreadable.add(name)

            def mend(name: str = name, schema: pa.Schema = schema) -> str:
                said = self.tables.mend(name, schema)
                self.unreadable.discard(name)
                self.mended_tables.add(name)
                return said

            ledger = "looks at the files again and hears none twice"
            again = ledger if name == LEDGER else "hears again what is not there any more"
            remedy = "goes back to an older version, or puts it aside and begins it anew"
            remedy += f"; the next index run {again}"
            self._found(name, str(damage), remedy, mend)

    def _store_elsewhere(self, store: Store, name: str) -> None:
        """Read a store that lies in a bucket or on a server: its upkeep is done there."""
        done = 0
        try:
            for batch in store.vectors(name).batches():
                done += batch.num_rows
                self.tell(name, done, unit="rows")
        except PartwiseError as error:
            self.unreadable.add(name)
            remedy = "mend it where it lies, or move the library's folder away and index anew"
            self.report.findings.append(Finding(name, str(error), remedy))

    def _indexes(self, store: Store, info: ModelInfo) -> None:
        for name in (tracks_name(info.digest), segments_name(info.digest)):
            if name in self.unreadable:
                continue
            self.tell(f"index of {name}")
            problem = index_problem(store.vectors(name))
            if problem is None:
                continue

            def mend(name: str = name) -> str:
                if store.manifest.store is None:
                    drop_index(self.folder, name)
                return "built anew" if store.vectors(name).optimise() else "dropped"

            self._found(name, problem, "drops the index and builds it anew", mend)

    def _rows(self, store: Store, info: ModelInfo) -> None:
        tracks, segments = mending.tracks_of(store, info), mending.segments_of(store, info)
        names = _Names(store, self.unreadable)
        track_ids, segment_ids = Counter(mending.ids_of(tracks)), Counter(mending.ids_of(segments))
        if info == store.active:
            self.report.tracks, self.report.segments = len(track_ids), segment_ids.total()
        wrong = {i: "there twice" for i, times in track_ids.items() if times > 1}
        tolerance = TOLERANCES[store.manifest.precision]
        ordered = sorted(track_ids.keys() - wrong.keys())
        for first in range(0, len(ordered), _TRACKS_AT_A_TIME):
            self.tell("tracks", first, len(ordered))
            some = ordered[first : first + _TRACKS_AT_A_TIME]
            wrong |= wrong_tracks(tracks.fetch(some), segments.fetch(some), info, tolerance)
        found = [
            (tracks.name, {i for i, its in wrong.items() if its == clause}, f": {clause}")
            for clause in sorted(set(wrong.values()))
        ]
        if loose := segment_ids.keys() - track_ids.keys():
            found.append((segments.name, loose, ": segments and no track"))
        for where, ids, clause in found:
            self._found(
                where,
                f"{_some_of(ids, names)}{clause}",
                "drops what was heard, for the next index run to hear it again",
                lambda ids=ids: mending.drop(store, info, ids, names.paths),
            )

    def _ledger(self, store: Store, active: ModelInfo) -> None:
        rows = store.ledger_table.to_arrow()
        self.report.files = rows.num_rows
        wrong = wrong_files(rows)
        for clause in sorted(set(wrong.values())):
            paths = [path for path, its in wrong.items() if its == clause]
            self._found(
                LEDGER,
                f"{len(paths)} file(s), such as {shown(text_to_path(paths[0]))}: {clause}",
                "forgets them; the next index run looks at them again",
                lambda paths=paths: mending.forget(store, paths),
            )
        if {tracks_name(active.digest), segments_name(active.digest)} & self.unreadable:
            return
        known = set(mending.ids_of(mending.tracks_of(store, active)))
        columns = rows.select(["path", "content_hash", "state"]).to_pydict()
        entries = [entry for entry in zip(*columns.values(), strict=True) if entry[0] not in wrong]
        unheard = [p for p, c, s in entries if s == State.INDEXED and c not in known]
        if unheard:
            self._found(
                LEDGER,
                f"{len(unheard)} indexed file(s), such as {shown(text_to_path(unheard[0]))}, have"
                " no track",
                "marks them; the next index run hears them again",
                lambda: mending.mark_unheard(store, unheard),
            )
        orphans = known - {content for _, content, _ in entries}
        if orphans:
            self.report.notes.append(
                f"{len(orphans)} track(s) belong to no file that the ledger knows: the next index"
                " run over their folder finds them without hearing them, `index --prune` drops them"
            )
        waiting = sum(reason == mending.UNHEARD for reason in rows.column("reason").to_pylist())
        waiting = len(unheard) if self.repair and unheard else waiting
        if waiting:
            self.report.notes.append(f"{waiting} file(s) wait for the next index run to be heard")

    def _files(self, store: Store) -> None:
        found = changed_files(store, lambda mb, of: self.tell("files", mb, of, "MB"))
        self.report.files_read = found.read
        for problem, paths in found.problems.items():
            self._found(
                "files",
                f"{len(paths)} file(s), such as {shown(text_to_path(paths[0]))}, {problem}",
                "marks them; the next index run looks at them again",
                lambda paths=paths: mending.look_again(store, paths),
            )
        if found.changed:
            self.report.notes.append(f"{found.changed} file(s) were changed since they were heard")
        if found.missing:
            self.report.notes.append(f"{found.missing} file(s) are not there")

    def _leftovers(self, store: Store) -> None:
        if aside := sorted(path.name for path in (self.folder / DAMAGED).glob("*")):
            self.report.notes.append(
                f"{', '.join(aside)} in the folder {DAMAGED!r} is what repairs put aside: of no use"
                " to partwise any more"
            )
        for left in mending.leftovers(store):
            self._found(left.name, left.problem, "removes it", left.remove)


class _Names:
    """What to call tracks in messages: a file of theirs, else their id."""

    def __init__(self, store: Store, unreadable: set[str]) -> None:
        self.paths: dict[str, list[str]] = {}
        if LEDGER in unreadable:
            return
        rows = store.ledger_table.search().select(["path", "content_hash"]).to_arrow().to_pydict()
        for path, content in zip(rows["path"], rows["content_hash"], strict=True):
            if content is not None:
                self.paths.setdefault(content, []).append(text_to_path(path))

    def __call__(self, track_id: str) -> str:
        paths = self.paths.get(track_id)
        return shown(paths[0]) if paths else track_id


def _some_of(ids: Collection[str], names: _Names) -> str:
    """``3 tracks (such as …)``."""
    first = min(ids)
    if len(ids) == 1:
        return f"a track ({names(first)})"
    return f"{len(ids)} tracks (such as {names(first)})"
