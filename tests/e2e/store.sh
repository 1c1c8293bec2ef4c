#!/bin/bash
# Proves what pwalk-store promises: it lists what a store holds, removes and prunes whole snapshots and no
# others, under the lock, never one that is mounted or being read, and keeps `latest` right.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "the store"

tree=$work/tree
store=$work/store
mkdir -p "$tree/a/b" "$tree/c" && touch "$tree/a/b/file" && truncate -s 12345 "$tree/c/sized"

# ---- the command line --------------------------------------------------------------------------------------
run "$store_program" list -S "$work/nowhere"
expect "a store that is not there is trouble" 2 "nowhere" "No such file"
run "$store_program" prune -S "$store"
expect "prune without a rule is refused" 2 "would keep nothing"
run "$store_program" prune -S "$store" --keep-last 0 --keep-daily 0
expect "and with rules that keep nothing" 2 "would keep nothing"
run "$store_program" prune -S "$store" --keep-last -1
expect "and with a number that is none" 2 "--keep-last"
run "$store_program" remove -S "$store" --keep-last 1 a/b
expect "remove has no rules" 2 "goes with prune alone"
run "$store_program" list -S "$store" --dry-run
expect "--dry-run does not go with list" 2 "--dry-run"
run "$store_program" sweep -S "$store"
expect "an unknown command is refused" 2 "'sweep'"
places=(/usr "$tree" "$tree/a/b")
# Unless somebody has a snapshot two levels down, as in /tmp.
compgen -G '/*/*/manifest.json' >/dev/null || places+=(/)
for what in "${places[@]}"; do
  run "$store_program" list -S "$what"
  expect "what is no store is said to be none: ${what##*/}" 2 "'$what'" "neither a snapshot nor a store"
done
mkdir "$work/fresh"
run "$store_program" list -S "$work/fresh"
expect "an empty directory is an empty store" 0
[ ! -e "$store" ] && ok "none of these makes a store" || fail "none of these makes a store"

# ---- a history ---------------------------------------------------------------------------------------------
# new_snapshot NAME TIME [OPTION]...: as if it had been made then.
new_snapshot() {
  local name=$1 time=$2 made
  shift 2
  run "$scan_program" --summary=json -S "$store" -n "$name" "$@" "$tree"
  [ "$status" -eq 0 ] || fail "scan into $name" "$work/err"
  made=$(sed -E 's/.*"snapshot":"([^"]*)".*/\1/' "$work/out")
  "$PWALK_SUPPORT/redate" "$made" "$time" && ln -sfn "$time" "$store/$name/latest"
}
times_of() { find "$store/$1" -mindepth 1 -maxdepth 1 -name '2*' -printf '%f\n' | sort; }
for time in 2026-01-30T010000Z 2026-01-31T010000Z 2026-02-01T010000Z 2026-02-01T020000Z 2026-02-02T010000Z; do
  new_snapshot history "$time"
done
new_snapshot other 2026-02-01T010000Z
run "$store_program" list -S "$store"
expect "list" 0
awk '{ print $1, $2, $5 }' "$work/out" >"$work/got"
cat >"$work/expected" <<EOF
SNAPSHOT ENTRIES NOTES
history/2026-01-30T010000Z 6 
history/2026-01-31T010000Z 6 
history/2026-02-01T010000Z 6 
history/2026-02-01T020000Z 6 
history/2026-02-02T010000Z 6 latest
other/2026-02-01T010000Z 6 latest
EOF
same_text "list: every snapshot, oldest first" "$work/expected" "$work/got"
run env PWALK_STORE="$store" "$store_program" --json list other
expect "list --json, the store from the environment" 0
python3 - "$work/out" <<'EOF' || fail "list --json" "$work/out"
import json, sys
(one,) = json.load(open(sys.argv[1]))
assert (one["name"], one["time"], one["latest"], one["in_use"]) == ("other", "2026-02-01T010000Z", True, False), one
assert (one["entries"], one["complete"], one["start"]) == (6, True, "2026-02-01T01:00:00Z"), one
EOF
run "$store_program" list -S "$store/other"
expect "a NAME is no store" 2 "other' is one NAME of a store" "-S takes the store"
run "$store_program" prune --keep-last 1 -S "$store/other/latest"
expect "neither is a snapshot" 2 "latest' is a snapshot"
run "$scan_program" -S "$store/other" "$tree"
expect "nor for a scan" 2 "other' is one NAME of a store"
run "$store_program" list -S "$store" nothing
expect "a NAME that is not there is told" 1 "'nothing'" "No such file"

