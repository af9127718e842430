#!/usr/bin/env bash
# Installs what the tests of rendering, arranging and voices need (fluidsynth, a small SoundFont, mma,
# espeak-ng), of privacy (strace) and of proxies (nginx, Caddy) where apt-get may be used, and the
# packages given as arguments. `chromium` is content with any browser that the tests of the pages
# can use.
# Never fails: the tests that need them are skipped, and say so, when they are not there.
set -uo pipefail

missing=()
want() { # a package, and the command that succeeds where it is there
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
browser() {
  [ -n "${PARTWISE_CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser ||
    command -v google-chrome
}
want fluidsynth command -v fluidsynth
want timgm6mb-soundfont test -e /usr/share/sounds/sf2/TimGM6mb.sf2
want mma command -v mma
want espeak-ng command -v espeak-ng
want strace command -v strace
want nginx-light test -x /usr/sbin/nginx
want caddy command -v caddy
for package in "$@"; do
  case $package in
    chromium) want chromium browser ;;
    *) want "$package" dpkg -s "$package" ;;
  esac
done
if [ ${#missing[@]} = 0 ]; then
  exit 0
fi

how="install them yourself (Debian, Ubuntu: apt-get install ${missing[*]})"
if ! command -v apt-get >/dev/null; then
  echo "${missing[*]} not found, and there is no apt-get here: $how"
  exit 0
fi
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "${missing[*]} not found, and installing needs root: $how"
  exit 0
fi
log=$(mktemp)
# One by one: not every release has all of them, and one that it lacks must not keep the others out.
"${as_root[@]}" apt-get update >"$log" 2>&1 </dev/null
for package in "${missing[@]}"; do
  if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends "$package" >>"$log" 2>&1 </dev/null; then
    echo "installed $package"
  else
    echo "$package could not be installed ($(tail -n 1 "$log")): $how"
  fi
done
rm -f "$log"
exit 0
