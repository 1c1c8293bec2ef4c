#!/bin/bash
# Proves that a scan which ends early keeps what it has where that is asked for: the snapshot is whole by every
# rule, says that it is incomplete, marks what was not reached, and all programs say so; `latest` stays where it
# was; without being asked nothing is published.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "a scan that ends early"

mkdir "$work/tree" "$work/store"
for top in 1 2 3 4 5 6 7 8; do
  mkdir -p "$work/tree/$top"/{a,b,c}/{x,y}
  for directory in "$work/tree/$top"/{,a,b,c,a/x,b/y}; do seq -f "$directory/f%g" 1 20 | xargs touch; done
done
all=$(find "$work/tree" -printf x | wc -c)

# early WHAT JOBS SNAPSHOT: has the marks of an incomplete scan.
early() {
  local what=$1 snapshot=$2
  holds "$what: the manifest says so" grep -q '"complete": false' "$snapshot/manifest.json"
  holds "$what: directories are counted as not reached" grep -q '"not_reached": [1-9]' "$snapshot/manifest.json"
  run "$check_program" "$snapshot"
  expect "$what: pwalk-check, and it says so" 0 "incomplete" "totals are lower bounds"
  run "$dump_program" --printf 'x' "$snapshot"
  expect "$what: pwalk-dump says so" 1 "incomplete"
  entries=$(wc -c <"$work/out")
  holds "$what: some of $all entries ($entries)" [ "$entries" -gt 1 -a "$entries" -lt "$all" ]
  run "$du_program" -s "$snapshot"
  expect "$what: pwalk-du says so" 1 "incomplete" "totals are lower bounds"
}

# The scan is walking, and has found something: it says so when it is asked.
begun() { wait_for 20 has_partial && wait_for 20 has_found; }
has_found() {
  kill -USR1 "$process"
  grep -qE ' [0-9]{2,} entries, ' "$work/err"
}

for jobs in 1 4; do
  run "$scan_program" -j "$jobs" --rate 200 --deadline 1 -o "$work/deadline.$jobs" "$work/tree"
  expect "--deadline, -j $jobs: status" 1 "incomplete" "totals are lower bounds"
  holds "--deadline, -j $jobs: the directory in hand is told of" grep -q "was looked at: the scan ended" "$work/err"
  early "--deadline, -j $jobs" "$work/deadline.$jobs"
  for signal in TERM INT HUP; do
    env --default-signal=INT "$scan_program" -j "$jobs" --rate 200 --on-interrupt publish -o "$work/$signal.$jobs" "$work/tree" 2>"$work/err" &
    process=$!
    begun
    kill -$signal "$process"
    status=0
    wait "$process" || status=$?
    expect "--on-interrupt publish, SIG$signal, -j $jobs: status" 1 "incomplete"
    early "--on-interrupt publish, SIG$signal, -j $jobs" "$work/$signal.$jobs"
  done
done

# timeout(1) signals the program and then its group: that is one order, and no second one that ends it at once.
for supervised in "" --timeout=60; do
  for _ in 1 2 3 4 5; do
    rm -rf "$work/twice$supervised" "$work"/.pwalk-partial-*
    "$scan_program" $supervised --rate 100 --on-interrupt publish -o "$work/twice$supervised" "$work/tree" 2>"$work/err" &
    process=$!
    begun
    first=$(date +%s%3N)
    kill -TERM "$process"
    sleep 0.02 # else the kernel makes one signal of two
    kill -TERM "$process" 2>/dev/null || true
    sleep 0.02
    kill -HUP "$process" 2>/dev/null || true
    last=$(date +%s%3N)
    status=0
    wait "$process" || status=$?
    # Of signals that this script was held up between, the last is a second order.
    [ $((last - first)) -ge 100 ] || break
  done
  expect "--on-interrupt publish $supervised, the signal comes again at once: published" 1 "incomplete"
done

# Whoever browses it is told as well.
if can_mount; then
  mkdir "$work/point"
  mounted+=("$work/point")
  "$mount_program" -f "$work/deadline.1" "$work/point" 2>"$work/mount.err" &
  started+=("$!")
  if wait_for 10 is_mounted "$work/point"; then
    holds "mounted: its log says so" wait_for 5 grep -q "is incomplete: its scan ended.*totals are lower bounds" "$work/mount.err"
    holds "mounted: the summary of each directory says so" grep -q "incomplete: totals are lower bounds" "$work/point/1/.pwalk/summary"
    holds "mounted: for programs too" grep -q '"complete": *false' "$work/point/.pwalk/summary.json"
    unmount "mounted" "$work/point"
  else
    fail "mounted" "$work/mount.err"
  fi
else
  note "no FUSE here: nothing is mounted"
fi

# A reader of stderr that has stopped reading keeps back what is to be said, and nothing else.
mkfifo "$work/unread"
exec 9<>"$work/unread"
head -c 65536 /dev/zero >&9
"$scan_program" --rate 20 --progress=1 --deadline 2 -o "$work/unheard" "$work/tree" 2>&9 &
process=$!
holds "nobody reads stderr: published at the deadline" wait_for 20 [ -e "$work/unheard/manifest.json" ]
cat <&9 >/dev/null &
reader=$!
status=0
wait "$process" || status=$?
kill "$reader"
wait "$reader" 2>/dev/null
exec 9>&-
expect "and it ends once somebody does" 1

run "$scan_program" -S "$work/store" -n tree "$work/tree"
expect "a complete one into the store" 0
latest=$(readlink "$work/store/tree/latest")
run "$scan_program" -S "$work/store" -n tree --rate 200 --deadline 1s "$work/tree"
expect "an incomplete one into the store" 1
holds "latest stays at the complete one" [ "$(readlink "$work/store/tree/latest")" = "$latest" ]
holds "both are there" [ "$(find "$work/store/tree" -name manifest.json | wc -l)" = 2 ]
for duration in 600 600s 10m 1h 1d; do
  rm -rf "$work/in.time"
  run "$scan_program" --deadline "$duration" -o "$work/in.time" "$work/tree"
  expect "a deadline of $duration that is not met is none" 0
done
# A minute is more than a second: its unit counts.
run timeout 3 "$scan_program" --rate 20 --deadline 1m -o "$work/minute" "$work/tree"
expect "a deadline of a minute does not end a scan of seconds" 124 "stopped"
holds "and the snapshot is complete" grep -q '"complete": true' "$work/in.time/manifest.json"
for wrong in 0 x 1y -1 1.5 s; do
  run "$scan_program" "--deadline=$wrong" -o "$work/wrong" "$work/tree"
  expect "--deadline $wrong is refused" 2 "not a duration"
done
run "$scan_program" --on-interrupt=perhaps -o "$work/wrong" "$work/tree"
expect "--on-interrupt=perhaps is refused" 2 "publish or discard"
finish
