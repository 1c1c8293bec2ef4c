#!/bin/bash
# Proves S7: a call that never answers costs its directory and nothing else, whichever call it is and however many
# workers there are. The scan ends within the time-out and two seconds although the process that is stuck cannot
# end, the snapshot is whole, and everything else is in it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "a directory that never answers"
need_fuse
need_namespace "processes that cannot end go with their file system"

top=10 directories=10 files=9
all=$((1 + top + top * directories + top * directories * files))

# hang WHAT ENTRIES STATE SLOWFS_OPTION... -- SCAN_OPTION...: a scan with --timeout 1 of what hangs finds ENTRIES,
# and so many directories in state partial or failed.
hang() {
  local what=$1 entries=$2 state=$3 slowfs=() began ended found try
  shift 3
  while [ "$1" != -- ]; do slowfs+=("$1") && shift; done
  shift
  start_slowfs "$work/mnt" --delay 0 --top $top --directories $directories --files $files "${slowfs[@]}"
  # A machine that is busy with something else may spoil one measurement, not three.
  for try in 1 2 3; do
    rm -rf "$work/snapshot"
    began=$(date +%s%N)
    # A pipe that the stuck process would keep open is one that this waits for.
    said=$(timeout --signal=KILL 60 "$scan_program" --timeout 1 "$@" -o "$work/snapshot" "$work/mnt" 2>&1 </dev/null)
    status=$?
    ended=$(date +%s%N)
    [ $((ended - began)) -ge 3000000000 ] && [ -z "${PWALK_SANITIZED:-}" ] || break
  done
  printf '%s\n' "$said" >"$work/err"
  expect "$what: status" 1 "Connection timed out"
  measured "$what: within 3 s ($(((ended - began) / 1000000)) ms, try $try)" [ $((ended - began)) -lt 3000000000 ]
  run "$check_program" "$work/snapshot"
  expect "$what: the snapshot is whole" 0
  found=$("$dump_program" --printf x "$work/snapshot" | wc -c)
  holds "$what: $entries entries ($found)" [ "$found" -eq "$entries" ]
  holds "$what: marked as $state" grep -q "\"$state\": 1[,} ]*$" "$work/snapshot/manifest.json"
  holds "$what: complete" grep -q '"complete": true' "$work/snapshot/manifest.json"
  end_slowfs "$work/mnt"
}

for jobs in 1 8 auto; do
  below=$((directories + directories * files))
  hang "opendir, -j $jobs" $((all - files)) failed --hang opendir:3/4 -- -j $jobs
  hang "readdir, -j $jobs" $((all - below)) failed --hang readdir:3 -- -j $jobs
  hang "lookup of a directory, -j $jobs" "$((all - 6 * files))" partial --hang lookup:3/4 -- -j $jobs
  hang "lookup of a file, -j $jobs" "$all" partial --hang lookup:3/4/2 -- -j $jobs
  hang "getattr of a file, -j $jobs" "$all" partial --hang getattr:3/4/2 -- -j $jobs
  hang "-x and opendir, -j $jobs" $((all - files)) failed --hang opendir:3/4 -- -x -j $jobs
done
# Of a large directory others look at parts: the one that is stuck may be one of these.
top=1 directories=1 files=5000
all=$((1 + top + top * directories + top * directories * files))
for file in 0 100 3000 4999; do
  hang "file $file of a large directory, -j 4" "$all" partial --delay 50 --hang "lookup:0/0/$file" -- -j 4
done
finish
