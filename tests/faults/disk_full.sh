#!/bin/bash
# Proves what a scan does that fills its disk, at each point at which that can happen, on tmpfs, ext4, xfs, btrfs
# and ext2, which has no fallocate, and what it does that reaches a quota (of a btrfs subvolume): status 2 and a message,
# no signal, nothing left behind, and the snapshot that was there before is whole. Into a store as well, where what
# is not whole has no name, and where what fitted stays should `latest` not fit. Room grows from none, STEP KiB at a
# time, until the scan succeeds. Usage: disk_full.sh [STEP [TYPE]...].
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
step=${1:-$(usually 128 256)}
[ $# -eq 0 ] || shift
types=("$@")
[ $# -gt 0 ] || types=(tmpfs ext4 xfs btrfs ext2 quota)
begin "scans onto a full disk"
need_namespace "small file systems"

"$PWALK_SUPPORT/oddities" --seed 3 --wide 2500 --levels 60 "$work/tree" >/dev/null || exit 1

new_disk() {
  case $1 in
    tmpfs) mkdir "$work/$1" && mount -t tmpfs -o size=12M tmpfs "$work/$1" ;;
    xfs) new_image xfs 300M "$work/$1" ;;
    btrfs) new_image btrfs 110M "$work/$1" ;;
    ext2)
      grep -qw ext2 /proc/filesystems && truncate -s 16M "$work/ext2.image" && mkdir "$work/ext2" &&
        mkfs.ext2 -q -F "$work/ext2.image" && mount -o loop,noatime "$work/ext2.image" "$work/ext2"
      ;;
    quota) have btrfs && new_image btrfs 300M "$work/quota" && btrfs quota enable "$work/quota" 2>"$work/err" ;;
    *) new_image "$1" 32M "$work/$1" ;;
  esac
}
# take_room: all of it. give_room KIB: so much of it is free, STEP more than the last time.
take_room() {
  local spare
  [ "$type" != quota ] || return 0
  spare=$(($(stat -f -c '%a * %S' "$disk") - 20000 * 1024))
  [ "$spare" -le 0 ] || fallocate -l "$spare" "$disk/large"
  cat /dev/zero >"$disk/ballast" 2>/dev/null
  sync -f "$disk"
}
give_room() {
  if [ "$type" = quota ]; then
    sync -f "$disk"
    btrfs qgroup limit "$(($1 + 32))K" "$disk/new"
    return
  fi
  [ "$1" -eq 0 ] || truncate -s "-${step}K" "$disk/ballast"
  [ "$type" = tmpfs ] || sync -f "$disk"
}
# named: the snapshots that have a name in the store.
named() { ls -d "$disk/new/store/name"/2* 2>/dev/null; }
# into_store ROOM: once nothing has a name there, status 2; with a name, 0 or 1.
into_store() {
  local snapshot
  run "$scan_program" -q -j 2 -S "$disk/new/store" -n name "$work/tree"
  snapshot=$(named)
  case $status in
    2)
      [ -z "$snapshot" ] || say "$1 KiB: status 2, and published" >>"$work/wrong"
      grep -qF "$refusal" "$work/err" || cat "$work/err" >>"$work/wrong"
      ;;
    0 | 1)
      "$check_program" -q "$snapshot" 2>>"$work/wrong" || say "$1 KiB: status $status" >>"$work/wrong"
      [ "$status" -eq 1 ] || [ -d "$disk/new/store/name/latest" ] || say "$1 KiB: no latest" >>"$work/wrong"
      ;;
    *) say "$1 KiB, store: status $status" | cat - "$work/err" >>"$work/wrong" ;;
  esac
  [ -z "$(find "$disk/new/store" -name '.pwalk-partial-*' 2>/dev/null)" ] || say "$1 KiB: a partial is left" >>"$work/wrong"
  rm -rf "$disk/new/store"
  [ "$type" = tmpfs ] || sync -f "$disk" # what it took is not given back before
}

for type in "${types[@]}"; do
  disk=$work/$type
  if ! new_disk "$type"; then
    note "$type: none can be mounted here"
    continue
  fi
  scan "$type" "$work/tree" "$disk/older" -j 2 || continue
  refusal='No space left'
  if [ "$type" = quota ]; then
    refusal='Disk quota exceeded'
    btrfs subvolume create "$disk/new" >"$work/out" || continue
  else
    mkdir "$disk/new"
  fi
  take_room
  : >"$work/wrong"
  refused=0
  messages=
  for room in $(seq 0 "$step" 20000); do
    give_room "$room"
    into_store "$room"
    run "$scan_program" -q -j 2 -o "$disk/new/s" "$work/tree"
    [ "$status" -ne 0 ] || break
    refused=$((refused + 1))
    if [ "$status" -ne 2 ] || ! grep -qF "$refusal" "$work/err"; then
      say "$room KiB: status $status" | cat - "$work/err" >>"$work/wrong"
    fi
    [ -z "$(ls -A "$disk/new")" ] || say "$room KiB: left behind: $(ls -A "$disk/new")" >>"$work/wrong"
    messages+=$(sed "s/.*': //" "$work/err")$'\n'
  done
  say "      $type: refused $refused times, then $room KiB were enough"
  printf '%s' "$messages" | sort | uniq -c | sort -rn | head -n 12
  into_store "$room"
  if [ ! -s "$work/wrong" ]; then ok "$type: each time status 2, told, nothing left"; else fail "$type" "$work/wrong"; fi
  holds "$type: there were such times" [ "$refused" -gt 2 ]
  run "$check_program" -q "$disk/older"
  expect "$type: the older snapshot is whole" 0
  run "$check_program" -q "$disk/new/s"
  expect "$type: with enough room it is whole" 0
  umount -l "$disk"
done
finish
