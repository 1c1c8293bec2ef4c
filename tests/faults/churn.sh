#!/bin/bash
# Proves that what stands still is in a snapshot exactly once while other names in the same directories come, are
# renamed and go as fast as they can: on tmpfs, ext4, xfs, btrfs and an overlay. Usage: churn.sh [SCANS [NAMES]]:
# so many scans of so many names that stand still, on each file system.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
scans=${1:-$(usually 5 2)}
names=${2:-5000}
begin "names that stand still while others do not"
need_namespace "file systems of its own"

new_place() {
  case $1 in
    tmpfs) mkdir "$work/$1" && mount -t tmpfs -o nr_inodes=0 tmpfs "$work/$1" ;;
    overlay)
      mkdir "$work/$1" "$work/lower" "$work/upper" && mount -t tmpfs -o nr_inodes=0 tmpfs "$work/upper" &&
        mkdir "$work/upper/u" "$work/upper/w" "$work/lower/d0" && touch "$work/lower/d0/below" &&
        mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper/u,workdir=$work/upper/w" "$work/$1"
      ;;
    xfs) new_image xfs 400M "$work/$1" ;;
    *) new_image "$1" 300M "$work/$1" ;;
  esac
}
# Each of them is a name that stands still, and a file is what it names.
standing() { "$dump_program" --printf '%y %f\n' "$work/s" 2>/dev/null | grep -ac '^f stable'; }

observations=0
for type in tmpfs ext4 xfs btrfs overlay; do
  place=$work/$type
  if ! new_place "$type"; then
    note "$type: none can be mounted here"
    continue
  fi
  for number in 0 1 2 3 4; do
    mkdir -p "$place/d$number"
    (cd "$place/d$number" && seq -f 'stable %.0f' $((names / 5)) | xargs -d '\n' touch)
  done
  "$PWALK_SUPPORT/adversary" churn "$place" "$work" 400 >"$work/adversary" &
  adversary=$!
  started+=("$adversary")
  : >"$work/wrong"
  for number in $(seq "$scans"); do
    rm -rf "$work/s"
    run "$scan_program" -q -j 2 -o "$work/s" "$place"
    [ "$status" -eq 0 ] || cat "$work/err" >>"$work/wrong"
    # That no name stands twice in a directory is a rule of the format, which this verifies.
    "$check_program" -q "$work/s" >>"$work/wrong" 2>&1
    found=$(standing)
    observations=$((observations + found))
    [ "$found" -eq $((names / 5 * 5)) ] || say "scan $number: $found of $names" >>"$work/wrong"
  done
  kill "$adversary"
  wait "$adversary"
  say "      $type: $(cat "$work/adversary")"
  if [ ! -s "$work/wrong" ]; then ok "$type: $scans scans of $names names"; else fail "$type" "$work/wrong"; fi
  holds "$type: there were changes" grep -q '^[0-9]\{4,\} changes' "$work/adversary"
  umount -l "$place"
done
say "      $observations observations"
finish
