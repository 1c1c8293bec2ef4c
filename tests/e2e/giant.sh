#!/bin/bash
# Proves what trees of the largest size cost: giant.sh ENTRIES NAMES LEVELS MICROSECONDS. A tree of ENTRIES entries, one
# directory of NAMES names and trees of LEVELS levels are in the snapshot whole, with no more anonymous memory than
# W8, S4 and S3 allow, the first also where a control group allows 256 MB in all. S3 allows 30 µs for each level; the
# usual run bears a machine that is busy.
# Needs about 1 KiB of memory for each entry: the trees are in memory.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "giant trees"
need python3
need_namespace "the trees go with their file system"
entries=${1:-60000} names=${2:-60000} levels=${3:-100000} each_level=${4:-100}
patience=1800
corpus=$PWALK_BENCH/corpus
[ -x "$corpus" ] || skip "$corpus is not there"
room=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo) * 1024))
largest=$((entries > names ? entries : names))
[ $((largest * 1200)) -lt "$room" ] || skip "needs $((largest * 1200 / 1000000)) MB of memory"

# scan_of TREE ENTRIES MEBIBYTES SCAN_OPTION...: all is found, with so much anonymous memory at most, and no more
# than $most_descriptors descriptors where that is set.
scan_of() {
  local tree=$1 wanted=$2 allowed=$3 anonymous=0 now process
  shift 3
  rm -rf "$work/snapshot"
  (
    # The hard limit too: up to that the program raises its own.
    [ -z "${most_descriptors:-}" ] || ulimit -n "$most_descriptors" || exit
    exec "$scan_program" -q --summary=json "$@" -o "$work/snapshot" "$tree"
  ) >"$work/summary" 2>"$work/err" &
  process=$!
  while kill -0 $process 2>/dev/null; do
    now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/$process/status" 2>/dev/null)
    [ "${now:-0}" -le $anonymous ] || anonymous=$now
    sleep 0.01
  done
  status=0
  wait $process || status=$?
  expect "${tree##*/} $*: status" 0
  holds "${tree##*/} $*: all $wanted entries" grep -q "\"entries\":$wanted," "$work/summary"
  measured "${tree##*/} $*: $((anonymous / 1024)) MiB of anonymous memory, at most $allowed" \
    [ $anonymous -gt 0 -a $anonymous -le $((allowed * 1024)) ]
}

# Prints a new control group in which memory can be limited, or nothing.
new_memory_group() {
  local group
  for group in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    [ -w "$group/memory.limit_in_bytes" ] || grep -qw memory "$group/cgroup.subtree_control" 2>/dev/null || continue
    mkdir "$group/pwalk-giant.$BASHPID" 2>/dev/null && echo "$group/pwalk-giant.$BASHPID" && return
  done
}

"$corpus" src "$work/many" "$entries" 3 >"$work/out" || fail "corpus src"
all=$(find "$work/many" -printf x | wc -c)
holds "the tree has $all entries, $entries were asked for" [ "$all" -gt "$entries" ]
scan_of "$work/many" "$all" 64 -j 2
run "$check_program" "$work/snapshot"
expect "many: the snapshot is whole" 0
scan_of "$work/many" "$all" 64
# Where calls are waited for, there are many workers: each takes little.
scan_of "$work/many" "$all" 40 -j 64

group=$(new_memory_group)
if [ -n "$group" ]; then
  limit=$group/memory.max
  [ -e "$limit" ] || limit=$group/memory.limit_in_bytes
  echo $((256 << 20)) >"$limit"
  rm -rf "$work/snapshot"
  # The snapshot's pages count too, so it must lie where they can be written back.
  disk=$(mktemp -d /var/tmp/pwalk-giant.XXXXXX)
  # shellcheck disable=SC2016
  run bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$scan_program" -q -o "$disk/snapshot" "$work/many"
  expect "many, in 256 MB: status" 0
  run "$check_program" "$disk/snapshot"
  expect "many, in 256 MB: whole" 0
  rm -rf "$disk"
  wait_for 5 rmdir "$group"
else
  note "no control group for memory can be made here"
fi
rm -rf "$work/many" "$work/snapshot"

"$corpus" wide "$work/wide" "$names" 3 >"$work/out" || fail "corpus wide"
all=$(find "$work/wide" -printf x | wc -c)
# S4 allows 256 MB for three million names.
scan_of "$work/wide" "$all" $((64 + 256 * all / 3000000)) -j 2
run "$check_program" "$work/snapshot"
expect "wide: the snapshot is whole" 0
"$dump_program" --printf '%P\0' "$work/snapshot" | sort -z | cksum >"$work/got"
find "$work/wide" -printf '%P\0' | sort -z | cksum >"$work/expected"
same_text "wide: every name is there once" "$work/expected" "$work/got"
rm -rf "$work/wide" "$work/snapshot"

for siblings in "" z; do
  python3 - "$levels" "$work/deep" $siblings <<'PYTHON'
import os, sys
levels, root, siblings = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.mkdir(root)
at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
for level in range(levels):
    for name in [*siblings, "d"]:
        os.mkdir(name, dir_fd=at)
    below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    os.close(at)
    at = below
PYTHON
  began=$(date +%s%3N)
  most_descriptors=64 scan_of "$work/deep" $((levels * (1 + ${#siblings}) + 1)) $((levels > 100000 ? 64 * (levels / 100000) : 64)) -j 2
  took=$(($(date +%s%3N) - began))
  measured "$levels levels ${siblings:+with a sibling each }in $took ms, $each_level µs for each at most" \
    [ $took -le $((levels * each_level / 1000)) ]
  # From below: what a kernel without preemption does with such a tree when its file system goes may take hours, since it
  # begins at the top again for each directory.
  python3 - "$work/deep" $siblings <<'PYTHON'
import os, sys
siblings = sys.argv[2:]
os.chdir(sys.argv[1])
levels = 0
while os.path.isdir("d"):
    os.chdir("d")
    levels += 1
for level in range(levels):
    os.chdir("..")
    for name in [*siblings, "d"]:
        os.rmdir(name)
PYTHON
  holds "the deep tree is removed" rmdir "$work/deep"
done
finish
