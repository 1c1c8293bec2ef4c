#!/bin/bash
# Proves what a scan makes of system calls that fail: what vanished meanwhile is no error, what could not be
# read is, and neither a thread that cannot be started, an unwritable standard error nor a failed flush hangs
# it, crashes it or leaves anything behind.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2317 # $1 and "$@" are for the inner shell; functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
begin "a scan whose system calls fail"
need strace
strace -f -o "$work/trace" true 2>/dev/null || skip "processes cannot be traced here"

mkdir -p "$work/tree/a/b" "$work/tree/c" "$work/out.d"
touch "$work/tree/a/f" "$work/tree/c/g"
ln -s x "$work/tree/l"
cd "$work" || exit 1

# injected RULE OPTION...: scans the tree into out.d/s with the failure.
injected() {
  local rule=$1
  shift
  rm -rf out.d/s
  run_traced -f -o "$work/trace" -e inject="$rule" "$scan_program" "$@" -o out.d/s tree
}
whole() { "$check_program" -q out.d/s; }
nothing_left() { [ -z "$(ls -A out.d)" ]; }

# The number of the getdents64 with which the listing of tree/a/b begins.
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
  strace -f -y -o "$work/trace" -e trace=getdents64 "$scan_program" -q -j 1 -o out.d/s tree
number=$(grep -n -m 1 'tree/a/b>' "$work/trace" | cut -d: -f1)
holds "the listing of tree/a/b is seen" [ -n "$number" ]
injected "getdents64:error=ENOENT:when=$number" -j 1
expect "a directory removed after it was opened is no error" 0
holds "… and the snapshot is whole" whole
holds "… which marks it" grep -q '"vanished": *1' out.d/s/manifest.json
injected "getdents64:error=EIO:when=$number" -j 1
expect "a directory that cannot be listed is one" 1 "cannot list" "tree/a/b"
holds "… and the snapshot is whole" whole

injected "readlinkat:error=ENOENT:when=1" -j 1
expect "a symbolic link removed after it was looked at is no error" 0
holds "… and the snapshot is whole" whole
holds "… without it" [ "$("$dump_program" --printf '%P\n' out.d/s | grep -c '^l$')" -eq 0 ]

# Thread 0 is the process; the first others are started for the progress and the workers.
for number in 1+ 2+ 3+; do
  injected "clone,clone3:error=EAGAIN:when=$number" --no-progress -j 4
  if [ "$status" -eq 2 ]; then
    expect "threads from the ${number%+}. on cannot be started: refused" 2 "Resource temporarily unavailable"
    holds "… and nothing is left" nothing_left
  else
    expect "threads from the ${number%+}. on cannot be started: the others do it" 0
    holds "… and the snapshot is whole" whole
  fi
done

# Every flush, the last one after the snapshot has its name.
for number in $(seq 100); do
  injected "fsync:error=EIO:when=$number" -j 1
  [ "$status" -ne 0 ] || break
  [ "$status" -eq 2 ] && nothing_left || fail "flush $number failed: status 2, nothing left" "$work/err"
done
holds "each of $((number - 1)) flushes that fails is told, and nothing is left" [ "$number" -gt 5 ]
injected "fsync:error=EINTR:when=2" -j 1
expect "an interrupted flush is repeated" 0

for to in '>&-' '>/dev/full'; do
  rm -rf out.d/s
  run bash -c "\"\$1\" -o out.d/s tree 2$to" - "$scan_program"
  holds "standard error $to: the scan succeeds all the same" [ "$status" -eq 0 ]
  rm -rf out.d/s
  # A line of progress is written by a thread of its own.
  run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" bash -c \
    "strace -f -o '$work/trace' -e inject=getdents64:delay_enter=600000 \"\$1\" --progress=1 -j 1 -o out.d/s tree 2$to" - "$scan_program"
  holds "standard error $to: progress does not end it" [ "$status" -eq 0 ]
done

if is_root; then
  mkdir -m 0777 out.n
  chmod 0777 out.n
  chmod 0444 tree/a
  chmod 0755 "$work" tree
  run "${nobody[@]}" "$scan_program" -o out.n/s tree/a
  expect "a ROOT that may be listed but not searched" 1 "tree/a/b" "tree/a/f" "Permission denied"
  "$dump_program" --printf '%y %P\n' out.n/s 2>/dev/null >"$work/got"
  printf '%s\n' 'd ' 'd b' 'f f' >"$work/expected"
  same_text "… gives names and types" "$work/expected" "$work/got"
fi
# An overlay of several file systems numbers its directories anew whenever the kernel has forgotten one. Making it
# forget is felt by the whole machine: only where CI=true says that it is for tests.
if in_namespace && [ "${CI-}" = true ] && [ -w /proc/sys/vm/drop_caches ]; then
  mkdir "$work/lower" "$work/upper" "$work/overlay"
  mount -t tmpfs tmpfs "$work/lower" && mount -t tmpfs tmpfs "$work/upper" && mkdir "$work/upper/u" "$work/upper/w"
  for number in $(seq 60); do mkdir -p "$work/lower/$number/a" "$work/lower/$number/b/c"; done
  if mount -t overlay overlay -o "xino=off,lowerdir=$work/lower,upperdir=$work/upper/u,workdir=$work/upper/w" "$work/overlay"; then
    for _ in $(seq 20); do
      echo 2 >/proc/sys/vm/drop_caches
      sleep 0.02
    done &
    dropping=$!
    run_traced -f -o "$work/trace" -e trace=openat \
      -e inject=openat:delay_enter=3000:when=60+ "$scan_program" -q -j 2 -o out.d/overlay "$work/overlay"
    wait "$dropping"
    expect "directories numbered anew" 0
    holds "… are all read" [ "$("$dump_program" --printf '%P\n' out.d/overlay | wc -l)" -eq 241 ]
  else
    note "no overlay can be mounted here"
  fi
fi
finish
