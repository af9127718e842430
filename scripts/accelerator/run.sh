#!/usr/bin/env bash
# Runs the next steps of a training on the GPU machine, for at most --limit-s seconds:
#   bash scripts/accelerator/run.sh [--limit-s 570] [--render-minutes 8] [--train-minutes 13] ...
# Run it again, with the same options, until it says that all steps are done. -h for all options.
# KIT (.accelerator) is what pack.sh made, WORK is kept between calls, results go to OUT.
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=${KIT:-$PWD/.accelerator}
work=${WORK:-/tmp/partwise-accelerator}
python=${PYTHON:-python3}

if [ ! -d "$kit" ]; then
  echo "run.sh: $kit is not there: make it with scripts/accelerator/pack.sh and carry it along" >&2
  exit 2
fi
if [ ! -d "$work/site" ]; then # the Python packages that are carried: a wheel is a zip file
  rm -rf "$work/site.partial"
  mkdir -p "$work/site.partial"
  for wheel in "$kit"/wheels/*.whl; do
    "$python" -m zipfile -e "$wheel" "$work/site.partial"
  done
  mv "$work/site.partial" "$work/site"
fi
export PATH="$work/bin:$PATH" PYTHONUNBUFFERED=1
export PYTHONPATH="$work/site:$PWD/src:$PWD/scripts${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m accelerator.run --kit "$kit" --work "$work" "$@"
