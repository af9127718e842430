"""What `partwise export` takes: seconds, megabytes of the file, and the most memory at a time.

    python benchmarks/exporting.py                    # 5,000 tracks of 20 segments
    python benchmarks/exporting.py --tracks 100000

The library is made up (`first_answer.py`). Each export is a process of its own; beside it stands
one that only opens the library and imports what an export does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from first_answer import _MAKE, HERE, run

_NOTHING = """
import sys
import pyarrow.parquet
from partwise import Library
print(len(Library.open(sys.argv[1]).catalogue))
"""


def measure(*command: str) -> tuple[float, float]:
    """Seconds of a new Python, and the most megabytes of memory that it held."""
    environment = {**os.environ, "PYTHONPATH": str(HERE / "src")}
    began_s = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command} failed ({status})")
    return time.perf_counter() - began_s, used.ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        run(HERE, "-c", _MAKE, str(home), str(options.tracks))
        library = str(home / "library")
        seconds, megabytes = measure("-c", _NOTHING, library)
        print(f"opened only: {seconds:.1f} s, most memory {megabytes:.0f} MB")
        for of in ("tracks", "segments"):
            for kind in ("parquet", "npz"):
                out = home / f"out.{kind}"
                command = ["-m", "partwise", "export", "--library", library, "--of", of]
                seconds, megabytes = measure(*command, f"--{kind}", str(out))
                size = out.stat().st_size / 1e6
                print(
                    f"{of} as {kind}: {seconds:.1f} s, {size:.0f} MB,"
                    f" most memory {megabytes:.0f} MB"
                )


if __name__ == "__main__":
    main()
