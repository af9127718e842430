"""What lies in a library's folder and belongs to nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from partwise.library.check.salvage import SALVAGE
from partwise.library.map.atlas import atlas_file, read_atlas
from partwise.library.stores.places import PREFIXES
from partwise.library.tables.reader import Store, segments_name, tracks_name


@dataclass(frozen=True)
class Leftover:
    """name : in the library's folder. remove : removes it and says so."""

    name: str
    problem: str
    remove: Callable[[], str]


def leftovers(store: Store) -> list[Leftover]:
    """Unfinished files, tables of other models, maps that are damaged or of other models."""
    folder, manifest = store.folder, store.manifest
    models = [m.digest for m in (manifest.active, manifest.pending) if m is not None]
    wanted = {*map(tracks_name, models), *map(segments_name, models)}
    found: list[Leftover] = []

    def add(path: Path, problem: str) -> None:
        def remove() -> str:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            return "removed"

        found.append(Leftover(str(path.relative_to(folder)), problem, remove))

    for path in sorted(folder.iterdir()):
        if path.name == "library.json.new" or path.name == SALVAGE:
            add(path, "left by a run or repair that was cut off")
        elif path.name.startswith(PREFIXES) and path.name.removesuffix(".lance") not in wanted:
            add(path, "a table of a model that is not in use")
    atlas = atlas_file(store)
    if atlas.parent.is_dir():
        for path in sorted(atlas.parent.iterdir()):
            if path.name.startswith("."):
                add(path, "left by a run that was cut off")
            elif path != atlas:
                add(path, "a map of a model that is not in use")
    if atlas.exists() and read_atlas(store) is None:
        add(atlas, "a map that cannot be read; the next run draws it anew")
    return found
