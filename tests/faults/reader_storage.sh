#!/bin/bash
# Proves promise F7 of the programs: files of a snapshot that are cut or overwritten, before and while they are
# read, and a storage that fails under them, are said by every reader with its exit status; the mount's daemon
# answers EIO for what is gone, lives, and serves the other snapshots.
# Environment: PWALK_ROUNDS, how often a file under the daemon is changed at least (default 24).
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2317 # $1 and "$@" are for the inner shell; functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
begin "snapshots whose files change and fail while they are read"

cd "$work" || exit 1
"$PWALK_SUPPORT/oddities" --seed 3 --wide 6000 --levels 30 tree >/dev/null || exit 1
scan "the snapshot" tree whole -j 2 || finish
"$dump_program" --printf '%P %y %i %s\n' whole >expected.dump
"$du_program" -a whole >expected.du

copy() { rm -rf "$1" && cp -r "$2" "$1"; }
cut_file() { truncate -s "$2" "$1"; }
overwrite() { dd if=/dev/urandom of="$1" bs=1 seek="$2" count=3000 conv=notrunc status=none; }

# ---- changed before they are read ---------------------------------------------------------------------------
for file in whole/0*; do
  file=${file#whole/}
  length=$(stat -c %s "whole/$file")
  for way in cut overwritten; do
    copy changed whole
    if [ "$way" = cut ]; then cut_file "changed/$file" $((length / 2)); else overwrite "changed/$file" $((length / 2)); fi
    run "$check_program" changed
    expect "check: $file $way" 1
    holds "check: names $file" grep -qF "$file" out err
    run "$dump_program" --printf '%P %y %i %s\n' changed
    if [ "$status" -eq 0 ]; then same_text "dump: $file $way: the truth" expected.dump out; else
      expect "dump: $file $way: refused" 2 "pwalk-dump: " "$file"
    fi
    run "$du_program" -a changed
    if [ "$status" -eq 0 ]; then same_text "du: $file $way: the truth" expected.du out; else
      expect "du: $file $way: refused" 2 "pwalk-du: " "$file"
    fi
  done
done

# ---- changed while they are read ----------------------------------------------------------------------------
# during PROGRAM [ARGUMENT]... -- COMMAND...: reads a line of the program's output, runs the command and then reads
# the rest; its status in $status, its messages in err.
during() {
  local program=()
  while [ "$1" != -- ]; do
    program+=("$1")
    shift
  done
  shift
  { timeout --signal=KILL 60 "${program[@]}" 2>err; echo $? >status; } | { read -r _ && "$@" && cat >out; }
  status=$(<status)
}
# One worker writes all of it in one place; of two nobody knows which writes how much.
scan "the snapshot of one worker" tree single -j 1 || finish
holds "it has several blocks" [ "$(stat -c %s single/00000000.entries)" -gt 200000 ]
for file in 00000000.entries 00000000.names 00000000.directories; do
  copy changed single
  during "$dump_program" --printf '%p %y %i %s %M %T@ %A@ %C@ %B@\n' changed -- cut_file "changed/$file" 5000
  # What the kernel leaves of the last page ends in zeros, so another rule may be what answers.
  expect "dump: $file is cut under it" 2 "pwalk-dump: " "damaged"
done
copy changed single
during "$du_program" -a changed -- cut_file changed/00000000.entries 5000
expect "du: entries are cut under it" 2 "pwalk-du: " "damaged"

if ! can_mount; then
  note "FUSE cannot be used here: no daemon"
  finish
fi

# ---- under the daemon ---------------------------------------------------------------------------------------
for _ in 1 2; do "$scan_program" -q -S store -n name tree 2>err || fail "a scan into the store" err; done
mapfile -t times < <(find store/name -mindepth 1 -maxdepth 1 -type d -name '2*' -printf '%f\n' | sort)
victim=${times[0]} other=${times[1]}
cp -r "store/name/$victim" pristine
listing() { (cd "$1" && timeout 60 ls -lRU --time-style=full-iso .) 2>&1; }
mkdir point
mounted+=("$work/point")
"$mount_program" -f store point 2>daemon.err & # in the foreground, to see it live
daemon=$!
started+=("$daemon")
wait_for 10 is_mounted "$work/point" || fail "the store is mounted"
listing "point/name/$victim" >victim.before
listing "point/name/$other" >other.before
holds "both are listed" [ "$(wc -l <victim.before)" -gt 6000 ]
# What a NAME holds, whatever is wrong with one of them.
names() { timeout 60 ls point/name 2>&1; }
names >names.before
holds "the snapshots are listed" [ "$(grep -c '^2' names.before)" -eq 2 ]
alive() { kill -0 "$daemon" && timeout 10 stat point >/dev/null; }
# A new manifest is another snapshot to the daemon, which opens it anew.
mend() { cp pristine/0* "store/name/$victim/" && cp pristine/manifest.json new.json && mv new.json "store/name/$victim/manifest.json"; }
cut_file "store/name/$victim/00000000.entries" 4096 # the root is in the first page after that
names >names.now
same_text "one whose root is lost is listed with the others" names.before names.now
sleep 1.2 # the kernel asks for the name again
run timeout 60 stat "point/name/$victim"
expect "it cannot be looked at" 1 "Input/output error"
listing "point/name/$other" >other.now
same_text "the other is served" other.before other.now
holds "says which one" grep -q "name/$victim' is damaged: 00000000.entries" daemon.err
mend
harmed=0
rounds=${PWALK_ROUNDS:-24}
# What the kernel still knows from before hides the damage, for as long as it believes it: on a quick machine in
# all of these rounds, so that others may have to follow.
for ((round = 0; round < rounds || (harmed == 0 && round < 10 * rounds); ++round)); do
  ((round < rounds)) || sleep 0.3
  files=(pristine/0*)
  file=$(basename "${files[RANDOM % ${#files[@]}]}")
  target=store/name/$victim/$file
  length=$(stat -c %s "pristine/$file")
  if ((round % 2)); then cut_file "$target" $((RANDOM * 7 % length)); else overwrite "$target" $((RANDOM * 7 % length)); fi
  listing "point/name/$victim" >victim.now
  grep -q 'Input/output error' victim.now && harmed=$((harmed + 1))
  listing "point/name/$other" >other.now
  cmp -s other.before other.now || fail "round $round: the other snapshot is served" other.now
  names >names.now
  cmp -s names.before names.now || fail "round $round: the snapshots are listed" names.now
  timeout 60 ls -lU point/name >long.now 2>&1
  grep -q "^d.* $other\$" long.now || fail "round $round: so they are with their attributes" long.now
  alive || fail "round $round: the daemon lives"
  mend
done
ok "$round changes under the daemon, $harmed of them with EIO"
holds "EIO was seen" [ "$harmed" -gt 0 ]
holds "the daemon lives" alive

# ---- a storage that fails -----------------------------------------------------------------------------------
if have xfs_io && new_image xfs 320M failing; then
  cp pristine/* failing/ && sync -f failing
  umount failing && mount -o loop,noatime "$(ls image.xfs.*)" failing || fail "the image is mounted again"
  mkdir store/name/2026-01-02T000000Z && mount --bind failing store/name/2026-01-02T000000Z
  timeout 20 stat point/name/2026-01-02T000000Z >/dev/null || fail "the snapshot on the failing storage is opened"
  names >names.before
  xfs_io -x -c shutdown store/name/2026-01-02T000000Z >/dev/null 2>&1 || note "no shutdown"
  listing point/name/2026-01-02T000000Z >failing.now
  holds "mount: the storage fails: EIO" grep -q 'Input/output error' failing.now
  listing "point/name/$other" >other.now
  same_text "mount: the other snapshot is served" other.before other.now
  sleep 1.2
  timeout 20 stat point/name/2026-01-02T000000Z >failing.now 2>&1
  holds "mount: it is not said to be gone" grep -q 'Input/output error' failing.now
  names >names.now
  same_text "mount: all are listed" names.before names.now
  timeout 60 ls -lU point/name >long.now 2>&1
  holds "mount: the other with its attributes" grep -q "^d.* $other\$" long.now
  holds "mount: says which one once" \
    [ "$(grep -c "name/2026-01-02T000000Z' cannot be shown: .*Input/output error" daemon.err)" -eq 1 ]
  holds "mount: the daemon lives" alive
  for program in "$check_program" "$dump_program" "$du_program"; do
    run "$program" store/name/2026-01-02T000000Z
    expect "$(basename "$program"): the storage fails" 2 "$(basename "$program"): " "Input/output error"
  done
else
  note "no xfs image here: nothing about a storage that fails"
fi
timeout 20 fusermount3 -u point
wait_for 10 not_mounted "$work/point"
holds "the daemon ends" wait_for 10 ended "$daemon"
finish
