#!/bin/bash
# Proves that the tools for measuring measure what they say: the trees are the same every time, the floor sees
# what find sees, whatever its threads, and measure runs to its end. Nothing is timed.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
begin "measuring"
build=$(dirname "$(dirname "$PWALK_SUPPORT")")

for kind in src wide deep acls; do
  run "$build/tests/bench/corpus" "$kind" "$work/$kind" 3000 5
  [ "$kind" = acls ] && [ "$status" -eq 77 ] && note "no ACLs here" && continue
  expect "corpus $kind" 0
  "$build/tests/bench/corpus" "$kind" "$work/again" 3000 5 >/dev/null
  for tree in "$kind" again; do
    (cd "$work/$tree" && find . -mindepth 1 -type l -printf '%y %p %l\0' -o -mindepth 1 -type f -printf '%y %n %s %U %T@ %p %l\0' -o -mindepth 1 -printf '%y %p\0' | sort -z) >"$work/list.$tree"
  done
  same "corpus $kind is the same from the same seed" "$work/list.$kind" "$work/list.again"
  rm -rf "$work/again"
  if [ "$kind" = acls ] && have python3; then
    both=$(python3 -c 'import os, sys
print(sum(len(os.listxattr(at)) == 2 for at, directories, files in os.walk(sys.argv[1]) if files))' "$work/acls")
    holds "corpus acls: two ACLs on each directory of a file" \
      [ "$both" -gt 1400 -a "$both" -eq "$(find "$work/acls" -type f | wc -l)" ]
  fi
  found=$(tr -cd '\0' <"$work/list.$kind" | wc -c)
  holds "corpus $kind has about 3,000 entries ($found)" [ "$found" -ge 3000 -a "$found" -le 3100 ]
  bytes=$(find "$work/$kind" -mindepth 1 -printf '%s\n' | awk '{sum += $1} END {printf "%.0f", sum}')
  directories=$(find "$work/$kind" -type d | wc -l)
  for threads in 1 2 8; do
    run "$build/tests/bench/floor" -t "$threads" "$work/$kind"
    expect "floor -t $threads on $kind" 0
    holds "floor -t $threads on $kind sees what find sees" \
      grep -q "^entries=$found directories=$directories bytes=$bytes errors=0 " "$work/out"
  done
done
for way in none record-{write,mmap,populate,direct,locked,single,path} least count-{worker,atomic,mutex} sort-{memcmp,prefix,simd} pinned uring-8; do
  run "$build/tests/bench/ways" -t 3 -o "$work" "$way" "$work/src"
  [ "$status" -eq 77 ] && continue
  expect "ways $way" 0
  holds "ways $way sees what floor sees" [ "$(sed 's/seconds.*//' "$work/out")" = "$("$build/tests/bench/floor" "$work/src" | sed 's/seconds.*//')" ]
done
run "$build/tests/bench/ways" nonsense "$work/src"
expect "ways: a way that is none" 2
run "$build/tests/bench/corpus" src "$work/src" 10
expect "a tree that exists is left alone" 2 "File exists"
run "$build/tests/bench/floor" "$work/none"
expect "floor: a tree that does not exist" 1

run "$(dirname "$0")/measure" --rounds 1 --no-peers "$build" "$work/src"
expect "measure" 0
holds "measure prints a ratio for the default" grep -qE '^pwalk-scan +[0-9.]+ +[0-9.]+ \+ +[0-9.]+ +[0-9.]+ ' "$work/out"
holds "measure says on which machine, and what" sh -c "grep -qE '^machine  .*processors' '$work/out' && grep -qE '^commit   .+' '$work/out'"
for kind in wide deep; do
  run "$(dirname "$0")/measure" --rounds 1 --no-peers --no-acl "$build" "$work/$kind"
  expect "measure on $kind" 0
  holds "measure on $kind: all of it" grep -qE "^tree .* entries=$(find "$work/$kind" -mindepth 1 -printf '\n' | wc -l) directories=[0-9]+ .* errors=0 " "$work/out"
done
run "$(dirname "$0")/measure" --rounds 1 --no-peers "$work" "$work/src"
expect "measure without programs" 2 "build first"
run env PWALK_BENCH_PEERS="three=touch {out}.0 {out}.1 {out}.2" "$(dirname "$0")/measure" --rounds 2 --peer-rounds 1 "$build" "$work/src"
expect "measure with peers" 0
holds "measure says in how many rounds they ran" grep -q '^runs .*; other programs in 1 of them$' "$work/out"
holds "measure runs a peer of one's own, once" grep -qE '^three +[0-9.]+ .*\(one round\)$' "$work/out"

slow_tree=(--slow --delay 100 --top 2 --directories 3 --files 4)
if can_mount; then
  run timeout -k 10 60 env TMPDIR="$work" "$(dirname "$0")/measure" "${slow_tree[@]}" --rounds 1 "$build"
  mounted+=("$work"/measure.*/tree)
  if [ "$status" -eq 77 ]; then
    note "$(cat "$work/err")"
  else
    expect "measure --slow" 0
    holds "measure --slow walks the tree asked for" grep -qE '^tree .* entries=32 directories=9 .* errors=0 ' "$work/out"
    for row in floor "pwalk-scan -j 32" pwalk-scan find "floor -D" "pwalk-scan cached"; do
      holds "measure --slow prints a ratio for $row" grep -qE "^$row +[0-9.]+ +[0-9.]+ \+ +[0-9.]+ +[0-9.]+ \(one round\)\$" "$work/out"
    done
    holds "measure --slow prints two tables" [ "$(grep -cE ' x floor( -D)? \(least to most\)$' "$work/out")" = 2 ]
    # What Ctrl-C sends, in the middle of a round. 124: it was sent.
    run timeout -k 30 -s INT "$(usually 3 8)" env --default-signal=INT TMPDIR="$work" "$(dirname "$0")/measure" "${slow_tree[@]}" --rounds 100000 --no-peers "$build"
    mounted+=("$work"/measure.*/tree)
    expect "measure --slow, interrupted" 124
    holds "measure --slow, interrupted, had begun" grep -q '^runs ' "$work/out"
  fi
  holds "measure --slow leaves no mount" sh -c "! grep -qF '$work/measure.' /proc/self/mounts"
else
  run "$(dirname "$0")/measure" "${slow_tree[@]}" "$build"
  expect "measure --slow without FUSE" 77 "measure: SKIP: "
fi
mkdir -p "$work/half/tools" "$work/half/tests/bench"
ln -s "$scan_program" "$work/half/tools/pwalk-scan"
ln -s "$(realpath "$build/tests/bench/floor")" "$work/half/tests/bench/floor"
run "$(dirname "$0")/measure" "${slow_tree[@]}" "$work/half"
expect "measure --slow without slowfs" 77 "SKIP: '$work/half' holds no slowfs"

run "$(dirname "$0")/peak-memory" "$build" "$work/src" -j 2
expect "peak-memory" 0
holds "peak-memory tells both kinds" grep -qE '^anonymous [0-9.]+ MiB, resident [0-9.]+ MiB at most' "$work/out"
run "$(dirname "$0")/settle" --rounds 1 --no-builds --only "*sort*" "$build" "$work/src"
expect "settle" 0
holds "settle prints ratios" [ "$(grep -cE '[0-9]\.[0-9]{3} \([0-9.]+ to [0-9.]+\)$' "$work/out")" = 3 ]
holds "settle leaves nothing" sh -c "! ls -d '$work'/settle.* 2>/dev/null"
if [ -x "$build/tests/bench/parts" ]; then
  run "$build/tests/bench/parts" --benchmark_min_time=0.001
  expect "parts" 0
else
  note "google-benchmark was not there: no benchmarks of parts"
fi

# ---- the mount ---------------------------------------------------------------------------------------------
for shape in "--entries 5000 --per-directory 20 --wide 300 --shards 3" "--entries 3 --shards 1" "--entries 9999 --per-directory 2"; do
  # shellcheck disable=SC2086 # words
  run "$PWALK_SUPPORT/synthetic" $shape "$work/synthetic"
  expect "synthetic $shape" 0
  run "$check_program" "$work/synthetic"
  expect "synthetic $shape is whole" 0
  entries=${shape#--entries }
  holds "synthetic $shape has the entries asked for" grep -q "whole: ${entries%% *} entries" "$work/err"
  rm -rf "$work/synthetic"
done
run "$PWALK_SUPPORT/synthetic" --entries 4 --wide 5 "$work/synthetic"
expect "synthetic: fewer entries than one directory is to have" 2 "cannot be"
if can_mount; then
  "$PWALK_SUPPORT/synthetic" --entries 3000 --per-directory 20 --wide 500 "$work/synthetic" >/dev/null
  mount_source floor "$work/synthetic" "$work/point" && {
    listing() { find "$work/point" -printf '%i %y %m %n %U %G %s %b %T@ %P\n'; }
    listing >"$work/expected"
    unmount floor "$work/point"
    "$build/tests/bench/mount_floor" "$work/synthetic" "$work/point" &
    started+=($!)
    wait_for 10 is_mounted "$work/point"
    listing >"$work/got"
    unmount floor "$work/point"
    same_text "mount_floor shows what pwalk-mount shows" "$work/expected" "$work/got"
    holds "that is 3,000 entries" [ "$(wc -l <"$work/got")" -eq 3000 ]
  }
  run "$(dirname "$0")/mount-measure" --rounds 1 --entries 2000 --large 20000 --wide 2000 --peer-entries 300 "$build" "$work/scratch"
  expect "mount-measure" 0
  for figure in D1 D2 D3 D4 D5; do
    holds "mount-measure prints $figure, asked and reached" grep -qE "^$figure .* asked +[<>]= [0-9.]+.* reached +[0-9.]+" "$work/out"
  done
  holds "mount-measure measures D6 or says why not" grep -qE "^D6  .*( reached |not installed)" "$work/out"
  holds "mount-measure leaves no mount" sh -c '! grep -q mount-measure /proc/self/mounts'
else
  note "FUSE cannot be used here"
fi

holds "measure leaves nothing" sh -c "! ls -d '$work'/measure.* 2>/dev/null"
finish
