#!/bin/bash
# Proves that the number of workers changes nothing but the time: with -j 1, 2, 4, 8, 64 and auto every fact, total and
# line of pwalk-dump and pwalk-du is the same, byte for byte and in the same order; that -j 4 really fills several
# shards; and that what a failing file system shows is recorded as find sees it.
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

"$PWALK_SUPPORT/oddities" --seed 21 "$work/tree" >/dev/null || fail "oddities"
agree oddities "$work/tree" 0
rm -rf "$work"/snapshot.*

# Preorder, names in the order of their bytes: `/` before every byte that a name can hold.
find "$work/tree/many empty directories" "$work/tree/modes" "$work/tree/links" -printf '%p\0' |
  sed -z "s,^$work/tree,," | tr '/' '\001' | sort -z | tr '\001' '/' >"$work/expected"
run "$scan_program" -j 4 -o "$work/snapshot.order" "$work/tree"
"$dump_program" --printf '/%P\0' "$work/snapshot.order" | grep -zE '^/(many empty directories|modes|links)(/|$)' >"$work/got"
same "the dump is depth first, by name" "$work/expected" "$work/got"

if ! can_mount; then
  note "FUSE cannot be used here: no slow file system"
  finish
fi
slow=$work/slow
start_slowfs "$slow" --delay 1000 --top 16 --directories 6 --files 8 --odd
agree slowfs "$slow" 1
holds "-j 4 fills several shards" [ "$(shards "$work/snapshot.4")" -gt 1 ]
holds "-j 1 fills one shard" [ "$(shards "$work/snapshot.1")" -eq 1 ]

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

# One large directory, which is shared out.
rm -rf "$work"/snapshot.*
start_slowfs "$slow" --delay 1000 --top 1 --directories 1 --files 2000
for jobs in 1 8; do
  run "$scan_program" -j "$jobs" -o "$work/snapshot.$jobs" "$slow"
  expect "a large directory, -j $jobs" 0
  "$dump_program" --printf '%y %i %s %P\0' "$work/snapshot.$jobs" >"$work/dump.$jobs"
done
same "a large directory shared out is the same" "$work/dump.1" "$work/dump.8"
timeout 10 fusermount3 -u "$slow"
wait_for 5 ended "$slowfs_process"

rm -rf "$work"/snapshot.*
start_slowfs "$slow" --delay 0 --top 2 --directories 2 --files 2 --vanished
run "$scan_program" -j 2 -o "$work/snapshot.vanished" "$slow"
expect "a vanished entry does not change the status" 0
holds "a vanished entry is not recorded" [ -z "$("$dump_program" "$work/snapshot.vanished" | grep vanished)" ]
finish
