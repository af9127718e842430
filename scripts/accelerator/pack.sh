#!/usr/bin/env bash
# Packs everything that a GPU machine without a network lacks into .accelerator/ (run it here).
# bash scripts/accelerator/pack.sh --midi FOLDER [--drumkits FOLDER] [--voices FOLDER]; -h for more
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/../.."
repository=$PWD
python=${PYTHON:-$repository/.venv/bin/python}
cd "$here" # paths are meant from where this was called
PYTHONPATH="$repository/src:$repository/scripts" exec "$python" -m accelerator.pack "$@"
