#!/bin/bash
# Proves that a scan that is stopped ends within two seconds with nothing published and nothing left behind, that its
# NAME in a store is locked while it runs and another is not, and that what a killed one left is collected.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "a scan that is stopped or killed, and its lock"
need_fuse

mkdir "$work/tree"
echo text >"$work/tree/file"
cd "$work" || exit 1
start_slowfs "$work/slow" --delay 20000 --top 20 --directories 20 --files 20
# shellcheck disable=SC2317 # called by wait_for
scan_runs() { [ -n "$(find store/slow -mindepth 1 -name '*.directories' 2>/dev/null)" ]; }
mkdir store
for signal in INT TERM HUP; do
  # A shell's background commands ignore SIGINT: not this one.
  env --default-signal=INT,QUIT,HUP "$scan_program" -j 2 -S store -n slow "$work/slow" 2>"$work/scan.err" &
  scan_process=$!
  started+=("$scan_process")
  wait_for 20 scan_runs || fail "a scan of the slow file system starts" "$work/scan.err"
  if [ "$signal" = INT ]; then
    run "$scan_program" -S store -n slow tree
    expect "the store's NAME is locked" 2 "pwalk-scan: " slow lock
    run "$scan_program" -S store -n other tree
    expect "another NAME is not" 0
    run "$check_program" "$(dirname "$(find store/slow -name '*.directories' | head -n 1)")"
    expect "a scan's partial snapshot is not one" 2 "pwalk-check: "
  fi
  before=$(date +%s%3N)
  kill -s "$signal" "$scan_process"
  if wait_for 20 ended "$scan_process"; then :; fi
  took=$(($(date +%s%3N) - before))
  wait "$scan_process"
  status=$?
  cp "$work/scan.err" "$work/err"
  wanted=$((128 + $(kill -l "$signal")))
  expect "SIG$signal: status $wanted" "$wanted"
  holds "SIG$signal ends it within two seconds ($took ms)" [ "$took" -le 2000 ]
  if [ -z "$(find store/slow -mindepth 1 ! -name '.lock' ! -name '.next-slot')" ]; then ok "SIG$signal leaves nothing"; else
    find store/slow >"$work/detail"
    fail "SIG$signal leaves nothing" "$work/detail"
  fi
done
env --default-signal=INT "$scan_program" -j 2 -S store -n slow "$work/slow" 2>"$work/scan.err" &
scan_process=$!
started+=("$scan_process")
wait_for 20 scan_runs
kill -s KILL "$scan_process"
wait "$scan_process" 2>/dev/null
run "$scan_program" -S store -n slow -j 8 tree
expect "after one that was killed" 0
if [ "$(find store/slow -name manifest.json | wc -l)" -eq 1 ] && [ "$(find store/slow -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1 ]; then
  ok "what the killed one left is collected"
else
  find store/slow >"$work/detail"
  fail "what the killed one left is collected" "$work/detail"
fi
timeout 10 fusermount3 -u "$work/slow"
wait_for 5 ended "$slowfs_process"

# The end is not put off until a large directory is done.
start_slowfs "$work/slow" --delay 1000 --top 1 --directories 1 --files 30000
for jobs in 1 4; do
  "$scan_program" -j "$jobs" -o "$work/snapshot.stopped" "$work/slow" >"$work/out" 2>"$work/err" &
  scan=$!
  wait_for 20 has_partial
  sleep 1.5
  start=$(date +%s%3N)
  kill -TERM "$scan"
  status=0
  wait "$scan" || status=$?
  end=$(date +%s%3N)
  expect "SIGTERM within a large directory, -j $jobs: status" 143 "nothing was published"
  measured "SIGTERM within a large directory, -j $jobs: ends within 2 s ($((end - start)) ms)" [ $((end - start)) -le 2000 ]
  holds "SIGTERM within a large directory, -j $jobs: nothing is left" [ ! -e "$work/snapshot.stopped" ]
done
finish
