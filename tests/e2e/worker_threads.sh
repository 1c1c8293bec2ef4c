#!/bin/bash
# Proves what the number of workers is good for: -j 4 is at least three times faster than -j 1 on a file system where one
# waits for each call, in one large directory too; the default finds out by itself how many there should be, soon
# enough for a scan of a second, within its bounds, and does not take processors that others keep busy for such a
# file system.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "the number of workers follows the file system"

milliseconds() { date +%s%3N; }

# On processors that others keep busy the threads wait too, but not for the file system: more of them would only take
# more from the others.
processors=$(nproc)
"$PWALK_BENCH/corpus" src "$work/busy" 100000 3 >/dev/null || fail "corpus src"
hogs=()
for ((hog = 0; hog < 2 * processors; ++hog)); do
  timeout 60 bash -c 'while :; do :; done' &
  hogs+=($!)
done
most=0
for try in 1 2 3; do
  rm -rf "$work/snapshot.busy"
  run "$scan_program" -v -o "$work/snapshot.busy" "$work/busy"
  expect "busy processors: status (try $try)" 0
  for threads in $(sed -n 's/.*worker threads: //p' "$work/err" | grep -oE '[0-9]+ at' | cut -d' ' -f1); do
    [ "$threads" -le "$most" ] || most=$threads
  done
done
kill "${hogs[@]}"
wait "${hogs[@]}" 2>/dev/null
measured "busy processors: $most worker threads at most, which do not multiply" \
  [ "$most" -ge 1 -a "$most" -le $((4 * processors)) ]
rm -rf "$work/busy" "$work/snapshot.busy"

if ! can_mount; then
  note "FUSE cannot be used here: no slow file system"
  finish
fi
slow=$work/slow
# Each call waits 3 ms: that, and not the processors, which a wake-up costs 0.1 ms on some machines, is what the time
# goes into.
start_slowfs "$slow" --delay 3000 --top 16 --directories 6 --files 8 --odd
one_worker=0
tries="1 2 3"
[ -z "${PWALK_SANITIZED:-}" ] || tries=1
# A machine that is busy with something else may spoil one measurement, not three.
for try in $tries; do
  rm -rf "$work"/snapshot.*
  start=$(milliseconds)
  run "$scan_program" -j 1 -o "$work/snapshot.1" "$slow"
  middle=$(milliseconds)
  run "$scan_program" -j 4 -o "$work/snapshot.4" "$slow"
  end=$(milliseconds)
  say "      -j 1: $((middle - start)) ms, -j 4: $((end - middle)) ms"
  one_worker=$((middle - start))
  [ "$one_worker" -lt $((3 * (end - middle))) ] || break
done
measured "-j 4 is at least three times faster than -j 1 where the file system waits (try $try)" \
  [ $((middle - start)) -ge $((3 * (end - middle))) ]

# The default finds out by itself, soon enough for a scan of a second.
for try in $tries; do
  rm -rf "$work/snapshot.auto"
  start=$(milliseconds)
  run "$scan_program" -v -o "$work/snapshot.auto" "$slow"
  end=$(milliseconds)
  say "      -j auto: $((end - start)) ms, -j 1: $one_worker ms; $(grep 'worker threads' "$work/err")"
  [ "$one_worker" -lt $((6 * (end - start))) ] || break
done
measured "-j auto is at least six times faster than -j 1 where the file system waits (try $try)" \
  [ "$one_worker" -ge $((6 * (end - start))) ]
measured "-v tells that there were 32 worker threads" grep -q 'worker threads: .*, 32 at 0\.' "$work/err"
run bash -c 'ulimit -n 64 && exec "$@"' bash "$scan_program" -v -o "$work/snapshot.few" "$slow"
expect "-j auto with few descriptors: status" 1
holds "-j auto with few descriptors: as many workers as these allow, and no more" \
  [ "$(grep 'worker threads: ' "$work/err" | grep -oE '[0-9]+ at ' | sort -n | tail -n 1)" = "10 at " ]
for snapshot in 1 few; do "$dump_program" --printf '%y %i %s %P\0' "$work/snapshot.$snapshot" >"$work/dump.$snapshot" 2>/dev/null; done
same "-j auto with few descriptors: nothing is lost" "$work/dump.1" "$work/dump.few"
run "$scan_program" -v -j 3 -o "$work/snapshot.three" "$slow"
holds "-j 3: no other number, whatever the file system does" grep -qE 'worker threads: 3 at 0\.00 s$' "$work/err"
for try in $tries; do
  rm -rf "$work/snapshot.one"
  run env SLURM_CPUS_ON_NODE=1 "$scan_program" -v -o "$work/snapshot.one" "$slow"
  say "      one processor: $(grep 'worker threads' "$work/err")"
  ! grep -qE 'worker threads: 1 at 0\.00 s, .*, 32 at 0\.(0[0-9]|1[0-5]) s' "$work/err" || break
done
measured "from one to thirty-two worker threads within 150 ms (try $try)" \
  grep -qE 'worker threads: 1 at 0\.00 s, .*, 32 at 0\.(0[0-9]|1[0-5]) s' "$work/err"
# A rate that the processors' number of threads could not keep up with here is kept up with by more of them.
for try in 1 2 3; do
  rm -rf "$work/snapshot.rate"
  run "$scan_program" -v --rate 5000 -o "$work/snapshot.rate" "$slow"
  ! grep -qE 'worker threads: .*, (8|16|32) at 0' "$work/err" || break
done
holds "--rate: as many threads as it takes (try $try)" grep -qE 'worker threads: .*, (8|16|32) at 0' "$work/err"
run "$scan_program" -v --max-threads 3 -o "$work/snapshot.most" "$slow"
holds "--max-threads is not exceeded" grep -qE 'worker threads: [123] at 0.00 s(, [23] at [0-9.]+ s)*$' "$work/err"
for wrong in 0 x 5000 ''; do
  run "$scan_program" --max-threads "$wrong" -o "$work/snapshot.wrong" "$slow"
  expect "--max-threads '$wrong' is refused" 2 "not a number from 1 to 4096"
done

timeout 10 fusermount3 -u "$slow"
wait_for 5 ended "$slowfs_process"

# One large directory: its reader is not left alone with it.
rm -rf "$work"/snapshot.*
start_slowfs "$slow" --delay 1000 --top 1 --directories 1 --files 2000
for try in $tries; do
  rm -rf "$work"/snapshot.*
  start=$(milliseconds)
  run "$scan_program" -j 1 -o "$work/snapshot.1" "$slow"
  middle=$(milliseconds)
  run "$scan_program" -j 8 -o "$work/snapshot.8" "$slow"
  end=$(milliseconds)
  say "      one directory of 2,000 files: -j 1 $((middle - start)) ms, -j 8 $((end - middle)) ms"
  [ $((middle - start)) -lt $((3 * (end - middle))) ] || break
done
measured "-j 8 reads one large directory at least three times faster than -j 1 (try $try)" \
  [ $((middle - start)) -ge $((3 * (end - middle))) ]
timeout 10 fusermount3 -u "$slow"
wait_for 5 ended "$slowfs_process"

finish
