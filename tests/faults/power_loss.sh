#!/bin/bash
# Proves that a snapshot with a name survives a power loss whole, and that one whose scan has ended is still
# there: on ext4, xfs and btrfs, on a disk that logs writes and flushes (block_log), with somebody else who writes
# and flushes meanwhile. Each state that the disk can be left in at a flush, at the moment when a scan has ended,
# and RANDOM others with any part of what was not flushed, is mounted and looked at; now and then a scan follows.
#
# As negative controls each fsync is left out, one at a time: the disk must show it. A file system with one
# journal forces a directory with the files in it, so for directories, and once more for all, the order of the
# calls is held against what fsync(2) promises and no more.
# Usage: power_loss.sh [RANDOM [TYPE]...]; without RANDOM a short form: ext4, some of the states and controls.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2046,SC2317 # words are split on purpose; functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
short=
[ $# -gt 0 ] || short=yes
random=${1:-$(usually 10 3)}
[ $# -eq 0 ] || shift
types=("$@")
if [ $# -eq 0 ]; then types=(ext4 xfs btrfs); fi
if [ -n "$short" ]; then types=(ext4); fi
begin "power losses"
need_namespace "file systems on loop devices"
need_fuse
need losetup
mkdir -p "$work/tree/a/b" "$work/tree/c" "$work/disk"
touch "$work/tree/a/f" "$work/tree/c/g"
disk=$work/disk
in_store=(-S "$disk/store" -n name)
by_path=(-o "$disk/store/name/2-by-path") # in a store's place, so that look() finds it
logs=0

# some N WORD...: all of them; in the short form N, in even steps.
some() {
  local number=$1 i
  shift
  if [ -z "$short" ] || [ $# -le "$number" ]; then
    echo "$@"
  else
    for ((i = 0; i < number; i++)); do echo "${@:1 + i * ($# - 1) / (number - 1):1}"; done
  fi
}

# The loop device goes with the mount.
mount_disk() {
  local device result=0
  device=$(losetup -f --show "$log/disk") || return 1
  mount -o noatime "$device" "$disk" 2>"$work/err" || result=1
  losetup -d "$device"
  return "$result"
}

# The last call of who was writing meanwhile may still have a file open.
unmount_disk() {
  wait_for 20 umount "$disk" && return 0
  fail "$disk cannot be unmounted"
  umount -l "$disk"
}

write_and_flush() {
  while :; do for n in 1 2 3; do echo "$n" >"$disk/other.$n" && sync "$disk/other.$n"; done; done 2>/dev/null
}

# record TYPE OTHERS SCAN...: on a new disk a scan into a store, and then SCAN, a command, while somebody else
# writes where OTHERS is `busy`. Sets $flushes, $first and $second: positions of flushes and of the ends of both.
record() {
  local type=$1 others=$2 writer='' recorded=1
  shift 2
  base=$work/base
  log=$work/log.$((logs += 1))
  rm -f "$base" && mkdir "$log" || return 1
  case $type in
    ext4) truncate -s 48M "$base" && mkfs.ext4 -q -F "$base" ;;
    xfs) truncate -s 300M "$base" && mkfs.xfs -q -f "$base" ;;
    btrfs) truncate -s 110M "$base" && mkfs.btrfs -q -f "$base" ;;
  esac >"$work/err" 2>&1 || return 1
  mounted+=("$log")
  "$PWALK_SUPPORT/block_log" "$base" "$log" &
  logger=$!
  started+=("$logger")
  if wait_for 10 is_mounted "$log" && mount_disk; then
    "$scan_program" -q -j 1 "${in_store[@]}" "$work/tree" && echo mark >"$log/control"
    if [ "$others" = busy ]; then
      write_and_flush &
      writer=$!
      started+=("$writer")
    fi
    if timeout 60 "$@" 2>"$work/err"; then recorded=0; fi
    echo mark >"$log/control"
    if [ -n "$writer" ]; then { kill "$writer" && wait "$writer"; } 2>/dev/null; fi
    cat "$log/control" >"$work/positions"
    unmount_disk
    mapfile -t marks < <(sed -n 's/^mark //p' "$work/positions")
    first=${marks[0]} second=${marks[1]}
    mapfile -t flushes < <(sed -n 's/^flush //p' "$work/positions" | awk -v first="$first" '$1 >= first')
  fi
  [ "$recorded" -eq 0 ] || end_log
  return "$recorded"
}
end_log() {
  # The loop device goes a moment after its mount.
  wait_for 10 timeout 10 umount "$log" || { fail "$log cannot be unmounted" && kill "$logger"; }
  wait "$logger" 2>/dev/null
}

# look POSITION SEED: mounts that state; what is wrong with it is written to $work/wrong.
look() {
  local snapshot whole=0 what="$type, after $1 records (seed $2)"
  states=$((states + 1))
  echo "state $1 $2" >"$log/control"
  if ! mount_disk; then
    say "$what: cannot be mounted: $(cat "$work/err")" >>"$work/wrong"
    return
  fi
  for snapshot in "$disk/store/name"/2*; do
    if "$check_program" -q "$snapshot" >"$work/err" 2>&1; then
      whole=$((whole + 1))
    else
      say "$what: $(head -n 1 "$work/err")" >>"$work/wrong"
    fi
  done
  [ "$1" -lt "$second" ] || [ "$whole" -ge 2 ] || say "$what: the scan had ended, and its snapshot is gone" >>"$work/wrong"
  [ "$whole" -ge 1 ] || say "$what: the older one is gone" >>"$work/wrong"
  "$check_program" -q "$disk/store/name/latest" >/dev/null 2>"$work/err" || say "$what: latest: $(head -n 1 "$work/err")" >>"$work/wrong"
  [ $((states % 10)) -ne 0 ] || scan_again "$what"
  unmount_disk
}
# A scan after the power loss works, clears away what the other left, and takes a slot that nobody has.
scan_again() {
  run "$scan_program" -q -j 1 "${in_store[@]}" "$work/tree"
  [ "$status" -eq 0 ] || say "$1: the next scan: $(cat "$work/err")" >>"$work/wrong"
  [ -z "$(find "$disk/store" -name '.pwalk-partial-*')" ] || say "$1: a partial stays" >>"$work/wrong"
  grep -ho '"slot": *[0-9]*' "$disk/store/name"/2*/manifest.json | sort | uniq -d | sed "s/^/$what: twice /" >>"$work/wrong"
}

# ---- as it is --------------------------------------------------------------------------------------------------
for type in "${types[@]}"; do
  if ! record "$type" busy "$scan_program" -q -j 1 "${in_store[@]}" "$work/tree"; then
    note "$type: cannot be had here: $(head -n 1 "$work/err")"
    continue
  fi
  states=0
  : >"$work/wrong"
  # At $first: what was published into a store that there was not before.
  for position in "$first" $(some "$(usually 12 4)" "${flushes[@]}") "$second"; do look "$position" 0; done
  at_flushes=$states
  for ((number = 1; number <= random; number++)); do
    look "$((first + (RANDOM * 32768 + RANDOM) % (second - first + 1)))" "$number"
  done
  say "      $type: $at_flushes states at flushes (of ${#flushes[@]}), $random at random"
  if [ ! -s "$work/wrong" ]; then ok "$type: what is published is whole"; else fail "$type" "$work/wrong"; fi
  holds "$type: there were flushes" [ "${#flushes[@]}" -gt 5 ]
  end_log
done

# ---- an fsync left out -----------------------------------------------------------------------------------------
if [ -n "${PWALK_SANITIZED:-}" ]; then
  note "a sanitizer does not go with the library that leaves an fsync out"
  finish
fi
need strace
# Without an fsync what starts write-back early must not stand in for it: it promises nothing.
left_out() { # NUMBER: words for the environment
  echo FAILING_CALL=fsync FAILING_ERRNO=0 FAILING_FROM="$1" FAILING_TIMES=1 FAILING_HINTS=ignored
}
# The files of a scan by a path that were not forced to the storage when they had to be, by the order of calls.
unforced() {
  rm -rf "$work/traced"
  mkdir "$work/traced"
  strace -f -y -o "$work/trace" -e trace=openat,pwrite64,ftruncate,fsync,renameat,renameat2 \
    -E LD_PRELOAD="$PWALK_SUPPORT/failing_calls.so" env $(left_out "$1") "$scan_program" -q -j 1 -o "$work/traced/s" "$work/tree" || echo "the scan itself"
  awk -v parent="$work/traced" '
    function opened(text) { return match(text, /<[^>]*>/) ? substr(text, RSTART + 1, RLENGTH - 2) : "" }
    function complain(path) { sub(".*/[.]pwalk-partial-[^/]*", "snapshot", path); print path }
    !/ = [0-9]/ { next }
    / openat\(.*O_CREAT/ { path = opened(substr($0, index($0, ") = "))); dirty[path] = 1; sub("/[^/]*$", "", path); dirty[path] = 1 }
    / (pwrite64|ftruncate)\(/ { dirty[opened($0)] = 1 }
    / fsync\(/ { delete dirty[opened($0)] }
    / renameat2?\(.*pwalk-partial/ { for (path in dirty) if (path ~ /pwalk-partial/) complain(path); named = 1; dirty[parent] = 1 }
    END { if (!named || parent in dirty) print "parent" }' "$work/trace"
}
# noticed TYPE NUMBER: whether the disk shows that this fsync was left out. Others who flush force what the scan
# should have forced itself, or only the one half of it: so once with them and once without.
noticed() {
  local others
  type=$1
  for others in busy quiet; do
    record "$type" "$others" env $(left_out "$2") \
      LD_PRELOAD="$PWALK_SUPPORT/failing_calls.so" "$scan_program" -q -j 1 "${by_path[@]}" "$work/tree" || return 1
    states=0
    : >"$work/wrong"
    for position in "$second" $(some "$(usually 12 4)" "${flushes[@]}"); do
      look "$position" 0
      [ ! -s "$work/wrong" ] || break
    done
    end_log
    [ ! -s "$work/wrong" ] || return 0
  done
  return 1
}

unforced 0 >"$work/err"
holds "by the order of calls all is forced before it has its name, and the name after that" [ ! -s "$work/err" ]
FAILING_CALL=fsync FAILING_COUNT=$work/count LD_PRELOAD=$PWALK_SUPPORT/failing_calls.so \
  "$scan_program" -q -j 1 -o "$work/counted" "$work/tree"
count=$(cat "$work/count")
holds "there are flushes" [ "$count" -gt 5 ]
for number in $(seq "$count"); do
  unforced "$number" >"$work/err"
  what=$(cat "$work/err")
  holds "flush $number of $count left out ($what): the order of calls shows it" [ "$(wc -l <"$work/err")" -eq 1 ]
  # In the short form the first, a file's, and the last two that the disk can show.
  [ -z "$short" ] || [ "$number" -eq 1 ] || [ "$what" = snapshot/manifest.json ] || [ "$what" = parent ] || continue
  for type in "${types[@]}"; do
    if noticed "$type" "$number"; then
      ok "$type: … and the disk: $(head -n 1 "$work/wrong")"
    elif [ "$what" = snapshot ]; then
      note "$type: a directory is forced with the files in it"
    else
      fail "$type: flush $number left out ($what): the disk does not show it"
    fi
  done
done
finish