# ---- prune -------------------------------------------------------------------------------------------------
find "$store" -printf '%P %i %C@\n' | sort >"$work/before"
run "$store_program" prune -S "$store" --keep-last 1 --keep-daily 2 --keep-monthly 2 --dry-run
expect "prune --dry-run" 0
cat >"$work/expected" <<EOF
would remove history/2026-01-30T010000Z
kept history/2026-01-31T010000Z  (monthly)
would remove history/2026-02-01T010000Z
kept history/2026-02-01T020000Z  (daily)
kept history/2026-02-02T010000Z  (last, daily, monthly)
kept other/2026-02-01T010000Z  (last, daily, monthly)
EOF
same_text "prune --dry-run says what it would do" "$work/expected" "$work/out"
find "$store" -printf '%P %i %C@\n' | sort >"$work/after"
same_text "and touches nothing" "$work/before" "$work/after"
run "$store_program" prune -S "$store" --keep-last 1 --keep-daily 2 --keep-monthly 2 history other history
expect "prune, a NAME twice" 0
sed -i 's/^would remove/removed/' "$work/expected"
same_text "prune says what it did" "$work/expected" "$work/out"
printf '%s\n' 2026-01-31T010000Z 2026-02-01T020000Z 2026-02-02T010000Z >"$work/expected"
times_of history >"$work/got"
same_text "prune did it" "$work/expected" "$work/got"
[ -z "$(find "$store" -name '.pwalk-partial-*')" ] && ok "nothing is left over" || fail "nothing is left over"
for time in $(times_of history); do
  run "$check_program" -q "$store/history/$time"
  expect "what stays is whole: $time" 0
done

# What is no TIME is somebody's choice; what is damaged is told and left; incomplete ones push out no others.
mv "$store/history/2026-01-31T010000Z" "$store/history/before the move"
new_snapshot history 2026-02-03T010000Z
printf X | dd of="$store/history/2026-02-01T020000Z/manifest.json" bs=1 seek=100 conv=notrunc 2>/dev/null
run "$store_program" prune -q -S "$store" --keep-last 1 history
expect "prune tells what is damaged" 1 "'history/2026-02-01T020000Z'" "rule M1"
[ ! -s "$work/out" ] || fail "prune -q says nothing" "$work/out"
printf '%s\n' 2026-02-01T020000Z 2026-02-03T010000Z >"$work/expected"
times_of history >"$work/got"
same_text "the damaged one stays" "$work/expected" "$work/got"
holds "the renamed one stays" [ -d "$store/history/before the move" ]
run "$store_program" list -S "$store" history
expect "list tells what is damaged" 1 "'history/2026-02-01T020000Z'" "rule M1"
run "$store_program" remove -S "$store" history/2026-02-01T020000Z "history/before the move" history/2026-02-01T020000Z
expect "both can be removed by name" 0
holds "each once" [ "$(sort "$work/out" | uniq -d | wc -l)" -eq 0 ]
holds "and are" [ "$(times_of history)" = 2026-02-03T010000Z ]
mkdir "$tree/huge" && (cd "$tree/huge" && seq 3000 | xargs touch)
run "$scan_program" --rate 1000 --deadline 1 -S "$store" -n history "$tree"
expect "an incomplete scan" 1 "incomplete"
rm -r "$tree/huge"
run "$store_program" prune -S "$store" --keep-last 1 history
expect "prune with an incomplete one that is the newest" 0
holds "keeps both" [ "$(times_of history | wc -l)" -eq 2 ]
new_snapshot history 2099-01-01T000000Z
run "$store_program" prune -S "$store" --keep-last 1 history
holds "once a complete one is newer, it goes" [ "$(times_of history)" = 2099-01-01T000000Z ]

