#!/bin/bash
# Proves that the tools for measuring measure what they say: the trees are the same every time, the floor sees
# what find sees, whatever its threads, and measure runs to its end. Nothing is timed.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../e2e/lib.sh"
begin "measuring"
build=$(dirname "$(dirname "$PWALK_SUPPORT")")

for kind in src wide deep; do
  run "$build/tests/bench/corpus" "$kind" "$work/$kind" 3000 5
  expect "corpus $kind" 0
  "$build/tests/bench/corpus" "$kind" "$work/again" 3000 5 >/dev/null
  for tree in "$kind" again; do
    (cd "$work/$tree" && find . -mindepth 1 -type l -printf '%y %p %l\0' -o -mindepth 1 -type f -printf '%y %n %s %U %T@ %p %l\0' -o -mindepth 1 -printf '%y %p\0' | sort -z) >"$work/list.$tree"
  done
  same "corpus $kind is the same from the same seed" "$work/list.$kind" "$work/list.again"
  rm -rf "$work/again"
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
for way in none record-{write,mmap,populate,direct,locked,single,path} count-{worker,atomic,mutex} sort-{memcmp,prefix,simd} pinned uring-8; do
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
run "$(dirname "$0")/measure" --rounds 1 --no-peers "$work" "$work/src"
expect "measure without programs" 2 "build first"
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
fi
holds "measure leaves nothing" sh -c "! ls -d '$work'/measure.* 2>/dev/null"
finish
