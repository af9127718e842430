#!/bin/sh
# What a container of partwise starts with: a command of partwise, as a user who is not root.
#   PUID, PGID : whose files the library is made of. With `--user` the container is that user's
#   already, and these are not looked at.
# Every step hands over by exec, so signals arrive at partwise itself.
set -eu

if [ "$(id -u)" -ne 0 ]; then
  exec /opt/partwise/bin/partwise "$@"
fi

for id in "$PUID" "$PGID"; do
  case $id in
    '' | *[!0-9]* | 0 | 0*)
      echo "PUID and PGID have to be numbers above 0, as \`id\` prints them, not $PUID and $PGID" >&2
      exit 2
      ;;
  esac
done

# Only what belongs to somebody else is given over: a fresh volume, or one of another PUID.
find /library \( ! -user "$PUID" -o ! -group "$PGID" \) -exec chown -h "$PUID:$PGID" {} +
exec setpriv --reuid="$PUID" --regid="$PGID" --clear-groups --no-new-privs --inh-caps=-all \
  /opt/partwise/bin/partwise "$@"
