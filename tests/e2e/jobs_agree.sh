#!/bin/bash
# Proves that the number of workers changes nothing but the time: with -j 1, 2, 4 and 8 every fact, total and
# line of pwalk-dump and pwalk-du is the same, byte for byte and in the same order; that -j 4 really fills
# several shards; that on a file system where one waits for each call it is at least three times faster; and that
# processors which others keep busy are not taken for such a file system.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "any number of workers gives the same snapshot"

every_directive='%y %i %n %s %b %k %m %M %u %U %g %G %T@ %C@ %B@ %p %P %f %h %d %D %l %%\t|\n|\0'

# Scans by others than root change access times.
if in_namespace; then every_directive="%A@ $every_directive"; fi

shards() { find "$1" -name '*.entries' | wc -l; }

# agree NAME ROOT STATUS: STATUS is the scan's.
agree() {
  local name=$1 root=$2 wanted=$3 jobs snapshot
  for jobs in 1 2 4 8 64 auto; do
    snapshot=$work/snapshot.$jobs
    run "$scan_program" -j "$jobs" -o "$snapshot" "$root"
    expect "$name: scan -j $jobs" "$wanted" || return
    timeout 100 "$dump_program" --printf "$every_directive" "$snapshot" >"$work/dump.$jobs" 2>/dev/null
    timeout 100 "$dump_program" --printf '%i %y %P\0' "$snapshot" >>"$work/dump.$jobs" 2>/dev/null
    for options in "-B1" "-b" "--inodes" "-B1 -l"; do
      # shellcheck disable=SC2086 # several words
      (cd "$snapshot" && timeout 100 "$du_program" -a -0 $options . 2>/dev/null)
    done >"$work/du.$jobs"
    [ -s "$work/dump.$jobs" ] && [ -s "$work/du.$jobs" ] || fail "$name: -j $jobs: there is output"
    run "$check_program" "$snapshot"
    expect "$name: pwalk-check of -j $jobs" 0
    [ "$jobs" = 1 ] && continue
    same "$name: dump of -j $jobs = of -j 1" "$work/dump.1" "$work/dump.$jobs"
    same "$name: du -a of -j $jobs = of -j 1" "$work/du.1" "$work/du.$jobs"
  done
  say "      shards: $(shards "$work/snapshot.1") $(shards "$work/snapshot.2") $(shards "$work/snapshot.4") $(shards "$work/snapshot.8")"
}

milliseconds() { date +%s%3N; }

"$PWALK_SUPPORT/oddities" --seed 21 "$work/tree" >/dev/null || fail "oddities"
agree oddities "$work/tree" 0
rm -rf "$work"/snapshot.*

# Preorder, names in the order of their bytes: `/` before every byte that a name can hold.
find "$work/tree/many empty directories" "$work/tree/modes" "$work/tree/links" -printf '%p\0' |
  sed -z "s,^$work/tree,," | tr '/' '\001' | sort -z | tr '\001' '/' >"$work/expected"
run "$scan_program" -j 4 -o "$work/snapshot.order" "$work/tree"
"$dump_program" --printf '/%P\0' "$work/snapshot.order" | grep -zE '^/(many empty directories|modes|links)(/|$)' >"$work/got"
same "the dump is depth first, by name" "$work/expected" "$work/got"

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
agree slowfs "$slow" 1
holds "-j 4 fills several shards" [ "$(shards "$work/snapshot.4")" -gt 1 ]
holds "-j 1 fills one shard" [ "$(shards "$work/snapshot.1")" -eq 1 ]

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
holds "-j auto with few descriptors: no more workers than these allow" \
  grep -qE 'worker threads: .*, 10 at 0' "$work/err"
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
run "$scan_program" -v --rate 5000 -o "$work/snapshot.rate" "$slow"
holds "--rate: as many threads as it takes" grep -qE 'worker threads: .*, (8|16|32) at 0' "$work/err"
run "$scan_program" -v --max-threads 3 -o "$work/snapshot.most" "$slow"
holds "--max-threads is not exceeded" grep -qE 'worker threads: [123] at 0.00 s(, [23] at [0-9.]+ s)*$' "$work/err"
for wrong in 0 x 5000 ''; do
  run "$scan_program" --max-threads "$wrong" -o "$work/snapshot.wrong" "$slow"
  expect "--max-threads '$wrong' is refused" 2 "not a number from 1 to 4096"
done

# What a failing file system shows is recorded as find sees it: vanished entries are no errors.
run "$scan_program" -j 4 -o "$work/snapshot.odd" "$slow"
expect "failing entries: status 1" 1
find "$slow" -printf '%y %i %s %P\0' 2>/dev/null | sort -z >"$work/expected"
"$dump_program" --printf '%y %i %s %P\0' "$work/snapshot.odd" 2>/dev/null | sort -z >"$work/got"
same "failing entries: the dump has what find can stat" "$work/expected" "$work/got"
"$dump_program" --printf '%y %P\0' "$work/snapshot.odd" 2>/dev/null | grep -zE ' (vanished|failing|unknown|broken|partial)$' >"$work/got"
printf '%s\0' 'd broken' 'f failing' 'd partial' 'U unknown' >"$work/expected"
same "failing entries: recorded with the type that is known, vanished ones not" "$work/expected" "$work/got"
if mount_source "failing entries" "$work/snapshot.odd" "$work/mount"; then
  for name in broken partial; do
    run ls "$work/mount/$name"
    expect "listing '$name' on the mount is refused as it was" 2 "Input/output error"
  done
  run ls "$work/mount/partial"
  seq -f 'f%06g' 0 7 >"$work/expected"
  same_text "what was listed of 'partial' is there" "$work/expected" "$work/out"
  unmount "failing entries" "$work/mount"
fi
timeout 10 fusermount3 -u "$slow"
wait_for 5 ended "$slowfs_process"

# The end is not put off until a large directory is done.
start_slowfs "$slow" --delay 1000 --top 1 --directories 1 --files 30000
for jobs in 1 4; do
  "$scan_program" -j "$jobs" -o "$work/snapshot.stopped" "$slow" >"$work/out" 2>"$work/err" &
  scan=$!
  sleep 1.5
  start=$(milliseconds)
  kill -TERM "$scan"
  status=0
  wait "$scan" || status=$?
  end=$(milliseconds)
  expect "SIGTERM within a large directory, -j $jobs: status" 143 "nothing was published"
  measured "SIGTERM within a large directory, -j $jobs: ends within 2 s ($((end - start)) ms)" [ $((end - start)) -le 2000 ]
  holds "SIGTERM within a large directory, -j $jobs: nothing is left" [ ! -e "$work/snapshot.stopped" ]
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
"$dump_program" --printf '%y %i %s %P\0' "$work/snapshot.1" >"$work/expected"
"$dump_program" --printf '%y %i %s %P\0' "$work/snapshot.8" >"$work/got"
same "a large directory shared out is the same" "$work/expected" "$work/got"
timeout 10 fusermount3 -u "$slow"
wait_for 5 ended "$slowfs_process"

rm -rf "$work"/snapshot.*
start_slowfs "$slow" --delay 0 --top 2 --directories 2 --files 2 --vanished
run "$scan_program" -j 2 -o "$work/snapshot.vanished" "$slow"
expect "a vanished entry does not change the status" 0
holds "a vanished entry is not recorded" [ -z "$("$dump_program" "$work/snapshot.vanished" | grep vanished)" ]
finish
