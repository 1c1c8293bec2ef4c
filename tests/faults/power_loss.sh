#!/bin/bash
# Proves that a snapshot with a name survives a power loss whole, and that one whose scan has ended is still
# there: on ext4, xfs and btrfs, on a disk that logs writes and flushes (block_log), with somebody else who writes
# and flushes meanwhile. Each state that the disk can be left in at a flush, at the moments when a scan says that
# it has published, and RANDOM others with any part of what was not flushed, is mounted and looked at. As negative
# controls one fsync after the other is left out: that must be seen. Usage: power_loss.sh [RANDOM [TYPE]...].
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
random=${1:-5}
[ $# -eq 0 ] || shift
types=("$@")
[ $# -gt 0 ] || types=(ext4 xfs btrfs)
every=$((random < 100 ? 4 : 1)) # of the flushes that are left out
begin "power losses"
need_namespace "file systems on loop devices"
need_fuse
need losetup
mkdir -p "$work/tree/a/b" "$work/tree/c" "$work/disk"
touch "$work/tree/a/f" "$work/tree/c/g"
disk=$work/disk
logs=0

# record TYPE COMMAND...: two scans into a store on a new disk, the second one through COMMAND. Sets $flushes, $first and
# $second: the positions of flushes and of the marks when each scan had published.
record() {
  local type=$1 device writer
  shift
  base=$work/base
  log=$work/log.$((logs += 1))
  rm -f "$base" && mkdir "$log" || return 1
  case $type in
    ext4) truncate -s 48M "$base" && mkfs.ext4 -q -F "$base" ;;
    xfs) truncate -s 300M "$base" && mkfs.xfs -q -f "$base" ;;
    btrfs) truncate -s 110M "$base" && mkfs.btrfs -q -f "$base" ;;
  esac >/dev/null 2>&1 || return 1
  mounted+=("$log")
  "$PWALK_SUPPORT/block_log" "$base" "$log" &
  logger=$!
  started+=("$logger")
  wait_for 10 is_mounted "$log" || return 1
  device=$(losetup -f --show "$log/disk") && mount -o noatime "$device" "$disk" || return 1
  "$scan_program" -q -j 1 -S "$disk/store" -n name "$work/tree" && echo mark >"$log/control" || return 1
  (while :; do for n in 1 2 3; do echo "$n" >"$disk/other.$n" && sync "$disk/other.$n"; done; done) 2>/dev/null &
  writer=$!
  started+=("$writer")
  status=0
  timeout 60 "$@" "$scan_program" -q -j 1 -S "$disk/store" -n name "$work/tree" 2>"$work/err" || status=$?
  echo mark >"$log/control"
  { kill "$writer" && wait "$writer"; } 2>/dev/null
  cat "$log/control" >"$work/positions"
  umount "$disk" && losetup -d "$device"
  [ "$status" -eq 0 ] || return 1
  mapfile -t marks < <(sed -n 's/^mark //p' "$work/positions")
  first=${marks[0]}
  second=${marks[1]}
  mapfile -t flushes < <(sed -n 's/^flush //p' "$work/positions" | awk -v first="$first" '$1 >= first')
}
end_log() {
  timeout 10 umount "$log" || timeout 10 umount -l "$log"
  wait "$logger" 2>/dev/null
}

# look POSITION SEED: mounts that state; what is wrong with it is written to $work/wrong.
look() {
  local device snapshot whole=0 what="$type, after $1 records (seed $2)"
  states=$((states + 1))
  echo "state $1 $2" >"$log/control"
  device=$(losetup -f --show "$log/disk") || return
  if mount -o noatime "$device" "$disk" 2>"$work/err"; then
    for snapshot in "$disk/store/name"/2*; do
      if "$check_program" -q "$snapshot" >"$work/err" 2>&1; then
        whole=$((whole + 1))
      else
        say "$what: $(head -n 1 "$work/err")" >>"$work/wrong"
      fi
    done
    [ "$1" -lt "$second" ] || [ "$whole" -ge 2 ] || say "$what: published, and gone" >>"$work/wrong"
    [ "$whole" -ge 1 ] || say "$what: the older one is gone" >>"$work/wrong"
    "$check_program" -q "$disk/store/name/latest" >/dev/null 2>"$work/err" || say "$what: latest: $(head -n 1 "$work/err")" >>"$work/wrong"
    umount "$disk"
  else
    say "$what: cannot be mounted: $(cat "$work/err")" >>"$work/wrong"
  fi
  losetup -d "$device"
}
look_at_all() {
  local position number
  states=0
  : >"$work/wrong"
  for position in "${flushes[@]}" "$second"; do look "$position" 0; done
  for number in $(seq "$1"); do look "$((first + (RANDOM * 32768 + RANDOM) % (second - first + 1)))" "$number"; done
}

for type in "${types[@]}"; do
  if ! record "$type" env; then
    note "$type: cannot be had here"
    continue
  fi
  look_at_all "$random"
  say "      $type: $states states, ${#flushes[@]} of them at flushes"
  if [ ! -s "$work/wrong" ]; then ok "$type: what is published is whole"; else fail "$type" "$work/wrong"; fi
  holds "$type: there were flushes" [ "${#flushes[@]}" -gt 5 ]
  end_log
done

# One fsync left out, for each: of the files, of the manifest, of directories. Some directories' are not needed
# on a file system with one journal.
type=${types[0]}
FAILING_CALL=fsync FAILING_COUNT=$work/count LD_PRELOAD=$PWALK_SUPPORT/failing_calls.so \
  "$scan_program" -q -j 1 -S "$work/counted" -n name "$work/tree"
seen=
unseen=
for number in $(seq 1 "$every" "$(cat "$work/count")"); do
  record "$type" env FAILING_CALL=fsync FAILING_ERRNO=0 FAILING_FROM="$number" FAILING_TIMES=1 \
    LD_PRELOAD="$PWALK_SUPPORT/failing_calls.so" || break
  look_at_all 0
  if [ -s "$work/wrong" ]; then seen+=" $number"; else unseen+=" $number"; fi
  end_log
done
say "      $type: of $(cat "$work/count") flushes those left out and noticed:$seen; not noticed:$unseen"
holds "$type: left-out flushes are noticed" [ "$(wc -w <<<"$seen")" -ge $((every == 1 ? 5 : 1)) ]
finish
