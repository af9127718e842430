#!/usr/bin/env bash
# Takes every figure of docs/scale.md again, on a machine with nothing else to do:
#     benchmarks/scale.sh real.npz [PYTHON]       # real.npz: partwise embed FILES... --out real.npz
# Needs about half an hour of two cores, 6 GB of memory and 8 GB of disk.
set -euo pipefail
npz=$(realpath "$1")
python=${2:-python}
cd "$(dirname "$0")/.."
out=docs/results/scale
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A run that fails leaves the former figures.
"$python" benchmarks/scale.py --npz "$npz" --folder "$work" --json "$work/index.json"
"$python" benchmarks/scale.py --source made-up --sizes 1e6 --larger 0 --precisions float32 \
  --folder "$work" --json "$work/made-up.json"
"$python" benchmarks/limits.py --npz "$npz" --folder "$work" --json "$work/limits.json"
"$python" benchmarks/bucket.py --npz "$npz" --json "$work/bucket.json"
cp "$work"/{index,made-up,limits,bucket}.json "$out"
"$python" scripts/scale_plan.py
