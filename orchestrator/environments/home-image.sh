#!/bin/sh
# A home that is an ext4 file system in a file, as root in a short-lived helper container.
# $1: `attach` (makes the file if MAKE is `skeleton` or `empty`, attaches it to its loop device, checks it, applies the
#     limit), `limit` (applies the limit while the home is mounted), or `detach`.
# FILE: the file. LOOP: number of its loop device. LIMIT: the student's limit in bytes. OWNER: uid of the student.
# Exit codes: 3 the device has another file, 4 the file system is damaged, 5 the file is missing, 6 the limit is too high
# to be applied while mounted.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
DEVICE=/dev/loop$LOOP
BLOCK=4096
# ext4 has an inode for each so many bytes. Small, since node_modules has tens of thousands of small files.
BYTES_PER_INODE=8192

# LOOP_CTL_ADD. The device exists if it was added before.
add_device() {
  python3 -c "
import fcntl
try: fcntl.ioctl(open('/dev/loop-control'), 0x4C80, $LOOP)
except FileExistsError: pass"
  IFS=: read -r major minor <"/sys/block/loop$LOOP/dev"
  [ -b "$DEVICE" ] || mknod "$DEVICE" b "$major" "$minor"
}

is_attached() { [ -e "/sys/block/loop$LOOP/loop/backing_file" ]; }

has_this_file() {
  [ "$(losetup -n -O BACK-INO "$DEVICE" | tr -d ' ')" = "$(stat -c %i "$FILE")" ]
}

# The kernel refuses an exclusive user of a device that is mounted.
is_mounted() { ! python3 -c "import os; os.close(os.open('$DEVICE', os.O_RDONLY | os.O_EXCL))" 2>/dev/null; }

# Twice the limit, so that the limit can be raised while the home is mounted: what exceeds it is reserved for root. The file
# is sparse, and has no lost+found, so that the home looks like any other.
make() {
  mkdir /tmp/home
  [ "$MAKE" = empty ] || cp -R --preserve=mode,timestamps /home/student/. /tmp/home/
  chown -R "$OWNER:$OWNER" /tmp/home
  truncate -s $((LIMIT * 2)) "$FILE.new"
  mke2fs -q -F -t ext4 -b $BLOCK -m 0 -i $BYTES_PER_INODE -J size=16 -d /tmp/home \
    -E "lazy_itable_init=1,lazy_journal_init=1,root_owner=$OWNER:$OWNER" "$FILE.new"
  debugfs -w -R 'rmdir lost+found' "$FILE.new" 2>/dev/null
  mv "$FILE.new" "$FILE"
}

check() {
  code=0
  e2fsck -p "$@" "$DEVICE" || code=$?
  # 1: errors were found and corrected.
  [ "$code" -le 1 ] || exit 4
}

field() { dumpe2fs -h "$DEVICE" 2>/dev/null | sed -n "s/^$1: *//p"; }

# The blocks that are reserved for root at this limit; negative if the file system is too small. ext4 keeps some for itself:
# a fiftieth, at most 4096. resize2fs forgets the overhead of its tables; the kernel writes it at the next mount.
reservation() {
  total=$(field 'Block count')
  own=$((total / 50 < 4096 ? total / 50 : 4096))
  overhead=$(field 'Overhead clusters')
  echo $((total - ${overhead:-0} - own - LIMIT / BLOCK))
}

apply_limit() {
  reserved=$(reservation)
  [ "$reserved" -ge 0 ] || exit 6
  half=$(($(field 'Block count') / 2))
  [ "$reserved" -le "$half" ] || reserved=$half
  [ "$reserved" = "$(field 'Reserved block count')" ] || tune2fs -r "$reserved" "$DEVICE" >/dev/null
}

attach_device() { losetup --direct-io=on "$DEVICE" "$FILE" || losetup "$DEVICE" "$FILE"; }

# Attached again, because the device's size can only be changed with more rights.
enlarge() {
  check -f
  losetup -d "$DEVICE"
  truncate -s $((LIMIT * 2)) "$FILE"
  attach_device
  resize2fs "$DEVICE" >/dev/null 2>&1
}

attach() {
  if [ -n "$MAKE" ]; then
    rm -f "$FILE.new"
    [ -e "$FILE" ] || make
  fi
  [ -e "$FILE" ] || exit 5
  add_device
  if is_attached; then has_this_file || exit 3
  else attach_device
  fi
  ! is_mounted || return 0
  check
  [ "$(reservation)" -ge 0 ] || enlarge
  apply_limit
}

detach() {
  [ -e "/sys/block/loop$LOOP" ] || return 0
  add_device
  if is_attached; then
    if [ -e "$FILE" ]; then has_this_file || return 0; fi
    losetup -d "$DEVICE"
  fi
  # LOOP_CTL_REMOVE. Refused while a program still reads the device.
  python3 -c "import fcntl; fcntl.ioctl(open('/dev/loop-control'), 0x4C81, $LOOP)" 2>/dev/null || true
}

case $1 in
attach) attach ;;
limit) add_device && apply_limit ;;
detach) detach ;;
esac
