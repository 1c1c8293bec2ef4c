#!/bin/bash
# Proves that a scan can be held back: --rate keeps its rate and still ends at once, --nice puts all of its
# threads into the idle classes, --stat-sync asks the file system as it says, and a snapshot that will not fit
# is warned of.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "a gentle scan"

milliseconds() { date +%s%3N; }
mkdir "$work/tree" "$work/tree/below"
seq -f "$work/tree/file%g" 1 1000 | xargs touch
seq -f "$work/tree/below/file%g" 1 1000 | xargs touch

for jobs in 1 4 auto; do
  start=$(milliseconds)
  scan "--rate" "$work/tree" "$work/snapshot.$jobs" --rate 1000 -j "$jobs"
  end=$(milliseconds)
  holds "2,001 entries at 1,000 a second take two seconds, -j $jobs ($((end - start)) ms)" \
    [ $((end - start)) -ge 1900 ]
done
run "$scan_program" -v --rate 1000 -o "$work/snapshot.idle" "$work/tree"
holds "who waits for the rate is not made more of" grep -qE 'worker threads: [0-9]+ at 0\.00 s$' "$work/err"
scan "no --rate" "$work/tree" "$work/snapshot.all"
for snapshot in 1 all; do "$dump_program" --printf '%i %s %P\0' "$work/snapshot.$snapshot" >"$work/dump.$snapshot"; done
same "--rate changes nothing in the snapshot" "$work/dump.all" "$work/dump.1"

"$scan_program" --nice --rate 10 -j 2 -o "$work/snapshot.nice" "$work/tree" 2>"$work/err" &
process=$!
wait_for 20 has_partial
sleep 1
threads=0
others=0
for task in "/proc/$process/task"/*; do
  threads=$((threads + 1))
  # Field 41 of stat: the policy; 5 is SCHED_IDLE. The name, field 2, holds no blank here.
  [ "$(cut -d ' ' -f 41 "$task/stat")" = 5 ] || others=$((others + 1))
done
holds "--nice: all threads ($threads) are in the idle class of the processors" [ "$threads" -ge 2 -a "$others" = 0 ]
if command -v ionice >/dev/null; then
  holds "--nice: and of the disks" [ "$(ionice -p "$process")" = idle ]
fi
start=$(milliseconds)
kill -TERM "$process"
status=0
wait "$process" || status=$?
end=$(milliseconds)
expect "SIGTERM while waiting for the rate" 143 "nothing was published"
holds "SIGTERM while waiting for the rate: within 2 s ($((end - start)) ms)" [ $((end - start)) -le 2000 ]

for wrong in 0 -1 x 1k; do
  run "$scan_program" "--rate=$wrong" -o "$work/snapshot.wrong" "$work/tree"
  expect "--rate '$wrong' is refused" 2 "not a number of entries"
done
run "$scan_program" --stat-sync=never -o "$work/snapshot.wrong" "$work/tree"
expect "--stat-sync=never is refused" 2 "auto, cached or force"

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  for how in auto:AT_SYMLINK_NOFOLLOW cached:AT_STATX_DONT_SYNC force:AT_STATX_FORCE_SYNC; do
    run_traced -f -e trace=statx -o "$work/calls" \
      "$scan_program" --stat-sync "${how%:*}" -o "$work/snapshot.sync.${how%:*}" "$work/tree"
    expect "--stat-sync ${how%:*}" 0
    holds "--stat-sync ${how%:*} asks with ${how#*:}" \
      [ "$(grep 'file[0-9]' "$work/calls" | grep -c "${how#*:}")" -ge 2000 ]
    [ "${how%:*}" != auto ] || holds "--stat-sync auto asks without more" [ "$(grep -cE 'DONT_SYNC|FORCE_SYNC' "$work/calls")" = 0 ]
  done
else
  note "strace cannot be used here: what statx is asked with is not seen"
fi

# When a directory was last read is left as it was, where the file system would keep it: the root's too.
if in_namespace && mkdir "$work/strict" && mount -t tmpfs -o strictatime tmpfs "$work/strict" 2>/dev/null; then
  mkdir -p "$work/strict/top/below"
  touch -a -d 2001-02-03 "$work/strict/top" "$work/strict/top/below"
  times() { stat -c %X "$work/strict/top" "$work/strict/top/below" | paste -sd' '; }
  before=$(times)
  run "$scan_program" -o "$work/snapshot.strict" "$work/strict/top"
  expect "a file system that keeps when directories are read" 0
  holds "access times stay" [ "$(times)" = "$before" ]
  ls -R "$work/strict/top" >"$work/out"
  holds "which reading otherwise changes" [ "$(times)" != "$before" ]
fi

# The used inodes of the file system are what is expected of its root.
used=$(($(stat -f -c '%c - %d' /usr)))
if [ "$(id -u)" = 0 ] && [ "$used" -gt 20000 ] && mkdir "$work/small" && mount -t tmpfs -o size=1m tmpfs "$work/small"; then
  run "$scan_program" -q -d 0 -o "$work/small/snapshot" /usr
  umount "$work/small"
  expect "a snapshot that may not fit: warned of, and tried" 0 "may not fit" "bytes available"
else
  note "no file system with many inodes, or no root: the warning of a full disk is not seen"
fi
# What the last snapshot of that name had is expected again.
if in_namespace && mkdir "$work/full" "$work/many" && mount -t tmpfs -o size=16m tmpfs "$work/full" 2>/dev/null; then
  seq -f "$work/many/file%g" 1 20000 | xargs touch
  run "$scan_program" -q -S "$work/full/store" -n many "$work/many"
  expect "a store with room for one snapshot: the first" 0
  holds "and no warning" [ ! -s "$work/err" ]
  room=$(stat -f -c '%a %S' "$work/full" | { read -r blocks bytes && echo $((blocks * bytes)); })
  head -c $((room - (1 << 20))) /dev/zero >"$work/full/others"
  run "$scan_program" -q -d 0 -S "$work/full/store" -n many "$work/many"
  expect "a store with room for one snapshot: warned before the second" 0 "may not fit: about 20,001 entries need"
fi
finish
