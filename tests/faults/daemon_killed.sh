#!/bin/bash
# Proves promise M6: the daemon is killed while many threads are in the middle of their requests, again and again.
# Each of them gets an error, none hangs, and the next mount, over what the last one left, takes at most 2 s.
# Usage: daemon_killed.sh [TIMES]
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
begin "a daemon that is killed at work"
need_fuse
need pgrep

times=${1:-5}
tree=$work/tree
point=$work/point
store=$work/store
"$PWALK_SUPPORT/oddities" --seed 3 --wide 2000 --levels 20 "$tree" >/dev/null || fail "oddities"
mkdir "$point"
run "$scan_program" -q -S "$store" -n name "$tree"
expect "a scan" 0
snapshot=$store/name/$(readlink "$store/name/latest")
mounted+=("$point")
at_work() { [ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 12 ]; }
daemon_of() { pgrep -f "pwalk-mount .*$1( |\$)" | head -n 1; }

hung=0
told=0
slowest=0
for ((round = 0; round < times; ++round)); do
  source=$store
  ((round % 2)) && source=$snapshot
  begun=${EPOCHREALTIME/./}
  run "$mount_program" "$source" "$point"
  took=$((${EPOCHREALTIME/./} - begun))
  [ "$status" -eq 0 ] && is_mounted "$point" || fail "round $round: mounted" "$work/err"
  [ "$took" -le "$slowest" ] || slowest=$took
  grep -q detached "$work/err" && told=$((told + 1))
  "$PWALK_SUPPORT/load" mix --threads 12 --handles 50 --seconds 60 --until-gone "$point" >"$work/load" 2>&1 &
  load=$!
  started+=("$load")
  wait_for 20 at_work "$load" || fail "round $round: it has begun" "$work/load"
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  daemon=$(daemon_of "$point")
  kill -KILL "$daemon" || fail "round $round: there is a daemon"
  if ! wait_for 20 ended "$load"; then
    hung=$((hung + 1))
    grep -l ')' "/proc/$load/task"/*/stat | xargs grep -ho ') [A-Z]' | sort | uniq -c >"$work/detail"
    fail "round $round: nobody hangs" "$work/detail"
    kill -KILL "$load"
  elif ! wait "$load"; then
    fail "round $round: each thread got an error and ended" "$work/load"
  fi
  # What was being asked when it was killed has another errno than what was asked afterwards.
  gone=$(awk '/^error (ENOTCONN|ECONNABORTED|ENODEV) / { sum += $3 } END { print sum + 0 }' "$work/load")
  [ "$gone" -ge 12 ] || fail "round $round: the error of all 12 is that nobody serves" "$work/load"
  timeout 10 stat "$point/none" >"$work/out" 2>&1
  grep -q 'endpoint is not connected' "$work/out" || fail "round $round: whoever asks then is told so" "$work/out"
done
holds "killed $times times, nobody hung" [ "$hung" -eq 0 ]
holds "each mount but the first cleared up after the last one" [ "$told" -eq $((times - 1)) ]
say "      the slowest mount took $slowest microseconds"
sanitized || holds "the slowest mount took at most 2 s" [ "$slowest" -le 2000000 ]
run "$mount_program" "$snapshot" "$point"
holds "the last one serves" [ "$(find "$point" | wc -l)" = "$(find "$tree" | wc -l)" ]
unmount "the last one" "$point"
holds "and nothing is left below it" not_mounted "$point"
finish
