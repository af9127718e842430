#!/usr/bin/env bash
# Installs what the tests of rendering, arranging and voices need (fluidsynth, a small SoundFont, mma,
# espeak-ng) where apt-get may be used, and the packages given as arguments.
# Never fails: the tests that need them are skipped, and say so, when they are not there.
set -uo pipefail

packages="fluidsynth timgm6mb-soundfont mma espeak-ng $*"
more=("$@")
there() {
  for package in "${more[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || return 1
  done
  command -v fluidsynth >/dev/null && [ -e /usr/share/sounds/sf2/TimGM6mb.sf2 ] &&
    command -v mma >/dev/null && command -v espeak-ng >/dev/null
}
if there; then
  exit 0
fi

how="install them yourself (Debian, Ubuntu: apt-get install $packages)"
if ! command -v apt-get >/dev/null; then
  echo "some of $packages are missing and there is no apt-get here: $how"
  exit 0
fi
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "some of $packages are missing and installing needs root: $how"
  exit 0
fi
log=$(mktemp)
# shellcheck disable=SC2086  # the packages are words
if "${as_root[@]}" apt-get update >"$log" 2>&1 </dev/null &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    $packages >>"$log" 2>&1 </dev/null; then
  echo "installed $packages"
else
  echo "$packages could not be installed ($(tail -n 1 "$log")): $how"
fi
rm -f "$log"
exit 0
