#!/bin/bash
# Proves S3 and S6: trees far deeper than a path or the number of descriptors are found whole, in a time that grows
# as they do (the square of their depth would not end in time), whatever waits at which level and however many
# workers there are.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "deep trees and few descriptors"
need python3
need_namespace "a tree too deep to be removed goes with its file system"
levels=${PWALK_TEST_LEVELS:-30000}

# make_deep DIR NAME...: a chain of directories `d`, on whose levels, in turn, NAME is there too (- for nothing).
make_deep() {
  python3 - "$levels" "$@" <<'PYTHON'
import os, sys
levels, root, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.mkdir(root)
at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
made = 1
for level in range(levels):
    for name in {names[level % len(names)], "d"} - {"-"}:
        os.mkdir(name, dir_fd=at)
        made += 1
    below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    os.close(at)
    at = below
print(made)
PYTHON
}

# found_by DESCRIPTORS SCAN_OPTION...: the tree $tree of $all entries is found whole.
found_by() {
  local descriptors=$1 what
  shift
  what="${tree##*/}, $*"
  rm -rf "$work/snapshot"
  run bash -c 'ulimit -n "$0" && exec "$@"' "$descriptors" "$scan_program" --summary=json -o "$work/snapshot" "$@" "$tree"
  cp "$work/out" "$work/summary"
  expect "$what: status" 0
  holds "$what: all $all entries" grep -q "\"entries\":$all,\"files\":0,\"directories\":$all," "$work/summary"
}

for shape in "chain -" "comb_before a" "comb_behind z" "comb_of_both a z" "comb_with_gaps z - -" "comb_with_long_gaps z - - - - - - - - -"; do
  read -r name siblings <<<"$shape"
  tree=$work/$name
  read -ra names <<<"$siblings"
  all=$(make_deep "$tree" "${names[@]}")
  for jobs in 1 2 8 auto; do found_by 64 -j $jobs; done
  run "$check_program" "$work/snapshot"
  expect "$name: the snapshot is whole" 0
done

# A pattern with a slash is matched with paths: they are not put together anew for every level.
elapsed() {
  local began ended
  began=$(date +%s%N)
  found_by 64 -j 2 "$@"
  ended=$(date +%s%N)
  elapsed=$(((ended - began) / 1000000))
}
for shape in "chain -" "comb_of_both a z"; do
  read -r name siblings <<<"$shape"
  tree=$work/$name
  all=$(find "$tree" -printf x 2>/dev/null | wc -c)
  for pattern in x/y '**/x/y'; do
    for try in 1 2 3; do # others may have the processors meanwhile
      elapsed
      plain=$elapsed
      elapsed --exclude "$pattern"
      [ "$elapsed" -gt $((3 * plain + 1000)) ] || break
    done
    measured "$name, --exclude $pattern: $elapsed ms, $plain ms without (try $try)" [ "$elapsed" -le $((3 * plain + 1000)) ]
  done
done

# Unless somebody asks for them, there are no more threads than descriptors are there for.
if ! sanitized; then
  mkdir -p "$work/small"/{a,b}/c
  for options in "--rate 1000000" "-j auto --max-threads 2"; do
    # shellcheck disable=SC2086 # several words
    run bash -c 'ulimit -n 11 && exec "$@"' - "$scan_program" $options -o "$work/few.${options//[^0-9a-z]/}" "$work/small"
    expect "11 descriptors, $options" 0
  done
fi

tree=$work/bushy
mkdir "$tree"
all=1
for top in $(seq 1 40); do
  mkdir -p "$tree/$top"/{a,b,c,d,e,f}/{g,h,i}/{j,k/{l,m},n}
done
all=$(find "$tree" -printf x | wc -c)
for jobs in 1 8; do found_by 32 -j $jobs; done
finish
