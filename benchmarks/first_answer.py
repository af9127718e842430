"""What a first answer costs: `partwise like`, the first `Library.search`, and `partwise serve`.

    python benchmarks/first_answer.py                 # this checkout
    python benchmarks/first_answer.py --source DIR    # another one, in the same run beside it

Made-up libraries of 1,000 and 10,000 tracks (20 segments each) are written by the checkout that is
measured, with its own `Writer`, and closed as an indexing run closes them. Printed are medians of
five processes: processor seconds of `partwise like`, seconds of wall clock of the first and the
second `Library.search` with everything that they import, and of `partwise serve` from its start to
the first answer over HTTP and of a second one, beside `python -c "import numpy, onnxruntime"`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent.parent
RUNS = 5

_MAKE = """
import sys
from pathlib import Path
import numpy as np
from partwise.embedding.embeddings import PartEmbeddings
try:  # before the rooms of library/ had names
    from partwise.library.manifest import ModelInfo
    from partwise.library.ledger import LedgerRow, State
    from partwise.library.tags import Tags
    from partwise.library.writing import NewTrack, Writer, open_or_create
except ImportError:
    from partwise.library.tables.manifest import ModelInfo
    from partwise.library.tables.ledger import LedgerRow, State
    from partwise.audio.tags import Tags
    from partwise.library.tables.writer import NewTrack, Writer, open_or_create
folder, count = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
model = ModelInfo("bench", 64, (0.5,) * 5)
(folder / "music").mkdir(parents=True)
store = open_or_create(folder / "library", model)
writer = Writer(store, model)
start_s = 5.0 * np.arange(20)
for first in range(0, count, 500):
    tracks, rows = [], []
    for n in range(first, min(first + 500, count)):
        vectors = rng.normal(size=(1, 5, 64)) + 0.3 * rng.normal(size=(20, 5, 64))
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        path = folder / "music" / f"{n:06}.mp3"
        path.write_bytes(b"%d" % n)
        ident = f"{n:032x}"
        heard = PartEmbeddings(vectors.astype(np.float32), np.full((20, 5), 0.9, np.float32),
                               start_s, start_s + 10, 105.0 + n % 97)
        tags = Tags(f"Title {n}", f"Artist {n % 400}", "Album", 1990)
        tracks.append(NewTrack(ident, heard, tags))
        status = path.stat()
        rows.append(LedgerRow(str(path), status.st_size, status.st_mtime_ns, ident, State.INDEXED,
                              None, 1.0, model.digest, 0.0))
    writer.add(tracks, rows)
writer.compact()
try:
    from partwise.library.tables.writer import write_snapshot
    write_snapshot(store)
except ImportError:
    pass
"""

_SEARCH = """
import sys, time
began = time.perf_counter()
from partwise import Library
library = Library.open(sys.argv[1])
song = sys.argv[2]
library.search(song, "drums=2,bass")
first = time.perf_counter() - began
began = time.perf_counter()
library.search(song, "drums=2,bass")
print(first, time.perf_counter() - began)
"""

_SERVE = """
import json, sys, time
from urllib.request import Request, urlopen
sys.path.append(sys.argv[3])
from server_process import served
question = json.dumps({"songs": [sys.argv[2]], "weights": "drums=2,bass", "top": 12}).encode()
def ask(url):
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url + "/api/v1/search", question, headers)) as answer:
        assert len(json.load(answer)["hits"]) == 12
began = time.perf_counter()
with served("serve", "--library", sys.argv[1], ready="/api/v1/status") as url:
    ask(url)
    first = time.perf_counter() - began
    began = time.perf_counter()
    ask(url)
    print(first, time.perf_counter() - began)
"""


def run(source: Path, *command: str) -> tuple[str, float]:
    """What a new Python printed, and the processor seconds that it took."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "PYTHONDONTWRITEBYTECODE": ""}
    environment["ORT_DISABLE_TELEMETRY"] = "1"  # as partwise has it
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command], env=environment, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(source: Path, scratch: Path) -> dict[str, float]:
    result = {}
    for count in (1000, 10_000):
        home = scratch / str(count)
        run(source, "-c", _MAKE, str(home), str(count))
        library, song = str(home / "library"), str(home / "music" / "000123.mp3")
        like = ["-m", "partwise", "like", song, "--parts", "drums=2,bass", "--library", library]
        run(source, *like)  # once for the file system's cache and for bytecode
        result[f"like_{count}_cpu_s"] = median(run(source, *like)[1] for _ in range(RUNS))
        times = [run(source, "-c", _SEARCH, library, song)[0].split() for _ in range(RUNS)]
        result[f"first_search_{count}_s"] = median(float(first) for first, _ in times)
        result[f"second_search_{count}_s"] = median(float(second) for _, second in times)
        track, helpers = f"{123:032x}", str(HERE / "tests")
        times = [run(source, "-c", _SERVE, library, track, helpers)[0].split() for _ in range(RUNS)]
        result[f"serve_{count}_first_s"] = median(float(first) for first, _ in times)
        result[f"serve_{count}_second_s"] = median(float(second) for _, second in times)
        files = [path for path in Path(library).rglob("*") if path.is_file()]
        result[f"library_{count}_mb"] = sum(path.stat().st_size for path in files) / 1e6
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", type=Path, action="append", help="another checkout")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    imports = "import numpy, onnxruntime"
    figures: dict[str, dict[str, float]] = {
        f'python -c "{imports}"': {
            "cpu_s": median(run(HERE, "-c", imports)[1] for _ in range(RUNS + 1))
        }
    }
    for source in [*(options.source or []), HERE]:
        with tempfile.TemporaryDirectory() as scratch:
            figures["this checkout" if source == HERE else str(source)] = measure(
                source.resolve(), Path(scratch)
            )
    for name, values in figures.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:24} {value:9.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
