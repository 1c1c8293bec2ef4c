#!/bin/bash
# Proves promise M7: every request that the kernel gives the daemon is answered, and once, so that no client ever
# hangs. Eight threads ask a store of two snapshots for anything at all; one lies on a storage that stalls and
# fails, and is another snapshot every other moment. Requests and answers are counted at /dev/fuse.
# Usage: answers.sh [REQUESTS]
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
begin "every request is answered once"
need_fuse
need_namespace "a storage that fails"

requests=${1:-60000}
point=$work/point
store=$work/store
"$PWALK_SUPPORT/oddities" --seed 3 --wide 2000 --levels 20 "$work/tree" >/dev/null || fail "oddities"
run "$scan_program" -q -S "$store" -n name "$work/tree"
expect "a scan" 0
well=$store/name/$(readlink "$store/name/latest")
poor=$store/name/2026-01-02T000000Z
mkdir "$point" "$poor"
mounted+=("$poor")
"$PWALK_SUPPORT/poor_storage" --delay 5 --stall 4 --fail 8 --renew 50 "$well" "$poor" &
started+=("$!")
wait_for 10 is_mounted "$poor" || skip "poor_storage could not be mounted"

# served WHAT SOURCE OPERATIONS DIRECTORY...: mounts SOURCE, has it asked, and sets the counts.
served() {
  local what=$1 source=$2 operations=$3 daemon each
  shift 3
  mounted+=("$point")
  env "LD_PRELOAD=$PWALK_SUPPORT/answers.so" "PWALK_ANSWERS=$work/answers" "$mount_program" -f "$source" "$point" 2>"$work/daemon.err" &
  daemon=$!
  started+=("$daemon")
  wait_for 10 is_mounted "$point" || fail "$what: mounted" "$work/daemon.err"
  # A snapshot on a storage that fails may take a few tries to be opened.
  for each in "$@"; do [ "$each" = "$point" ] || wait_for 20 [ -e "$each/links" ] || fail "$what: $each is there"; done
  timeout --signal=KILL 3000 "$PWALK_SUPPORT/load" mix --threads 8 --handles 50 --seconds 2400 --operations "$operations" "$@" >"$work/load" 2>&1
  status=$?
  sed "s/^/      $what: /" "$work/load"
  if [ "$status" -eq 0 ]; then ok "$what: all threads came to their end"; else fail "$what: all threads came to their end" "$work/load"; fi
  unmount "$what" "$point"
  wait_for 10 ended "$daemon" || fail "$what: the daemon ends"
  sed "s/^/      $what: /" "$work/answers"
  count_of() { sed -n "s/^$1 \([0-9]*\)$/\1/p" "$work/answers"; }
  total=$((total + $(count_of requests)))
  holds "$what: every request was answered" [ "$(count_of unanswered)" -eq 0 -a "$(count_of answered)" -eq "$(count_of requests)" ]
  holds "$what: none was answered twice" [ "$(count_of again)" -eq 0 ]
}
total=0
# What was read once is known, so that a short round may end before a read fails: then there is another.
for ((round = 1; round <= 12; round++)); do
  served "a store whose storage fails" "$store" "$requests" "$point/name/$(basename "$poor")" "$point/name/$(basename "$well")" "$point"
  ! grep -q '^error EIO' "$work/load" || break
done
holds "the storage was seen to fail" grep -q '^error EIO' "$work/load"
served "a snapshot" "$well" "$((requests / 4))" "$point"
holds "nothing failed there" [ "$(grep -c '^error EIO' "$work/load")" -eq 0 ]
holds "$total requests were made" [ "$total" -ge "$requests" ]
finish