new_snapshot cut 2026-02-01T000000Z
new_snapshot cut 2026-02-02T000000Z
rm "$store"/cut/2026-02-02T000000Z/*.names
run "$store_program" prune -S "$store" --keep-last 1 cut
holds "the last one is one that can be opened" [ "$(times_of cut | wc -l)" -eq 2 ]
run "$store_program" list -S "$store" cut
expect "list tells what cannot be opened" 1 "'cut/2026-02-02T000000Z'" "is missing"

# ---- remove, and latest ------------------------------------------------------------------------------------
for time in 2026-03-01T000000Z 2026-03-02T000000Z 2026-03-03T000000Z; do new_snapshot last "$time"; done
run "$store_program" remove -S "$store" last/2026-03-01T000000Z last/2026-03-03T000000Z --dry-run
expect "remove --dry-run" 0
holds "changes nothing" [ "$(times_of last | wc -l)" -eq 3 ]
run "$store_program" remove -S "$store" last/2026-03-01T000000Z last/2026-03-03T000000Z
expect "remove" 0
holds "latest is the newest that is left" [ "$(readlink "$store/last/latest")" = 2026-03-02T000000Z ]
run "$scan_program" -q -S "$store" -n last "$tree"
holds "and moves on with the next scan" [ "$(readlink "$store/last/latest")" != 2026-03-02T000000Z ]
run "$store_program" remove -S "$store" last/2026-03-02T000000Z last/nothing last/latest
expect "latest is no snapshot's name" 2 "'last/latest'"
run "$store_program" remove -S "$store" last/2026-03-02T000000Z last/nothing
expect "what is not there is told, the rest is done" 1 "'last/nothing'"
holds "the rest is done" [ ! -e "$store/last/2026-03-02T000000Z" ]
run "$store_program" remove -S "$store" "last/$(readlink "$store/last/latest")"
expect "the last one" 0
if [ -L "$store/last/latest" ]; then fail "latest is gone with the last one"; else ok "latest is gone with the last one"; fi
for path in ../tree/a last/../other/2026-02-01T010000Z .lock/x other/. other/ other; do
  run "$store_program" remove -S "$store" "$path"
  if [ "$status" -ne 0 ] && [ -e "$tree/a" ] && [ -e "$store/other/2026-02-01T010000Z" ]; then ok "remove '$path' is refused"; else
    fail "remove '$path' is refused" "$work/err"
  fi
done

for time in 2026-03-01T000000Z 2026-03-02T000000Z 2026-03-03T000000Z; do new_snapshot renamed "$time"; done
mv "$store/renamed/2026-03-01T000000Z" "$store/renamed/2026-12-01T000000Z"
mv "$store/renamed/2026-03-03T000000Z" "$store/renamed/2025-before the move"
run "$store_program" prune -S "$store" --keep-last 1 renamed
expect "prune where the newest one was renamed" 0
printf 'kept renamed/2026-03-02T000000Z  (last)\n' >"$work/expected"
same_text "names that are not the time of the scan are not judged" "$work/expected" "$work/out"
holds "latest leads to the newest again" [ "$(readlink "$store/renamed/latest")" = "2025-before the move" ]

for time in 2026-03-01T000000Z 2026-03-02T000000Z 2026-03-03T000000Z; do new_snapshot opens "$time"; done
rm "$store"/opens/2026-03-02T000000Z/*.names
run "$store_program" remove -S "$store" opens/2026-03-03T000000Z
holds "latest leads to one that can be opened" [ "$(readlink "$store/opens/latest")" = 2026-03-01T000000Z ]
mv "$store/opens/2026-03-01T000000Z" "$store/opens/keep" && ln -sfn keep "$store/opens/latest"
echo '{' >"$store/opens/keep/manifest.json"
run "$scan_program" -q -S "$store" -n opens "$tree"
holds "one that is damaged keeps latest from no new one" [ "$(readlink "$store/opens/latest")" != keep ]

# ---- names that look like something else, and what is none -------------------------------------------------------
for name in old.entries manifest.json lost+found; do
  run "$scan_program" -q -S "$work/odd" -n "$name" "$tree"
  expect "a scan into NAME $name" 0
done
run "$store_program" list -S "$work/odd"
expect "a store with such NAMEs is one" 0
holds "with all of them" [ "$(grep -c latest "$work/out")" -eq 3 ]
mkdir "$work/odd/foreign" && touch "$work/odd/foreign/file"
run "$store_program" prune --keep-last 1 -S "$work/odd"
holds "prune writes nothing into what is no NAME" [ "$(ls -A "$work/odd/foreign")" = file ]
run "$store_program" remove -S "$work/odd" foreign/2026-01-01T000000Z
expect "neither does remove" 1 "there is no snapshot"
holds "not even a lock" [ "$(ls -A "$work/odd/foreign")" = file ]
if is_root && have setpriv; then
  mkdir -m 0777 "$work/closed" && mkdir -m 0700 "$work/closed/lost+found" "$work/closed/private" "$work/closed/private/x"
  run "${nobody[@]}" "$scan_program" -q -S "$work/closed" -n first "$tree"
  expect "what is closed to a user keeps him from no scan" 0
  run "${nobody[@]}" "$store_program" list -S "$work/closed" first
  expect "nor from a list" 0
  run "${nobody[@]}" "$store_program" list -S "$work/closed"
  expect "a list of all tells what is closed" 1 "'private'"
  holds "but not what each file system has" sh -c "! grep -q lost+found '$work/err'"
  rm -r "$work/closed/private"
  run "${nobody[@]}" "$store_program" list -S "$work/closed"
  expect "a store at the top of a file system is listed" 0
fi

run "$scan_program" -q -S "$work/untold" -n name "$tree"
run "$scan_program" -q -S "$work/untold" -n name "$tree"
run sh -c '"$@" >/dev/full' sh "$store_program" prune --keep-last 1 -S "$work/untold"
expect "what was removed although it cannot be told" 1 "is done, but not told"
holds "it is removed" [ "$(find "$work/untold/name" -name manifest.json | wc -l)" -eq 1 ]
run sh -c '"$@" >/dev/full' sh "$store_program" list -S "$work/untold"
expect "a list that cannot be told" 2 "cannot write to standard output"

mkdir "$work/locked" && touch "$work/locked/.lock"
run "$scan_program" -q -S "$work/locked" -n first "$tree"
expect "a store that has nothing but a lock so far" 0
if is_root && have setpriv; then
  mkdir -m 0777 "$work/shared" && mkdir -m 0777 "$work/shared/first" && chown 65533 "$work/shared/first"
  run "${nobody[@]}" "$scan_program" -q -S "$work/shared" -n first --mode 0755 "$tree"
  expect "a NAME that is open already needs no other mode" 0
  chgrp 65534 "$work/shared/first" && chmod 0770 "$work/shared/first"
  before=$(readlink "$work/shared/first/latest")
  run "${nobody[@]}" "$scan_program" -q -S "$work/shared" -n first --mode 0755 "$tree"
  expect "a mode that may not be given is told" 1 "not all is well" "cannot change the mode"
  holds "and latest moves all the same" [ "$(readlink "$work/shared/first/latest")" != "$before" ]
fi
new_snapshot freed 2026-03-01T000000Z
mkdir "$store/freed/.pwalk-partial-00000000-0000-4000-8000-000000000000" && rm -r "$store/freed/2026-03-01T000000Z"
run "$store_program" prune --keep-last 1 -S "$store" freed
expect "prune of a NAME without snapshots" 0
holds "clears up what is left there" [ "$(ls -A "$store/freed")" = .lock ]

# ---- one that cannot be removed -----------------------------------------------------------------------------------
if in_namespace; then
  for time in 2026-03-01T000000Z 2026-03-02T000000Z 2026-03-03T000000Z 2026-03-04T000000Z; do new_snapshot held "$time"; done
  mount --bind "$store/held/2026-03-02T000000Z" "$store/held/2026-03-02T000000Z"
  run "$store_program" prune -S "$store" --keep-last 1 held
  expect "prune tells what cannot be removed" 1 "'held/2026-03-02T000000Z' cannot be removed"
  cat >"$work/expected" <<EOF
removed held/2026-03-01T000000Z
removed held/2026-03-03T000000Z
kept held/2026-03-04T000000Z  (last)
EOF
  same_text "and removes the rest" "$work/expected" "$work/out"
  run "$store_program" remove -S "$store" held/2026-03-02T000000Z held/2026-03-04T000000Z
  expect "remove does too" 1 "'held/2026-03-02T000000Z' cannot be removed"
  holds "latest leads to what stays" [ "$(readlink "$store/held/latest")" = 2026-03-02T000000Z ]
  umount "$store/held/2026-03-02T000000Z"
  run "$check_program" -q "$store/held/2026-03-02T000000Z"
  expect "which is whole" 0
else
  note "no mount namespace: nothing that cannot be removed"
fi

# ---- who may see what is in it --------------------------------------------------------------------------------
run "$scan_program" -q -S "$store" -n opened --mode 0755 "$tree"
expect "a scan with --mode" 0
holds "opens NAME" [ "$(stat -c %a "$store/opened")" = 755 ]
holds "and not the store, which was there" [ "$(stat -c %a "$store")" = 700 ]
run "$scan_program" -q -S "$store" -n renamed --mode 0755 "$tree/a"
expect "a scan into the NAME of another tree" 2 "choose another name"
holds "opens nothing" [ "$(stat -c %a "$store/renamed")" = 700 ]
run "$scan_program" -q -S "$store" -n opened "$tree"
holds "which a later one does not close" [ "$(stat -c %a "$store/opened")" = 755 ]
if is_root && have setpriv && can_mount; then
  mkdir -m 0777 "$work/theirs"
  run "${nobody[@]}" "$scan_program" -q -S "$work/theirs/new/store" -n opened --mode 0755 "$tree"
  expect "another user's scan into a new store" 0
  if mount_source "another user's store" "$work/theirs/new/store" "$work/seen"; then
    holds "root sees what was opened" [ "$(stat -c %s "$work/seen/opened/latest/c/sized")" = 12345 ]
    unmount "another user's store" "$work/seen"
  fi
fi
if can_mount; then
  run "$store_program" remove -S "$store" "opened/$(times_of opened | head -n 1)" "opened/$(times_of opened | tail -n 1)"
  for source in "$work/fresh" "$store/opened"; do
    mount_source "a store without a snapshot" "$source" "$work/seen" || continue
    if [ "$source" = "$work/fresh" ]; then expect "which is said" 0 "fresh' is empty"; fi
    holds "it is empty" [ -z "$(ls -A "$work/seen")" ]
    if [ "$source" = "$work/fresh" ]; then
      run "$scan_program" -q -S "$source" -n first "$tree"
      holds "what a scan puts into it is seen" wait_for 5 [ -e "$work/seen/first/latest/c/sized" ]
    else
      run "$scan_program" -q -S "$store" -n opened "$tree"
      holds "what a scan puts into it is seen" wait_for 5 [ -e "$work/seen/latest/c/sized" ]
    fi
    unmount "a store without a snapshot" "$work/seen"
  done
fi

# ---- renamed under a mount ----------------------------------------------------------------------------------
if can_mount; then
  for time in 2026-03-01T000000Z 2026-03-02T000000Z; do new_snapshot moved "$time"; done
  if mount_source "a store" "$store" "$work/seen"; then
    inode=$(stat -c %i "$work/seen/moved/2026-03-01T000000Z/c/sized")
    "$PWALK_SUPPORT/handles" save "$work/handles" "$work/seen/moved/2026-03-01T000000Z" >"$work/expected" || fail "handles are saved"
    mv "$store/moved/2026-03-01T000000Z" "$store/moved/keep"
    # What the kernel remembers it does not ask for.
    if is_root; then mount -i -o remount,ro "$work/seen" || fail "what the kernel remembers is dropped"; fi
    run "$PWALK_SUPPORT/handles" open "$work/handles" "$work/seen"
    same_text "a renamed snapshot keeps its file handles" "$work/expected" "$work/out"
    holds "and its inode numbers" [ "$(stat -c %i "$work/seen/moved/keep/c/sized")" = "$inode" ]
    other=$(stat -c %i "$work/seen/moved/2026-03-02T000000Z/c/sized")
    mv "$store/moved/2026-03-02T000000Z" "$store/moved/aside" && mv "$store/moved/keep" "$store/moved/2026-03-02T000000Z"
    mv "$store/moved/aside" "$store/moved/keep"
    # shellcheck disable=SC2317 # called by wait_for
    swapped() { [ "$(stat -c %i "$work/seen/moved/keep/c/sized" "$work/seen/moved/2026-03-02T000000Z/c/sized")" = "$(printf '%s\n%s' "$other" "$inode")" ]; }
    holds "two that swap their names keep theirs" wait_for 8 swapped
    mv "$store/moved/keep" "$store/moved/2026-03-03T000000Z" && mv "$store/moved/2026-03-02T000000Z" "$store/moved/keep"
    mv "$store/moved" "$store/named"
    holds "with its NAME as well" [ "$(stat -c %i "$work/seen/named/keep/c/sized")" = "$inode" ]
    unmount "a store" "$work/seen"
  fi
fi

# ---- the lock ----------------------------------------------------------------------------------------------
exec 7<>"$store/other/.lock"
flock 7 || fail "the lock"
for command in "remove other/2026-02-01T010000Z" "prune --keep-last 1 other"; do
  # shellcheck disable=SC2086 # several words
  run "$store_program" -S "$store" $command
  expect "while a scan has the lock: $command" 1 "its lock is held"
done
run "$store_program" list -S "$store" other
expect "list needs no lock" 0
exec 7>&-

# ---- what is mounted or read stays -------------------------------------------------------------------------
if can_mount; then
  for time in 2026-04-01T000000Z 2026-04-02T000000Z 2026-04-03T000000Z; do new_snapshot used "$time"; done
  point=$work/point
  mount_source used "$store/used/2026-04-01T000000Z" "$point"
  run "$store_program" list -S "$store" used
  grep -c 'in use' "$work/out" >"$work/got"
  holds "list shows which one is in use" grep -q '2026-04-01.*in use' "$work/out"
  run "$store_program" prune -S "$store" --keep-last 1 used
  expect "prune leaves what is mounted" 0
  holds "and says so" grep -q 'kept used/2026-04-01T000000Z  (in use)' "$work/out"
  holds "and removes the others" [ "$(times_of used | tr '\n' ' ')" = "2026-04-01T000000Z 2026-04-03T000000Z " ]
  run "$store_program" remove -S "$store" used/2026-04-01T000000Z
  expect "remove refuses what is mounted" 1 "is in use"
  holds "the mount is as it was" [ "$(stat -c %s "$point/c/sized")" = 12345 ]
  # Killed, the daemon can say nothing: its mark goes with it.
  daemon=$(pgrep -f "pwalk-mount $store/used/2026-04-01T000000Z $point" | head -n 1)
  kill -KILL "$daemon" && wait_for 5 ended "$daemon"
  run "$store_program" remove -S "$store" used/2026-04-01T000000Z
  expect "remove after the daemon was killed" 0
  holds "is done" [ "$(times_of used)" = 2026-04-03T000000Z ]
  fusermount3 -u -q -z "$point"
  mount_source "used in a foreground" "$store/used/2026-04-03T000000Z" "$point"
  unmount "used in a foreground" "$point"
  run "$store_program" remove -S "$store" used/2026-04-03T000000Z
  expect "remove after an unmount" 0
else
  note "FUSE cannot be used here: nothing mounted"
fi

# ---- killed anywhere ---------------------------------------------------------------------------------------
# At each system call of a removal: whole snapshots only, latest right, and the next scan clears up.
if have strace; then
  for time in 2026-05-01T000000Z 2026-05-02T000000Z 2026-05-03T000000Z; do new_snapshot kill "$time"; done
  cp -a "$store/kill" "$work/kill"
  deaths=0
  for call in flock unlink unlinkat renameat rename fsync symlinkat; do
    for number in 1 2 3 4 5 6 7 8; do
      rm -rf "$store/kill" && cp -a "$work/kill" "$store/kill"
      {
        run_traced -f -qqq -o /dev/null -e "trace=$call" -e "inject=$call:signal=SIGKILL:when=$number" \
          "$store_program" -q -S "$store" remove kill/2026-05-03T000000Z kill/2026-05-01T000000Z
      } 2>/dev/null # where the shell would tell of each
      [ "$status" -ne 0 ] || break # so many calls there are not
      deaths=$((deaths + 1))
      for time in $(times_of kill) latest; do
        run "$check_program" -q "$store/kill/$time"
        [ "$status" -eq 0 ] || fail "killed at $call $number: $time is whole" "$work/err"
      done
      run "$scan_program" -q -S "$store" -n kill "$tree"
      [ "$status" -eq 0 ] || fail "killed at $call $number: the next scan" "$work/err"
      [ -z "$(find "$store/kill" -name '.pwalk-partial-*')" ] || fail "killed at $call $number: the next scan clears up"
    done
  done
  holds "killed at $deaths system calls: whole snapshots, latest leads to one" [ "$deaths" -ge 10 ]
else
  note "strace is not installed: nothing killed"
fi
finish
