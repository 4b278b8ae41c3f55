#!/bin/sh
# Copies a home from /from to /to, as root in a short-lived helper container.
# $1: `measure` (whether it fits into LIMIT and onto the disk at /to), or `copy` (copies and compares).
# Exit codes: 3 it exceeds the limit, 4 the disk has no room, 5 the copy differs.
set -eu
PATH=/usr/bin:/bin
# What ext4 needs for its own tables, and what stays free on the disk, in KB.
MARGIN_PERCENT=105
FREE_KB=1048576

measure() {
  used=$(($(du -sxk /from | cut -f 1) * MARGIN_PERCENT / 100))
  files=$(du -sx --inodes /from | cut -f 1)
  [ "$used" -le $((LIMIT / 1024)) ] && [ "$files" -le $((LIMIT / 8192)) ] || exit 3
  [ $((used + FREE_KB)) -le "$(df -k --output=avail /to | tail -1)" ] || exit 4
}

# Names, kinds, modes, owners and link targets, then the content of files.
describe() {
  cd "$1"
  find . -xdev -printf '%P\t%y\t%m\t%U\t%G\t%l\0' | LC_ALL=C sort -z | sha1sum
  find . -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0r sha1sum | sha1sum
}

copy() {
  cp -a /from/. /to/
  sync -f /to
  [ "$(describe /from)" = "$(describe /to)" ] || exit 5
}

"$1"
