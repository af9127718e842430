#!/usr/bin/env bash
# Rehearses scripts/accelerator/run.sh on this machine's CPU, at tiny size, with what the far machine
# would have: a copy of the files that travel, an empty environment, no network where that can be
# had, no tool but a shell's, and no Python package that is neither carried nor already there.
#   bash scripts/accelerator/rehearse.sh [KIT]     (default .accelerator, as pack.sh made it)
# The first call is ended early, the second goes on. What comes back lies in the folder named last.
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=$(readlink -f "${1:-.accelerator}")
python=$PWD/.venv/bin/python
place=$(mktemp -d "${TMPDIR:-/tmp}/partwise-rehearsal.XXXX")
repository=$place/repository

mkdir -p "$repository" "$place/tools" "$place/absent"
git ls-files -z --cached --others --exclude-standard |
  tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -xf - -C "$repository"
cp -r "$kit" "$repository/.accelerator"
# The carried wheels are for the far machine's Python; this one may be another.
version=$("$python" -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')
if [ "$version" != 3.12 ]; then
  rm -r "$repository/.accelerator/wheels"
  PYTHONPATH=src:scripts "$python" -m accelerator.pack --midi . --python "$version" \
    --kit "$repository/.accelerator" >/dev/null
fi
for tool in bash sh env dirname mkdir mv rm; do
  ln -s "$(command -v "$tool")" "$place/tools/$tool"
done
printf '#!/bin/sh\nexec "%s" "$@"\n' "$python" >"$place/tools/python3"
chmod +x "$place/tools/python3"

# Python reads this at its start: packages that the far machine lacks are not found here either,
# unless they come from the carried wheels.
cat >"$place/absent/sitecustomize.py" <<'PY'
import sys
from importlib.machinery import PathFinder

ABSENT = {"av", "mutagen", "lancedb", "platformdirs", "mirdata", "librosa", "pymilvus", "ray"}
CARRIED = {"soundfile", "_soundfile", "_soundfile_data", "soxr", "mido", "cffi", "_cffi_backend"}


class FarMachine:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r} on the far machine", name=name)
        if name in CARRIED:
            found = PathFinder.find_spec(name, [p for p in sys.path if p.endswith("/site")])
            if found is None:
                raise ModuleNotFoundError(f"{name!r} was not carried", name=name)
            return found
        return None


sys.meta_path.insert(0, FarMachine)
PY

offline=()
if unshare --net --map-root-user true 2>/dev/null; then
  offline=(unshare --net --map-root-user)
else
  echo "rehearse.sh: the network cannot be taken away here, so that is not rehearsed"
fi
call() { # seconds, folder for what comes back
  "${offline[@]}" env -i PATH="$place/tools" HOME="$place" TMPDIR=/tmp PYTHONPATH="$place/absent" \
    WORK="$place/work" OUT="$place/$2" "$place/tools/bash" \
    "$repository/scripts/accelerator/run.sh" --limit-s "$1" --device cpu --jobs 2 \
    --render-minutes 1.5 --train-minutes "${TRAIN_MINUTES:-0.5}" --seconds 21 \
    --train-pieces 12 --valid-pieces 6 --test-pieces 8 --pool 6 --labels 4 --draws 2 \
    --evaluate-s 10 --keep-free-gb 1 --recipe "${RECIPE:-tiny}"
}
echo "== call 1, ended early"
call "${FIRST_S:-70}" back-1
echo "== call 2, goes on"
call 900 back-2
ls -l "$place/back-2"
echo "everything lies in $place"
