#!/usr/bin/env bash
# Installs what the rendering tests need (fluidsynth and a small SoundFont) where apt-get may be used.
# Never fails: the tests that need them are skipped, and say so, when they are not there.
set -uo pipefail

font=/usr/share/sounds/sf2/TimGM6mb.sf2
if command -v fluidsynth >/dev/null && [ -e "$font" ]; then
  exit 0
fi

how="install them yourself (Debian, Ubuntu: apt-get install fluidsynth timgm6mb-soundfont)"
if ! command -v apt-get >/dev/null; then
  echo "fluidsynth or its SoundFont is missing and there is no apt-get here: $how"
  exit 0
fi
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "fluidsynth or its SoundFont is missing and installing needs root: $how"
  exit 0
fi
log=$(mktemp)
if "${as_root[@]}" apt-get update >"$log" 2>&1 </dev/null &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    fluidsynth timgm6mb-soundfont >>"$log" 2>&1 </dev/null; then
  echo "installed fluidsynth and timgm6mb-soundfont for the rendering tests"
else
  echo "fluidsynth and timgm6mb-soundfont could not be installed ($(tail -n 1 "$log")): $how"
fi
rm -f "$log"
exit 0
