"""The page that asks the demo library in the browser: files of the site below try/.

What a server would compute while somebody asks is computed here once: for every song the vector
that is asked when it is the query, less what is typical of the library, the vectors of songs and
segments, and the gain that levels each segment. The browser only multiplies and ranks, with the
product's own modules; scripts/website/try holds what is not the product's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Template

from partwise.demo.asking import hear
from partwise.demo.groups import Groups, load_groups
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.media.peaks import measure
from partwise.library.search.typical import beyond
from partwise.parts import PART_NAMES, PARTS

HERE = Path(__file__).resolve().parent / "try"
ROOT = HERE.parents[2]
STATIC = ROOT / "src" / "partwise" / "web" / "static"
STYLES = ("partwise.css", "find.css")
# Classic scripts, which no module imports.
SCRIPTS = ("theme.js", "from-file.js")
ENTRY = "try.js"

_IMPORT = re.compile(r"""^import\b[^"';]*["']\./([^"']+)["']""", re.MULTILINE)


def demo_files() -> dict[str, bytes | Path]:
    """All of it, of the demo library; which is heard where it has not been yet, and kept."""
    library, groups = Library(ROOT / ".demo-library"), load_groups()
    hear(library, groups)
    return try_files(library, groups)


def try_files(library: Library, groups: Groups) -> dict[str, bytes | Path]:
    """What lies below try/ by its name: bytes, or the file to copy.

    library : every track of it becomes a song of the page.
    groups : who plays in which file; a file that is not among its pieces has no players.
    """
    songs, vectors, recordings = contents(library, groups)
    told = json.dumps(songs, ensure_ascii=False, separators=(",", ":"))
    return {
        "index.html": page(len(songs["songs"])).encode(),
        "songs.json": told.encode(),
        "vectors.bin": vectors.astype("<f4").tobytes(),
        **{name: STATIC / name for name in STYLES},
        "try.css": HERE / "try.css",
        **{name: _script(name) for name in SCRIPTS},
        **{name: _script(name) for name in modules(ENTRY)},
        **recordings,
    }


def contents(
    library: Library, groups: Groups
) -> tuple[dict[str, Any], np.ndarray, dict[str, bytes | Path]]:
    """songs.json; float32 [2 * songs + segments, parts=5, dim]; recordings by name.

    The rows: what is asked for every song, every song, all their segments, in the order of songs.
    Raises PartwiseError where two recordings have one name.
    """
    asked, whole, segments = [], [], []
    songs: list[dict[str, Any]] = []
    recordings: dict[str, bytes | Path] = {}
    tracks = library.tracks()
    rows = {track_id: row for row, track_id in enumerate(tracks.track_ids)}
    found = sorted(library.catalogue.items(), key=lambda one: Path(one[1].paths[0]).name)
    for track_id, track in found:
        path = Path(track.paths[0])
        name = f"audio/{path.name}"
        if name in recordings:
            raise PartwiseError(f"two recordings are called {path.name}")
        recordings[name] = path
        query = library.query(track_id)
        heard = query.seeds[0].segments
        wave = measure(path)
        asked.append(beyond(query.vector, library.searcher.typical))
        whole.append(tracks.vectors[rows[track_id]])
        segments.extend(heard.embeddings)
        spans = list(zip(heard.start_s.tolist(), heard.end_s.tolist(), strict=True))
        songs.append(
            {
                "id": track_id,
                "title": track.tags.title or path.stem,
                "audio": quote(name),
                "players": _players(groups, path.name),
                "start_s": [start for start, _ in spans],
                "end_s": [end for _, end in spans],
                "gain_db": [round(wave.passage(*span).gain_db, 2) for span in spans],
            }
        )
    vectors = np.stack([*asked, *whole, *segments]).astype(np.float32)
    return {"dim": vectors.shape[-1], "songs": songs}, vectors, recordings


def _players(groups: Groups, file: str) -> dict[str, dict[str, str] | None]:
    piece = groups.by_file.get(file)
    playing = {} if piece is None else piece.players
    return {
        str(part): {
            "name": playing[part],
            "instrument": groups.players[part][playing[part]].instrument,
        }
        if part in playing
        else None
        for part in PARTS
    }


def page(count: int) -> str:
    """index.html. Faders and the A/B bar are those of the product's page."""
    from partwise.web.pages import templates

    find = templates.get_template("find.html")
    context = find.new_context()
    blocks = {name: "".join(find.blocks[name](context)) for name in ("faders", "ab")}
    written = Template((HERE / "try.html").read_text(encoding="utf-8"), trim_blocks=True)
    return written.render(count=count, parts=PART_NAMES, **blocks)


def modules(entry: str) -> list[str]:
    """The names of a module and of all that it imports, the page's before the product's."""
    found: list[str] = []
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            waiting += _imported(_script(name))
    return found


def _imported(script: Path) -> Iterator[str]:
    yield from _IMPORT.findall(script.read_text(encoding="utf-8"))


def _script(name: str) -> Path:
    """The page's own script of this name, else the product's.

    Raises PartwiseError when there is neither.
    """
    for folder in (HERE, STATIC):
        if (folder / name).is_file():
            return folder / name
    raise PartwiseError(f"the page in the browser needs {name}, and there is none")
