#!/bin/bash
# Proves what a scan tells of itself while it runs and at its end: SIGUSR1 gives one line of progress and disturbs
# nothing, also where a second process does the work; --progress prints as often as it says, and what is true; a
# terminal is redrawn in place, ten times a second at most; -v tells what -j auto decided; --errors=ignore changes
# the exit status and nothing else.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "what a scan tells"
need awk script

# 40 directories with 50 files each and a directory that cannot be read.
tree=$work/tree
mkdir "$tree" "$work/made"
for directory in "$tree"/{1..40}; do
  mkdir -p "$directory/closed"
  seq -f "$directory/f%g" 1 50 | xargs touch
  chmod 0 "$directory/closed"
done
all=$((1 + 40 * 52)) closed=40 directories=81
chmod 0755 "$tree" "$tree"/* && chmod 0777 "$work/made"
as=()
! is_root || as=("${nobody[@]}")

# ---- helpers -----------------------------------------------------------------------------------------------
declare -A processes
# start NAME COMMAND...: in the background; all that it says goes to $work/NAME.said.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.said" 2>&1 </dev/null &
  processes[$name]=$!
  started+=($!)
}
# piped, on_terminal COMMAND...: what its standard error is.
piped() {
  "$@" 2>&1 | cat
  return "${PIPESTATUS[0]}"
}
on_terminal() { SHELL=/bin/bash script -qec "$(printf '%q ' "$@")" /dev/null; }
# end_of NAME: waits for it; what it said is in $said then, its status in $status.
end_of() {
  said=$work/$1.said
  wait_for 90 ended "${processes[$1]}" || kill -KILL "${processes[$1]}"
  status=0
  wait "${processes[$1]}" || status=$?
  cp "$said" "$work/err"
}
# told WHAT COMMAND...: it succeeds; else $work/told says why not.
told() {
  local what=$1
  shift
  if "$@"; then ok "$what"; else fail "$what" "$work/told"; fi
}

shape='[0-9,]+ entries, [0-9,]+ directories, [0-9,]+ errors, [0-9,]+ entries/s, [0-9]+:[0-9]{2}:[0-9]{2}'
lines() { tr '\r' '\n' <"$1" | sed -nE "s|^("$'\e'"\[K)?pwalk-scan: ($shape(, ETA [0-9:]+)?)$|\2|p"; }
has_lines() { [ "$(lines "$1" | wc -l)" -eq "$2" ]; }
# What a terminal was shown in place.
drawn() { tr '\r' '\n' <"$1" | sed -n $'s/^\e\\[K\\([0-9]\\)/\\1/p'; }
as_text() { ! grep -a $'\e' "$1" >"$work/told"; }
silent() { ! grep -aE '[0-9] entries, |'$'\e' "$1" >"$work/told"; }

# plausible EXPECTED: the lines on standard input agree with each other, the tree and the rate. EXPECTED entries are
# what the time left is made from (0: from nothing, so it is not told; -1: not known here).
plausible() {
  awk -v all=$all -v directories=$directories -v closed=$closed -v rate=$rate -v expected="$1" '
    function seconds(text, part) { split(text, part, ":"); return 3600 * part[1] + 60 * part[2] + part[3] }
    function wrong(what) { print "line " NR ", " what ": " $0; bad = 1 }
    {
      gsub(/,/, "")
      entries = $1; found = $3; errors = $5; speed = $7; at = seconds($9)
      if (entries < last_entries || found < last_found || errors < last_errors || at < last_at) wrong("less than before")
      if (entries > all || found > directories || errors > closed) wrong("more than there is")
      # The first entries of each of the two workers are free.
      if (entries > rate * (at + 1) + 200) wrong("more than the rate allows")
      # The seconds have been cut to whole ones.
      if (at > 0 && speed > entries / at || speed < entries / (at + 1) - 1) wrong("not the rate since the start")
      if (NF > 9 && (expected == 0 || at < 1)) wrong("no time left can be known")
      if (expected > entries && at >= 1) {
        left = NF > 9 ? seconds($11) : -1
        rest = expected - entries
        if (entries == 0) { if (left >= 0) wrong("no time left can be known") }
        else if (left < int(rest / (speed + 1)) || left > rest / speed) wrong("not the time left")
      }
      last_entries = entries; last_found = found; last_errors = errors; last_at = at
    }
    END {
      if (last_at < 2 || last_entries == 0 || last_found == 0 || last_errors == 0) wrong("nothing is told")
      exit bad
    }' >"$work/told"
}
# spaced SECONDS LEAST: LEAST lines or more are on standard input, none too soon after another.
spaced() {
  awk -v every="$1" -v least="$2" '
    { split($9, part, ":"); at = 3600 * part[1] + 60 * part[2] + part[3] }
    NR > 1 && at - last < every { print "too soon: " $0; bad = 1 }
    { last = at }
    END { if (NR < least) { print NR " lines instead of " least; bad = 1 } exit bad }' >"$work/told"
}
# Looks at the whole seconds: of what is drawn each tenth of one, ten at most show the same.
ten_a_second() {
  awk '{ sub(/,$/, "", $9); if (++shown[$9] > 10) { print "the eleventh: " $0; bad = 1 } } END { exit bad || NR < 3 }' >"$work/told"
}

# ---- scans that sleep most of their time, so all of them at once -------------------------------------------------
rate=600 # three and a half seconds
slowly=("${as[@]}" "$scan_program" -j 2 --rate "$rate")
made=$work/made
run "${as[@]}" "$scan_program" --errors=ignore -S "$made/store" -n tree "$tree"
expect "a snapshot from which the time left is known" 0

# SIGUSR1: once it is handled, which it is when the partial snapshot is there.
under_way() { [ -n "$(find "$made/$1" -name '.pwalk-partial-*')" ]; }
mkdir "$made/alone" "$made/supervised" "$made/terminal" && chmod 0777 "$made"/{alone,supervised,terminal}
declare -A ways=([alone]="" [supervised]="--timeout=60")
for way in "${!ways[@]}"; do
  # shellcheck disable=SC2086 # none or one
  start "$way" "${as[@]}" "$scan_program" -j 2 --rate 200 ${ways[$way]} --errors=ignore -o "$made/$way/snapshot" "$tree"
  wait_for 20 under_way "$way"
  kill -USR1 "${processes[$way]}"
  holds "SIGUSR1, $way: a line of progress" wait_for 20 has_lines "$work/$way.said" 1
  kill -USR1 "${processes[$way]}"
  holds "SIGUSR1, $way: another one for the second" wait_for 20 has_lines "$work/$way.said" 2
  holds "SIGUSR1, $way: the scan has not ended" under_way "$way"
done

start every_1 piped "${slowly[@]}" --errors=ignore --progress=1 -S "$made/store" -n tree "$tree"
start every_2 piped "${slowly[@]}" --errors=ignore --progress=2 -o "$made/every_2" "$tree"
start every_10 piped "${slowly[@]}" --errors=ignore --progress -o "$made/every_10" "$tree"
start no_terminal piped "${slowly[@]}" -o "$made/no_terminal" "$tree"
start not_piped piped "${slowly[@]}" --progress=1 --no-progress -o "$made/not_piped" "$tree"
start terminal on_terminal bash -c 'echo $$ >"$0" && exec "$@"' "$work/terminal.process" \
  "${slowly[@]}" -o "$made/terminal/snapshot" "$tree"
wait_for 20 under_way terminal
kill -USR1 "$(cat "$work/terminal.process")"
start narrow on_terminal bash -c 'stty cols 40 && exec "$@"' - "${slowly[@]}" -o "$made/narrow" "$tree"
# Without an older snapshot the time left is known from the used inodes of the file system, where it counts them.
used=0
if in_namespace && mkdir "$work/counted" && mount -t tmpfs -o nr_inodes=100k tmpfs "$work/counted" 2>/dev/null; then
  cp -a "$tree" "$work/counted/tree"
  used=$(stat -f -c '%c %d' "$work/counted" | { read -r inodes free && echo $((inodes - free)); })
  start counted piped "${slowly[@]}" --errors=ignore --progress=1 -o "$made/counted" "$work/counted/tree"
fi
start not_drawn on_terminal "${slowly[@]}" --no-progress -o "$made/not_drawn" "$tree"
start quiet on_terminal "${slowly[@]}" -q -o "$made/quiet" "$tree"
holds "SIGUSR1, on a terminal: a line that stays" wait_for 20 has_lines "$work/terminal.said" 1

for way in "${!ways[@]}"; do
  end_of "$way"
  expect "SIGUSR1, $way: the scan goes on to its end" 0 "wrote"
  holds "SIGUSR1, $way: one line for each" has_lines "$said" 2
  run "$check_program" "$made/$way/snapshot"
  expect "SIGUSR1, $way: the snapshot is whole" 0
  holds "SIGUSR1, $way: all $all entries" [ "$("$dump_program" --printf x "$made/$way/snapshot" 2>"$work/err" | wc -c)" = $all ]
done

end_of every_1
expect "--progress=1: status" 0
told "--progress=1: a line each second" spaced 1 3 < <(lines "$said")
told "--progress=1: what it tells is true" plausible $all < <(lines "$said")
if [ "$used" -gt 0 ]; then
  end_of counted
  expect "used inodes: status" 0
  holds "used inodes: the tree has most of them ($used)" [ "$used" -ge "$all" -a "$used" -le $((all + 9)) ]
  holds "used inodes: the time left is told" grep -qE "^pwalk-scan: $shape, ETA 0:00:0[1-9]$" "$said"
  told "used inodes: and it is true" plausible "$used" < <(lines "$said")
else
  note "no file system here whose inodes are counted: no time left from them"
fi
end_of every_2
told "--progress=2: a line each other second" spaced 2 2 < <(lines "$said")
end_of every_10
told "--progress: a line at the start, then each ten seconds" spaced 10 1 < <(lines "$said")
for way in every_1 every_2 every_10; do
  told "$way: nothing is redrawn" as_text "$work/$way.said"
done
end_of no_terminal
expect "no terminal: status" 1
told "no terminal: no progress unless asked for" silent "$said"
end_of not_piped
told "--no-progress: none, in a pipe" silent "$said"
end_of not_drawn
expect "--no-progress, on a terminal: status" 1 "wrote"
told "--no-progress: none, on a terminal" silent "$said"
end_of quiet
told "-q: none, on a terminal" silent "$said"

end_of terminal
expect "on a terminal: status" 1
told "on a terminal: drawn again and again, ten times a second at most" ten_a_second < <(drawn "$said")
# There are no used inodes to make an estimate from where the tree is on the tmpfs of lib.sh.
told "on a terminal: what it tells is true" plausible "$(if in_namespace; then echo 0; else echo -1; fi)" < <(drawn "$said")
holds "on a terminal: gone at the end" grep -q $'\r\e\\[Kpwalk-scan: wrote ' "$said"
holds "on a terminal: one line stays for one SIGUSR1" has_lines "$said" 1
end_of narrow
drawn "$said" | sed 's/^/|/' >"$work/narrow"
holds "on a narrow terminal: drawn again and again" [ "$(wc -l <"$work/narrow")" -ge 3 ]
holds "on a narrow terminal: never more than a line" [ "$(wc -L <"$work/narrow")" -le 40 ]

# ---- after the walk: an fsync that takes a while ----------------------------------------------------------------
if ! sanitized; then
  for root in "$tree" "$tree/1/f1"; do
    run env LD_PRELOAD="$PWALK_SUPPORT/failing_calls.so" FAILING_CALL=fsync FAILING_FROM=1 FAILING_TIMES=1 FAILING_DELAY=2500 \
      "$scan_program" --errors=ignore --progress=1 -o "$made/written.${root##*/}" "$root"
    expect "a slow disk, ${root##*/}: status" 0 "wrote"
    holds "a slow disk, ${root##*/}: it is said what takes the time" grep -qE "^pwalk-scan: writing the snapshot, 0:00:0[1-9]: [1-9][0-9,]* entries, [0-9,]+ directories, [0-9,]+ errors, [0-9,]+ entries/s$" "$work/err"
  done
else
  note "nothing can be preloaded into a program with sanitizers: no slow disk"
fi

# ---- --errors=ignore ---------------------------------------------------------------------------------------------
totals() { sed -n '/"totals"/,/}/p' "$1/manifest.json"; }
# in_snapshot SNAPSHOT ERRORS NAME: has so many errors in all, and some of this name.
in_snapshot() { totals "$1" | grep -q "\"errors\": $2,\$" && grep -q "\"errno_name\": \"$3\"" "$1/manifest.json"; }
for option in "" --errors=ignore --timeout=60 "--errors=ignore --timeout=60"; do
  snapshot=$made/errors${option//[^a-z]/}
  # shellcheck disable=SC2086 # none, one or two
  run "${as[@]}" "$scan_program" $option -o "$snapshot" "$tree"
  wanted=1
  [[ $option != *ignore* ]] || wanted=0
  expect "closed directories${option:+, $option}: status $wanted, and told" $wanted "/closed': Permission denied" "$closed errors"
  holds "closed directories${option:+, $option}: in the snapshot" in_snapshot "$snapshot" $closed EACCES
  run "$dump_program" "$snapshot"
  expect "closed directories${option:+, $option}: pwalk-dump tells of them" 1 "$closed errors"
done
if have strace && strace -o /dev/null true 2>/dev/null; then
  mkdir -p "$work/small/directory"
  for option in "" --errors=ignore; do
    snapshot=$made/injected${option//[^a-z]/}
    # The second directory's list; which getdents64 that is depends on nothing with one worker.
    run_traced -f -qqq -o /dev/null -P "$work/small/directory" -e trace=getdents64 -e inject=getdents64:error=EIO \
      "$scan_program" -j 1 ${option:+"$option"} -o "$snapshot" "$work/small"
    expect "a list that fails${option:+, $option}: status" $((${#option} == 0)) "Input/output error"
    holds "a list that fails${option:+, $option}: in the snapshot" in_snapshot "$snapshot" 1 EIO
  done
else
  note "strace cannot be used here: no call is made to fail"
fi
run "${as[@]}" "$scan_program" --errors=ignore --rate 200 --deadline 1 -o "$made/early" "$tree"
expect "--errors=ignore: what ended early is still incomplete" 1 "incomplete"
run "${as[@]}" "$scan_program" --errors=ignore -o "$made/early" "$tree"
expect "--errors=ignore: what cannot be done is still not done" 2 "File exists"
run "$scan_program" --errors=forget -o "$made/wrong" "$tree"
expect "--errors=forget is refused" 2 "only ignore is known"

# ---- --summary=json ----------------------------------------------------------------------------------------------
if have jq; then
  for option in --errors=ignore "--errors=ignore --rate=200 --deadline=1"; do
    rm -rf "$made/summed"
    # shellcheck disable=SC2086 # one or three
    run "${as[@]}" "$scan_program" --summary=json $option -o "$made/summed" "$tree"
    holds "--summary=json $option: is one line" [ "$(wc -l <"$work/out")" = 1 ]
    for key in .uuid .root .complete .entries:.totals.entries .errors:.totals.errors .disk_bytes:.totals.disk_bytes .vanished_entries; do
      holds "--summary=json $option: ${key%:*} is the manifest's" \
        [ "$(jq -c "${key%:*}" "$work/out")" = "$(jq -c "${key#*:}" "$made/summed/manifest.json")" ]
    done
    holds "--summary=json $option: says which snapshot, and how long it took" \
      [ "$(jq -r '.snapshot, (.seconds > 0 and .seconds < 60)' "$work/out" | paste -sd' ')" = "$made/summed true" ]
  done
else
  note "no jq here: --summary=json is not taken apart"
fi
status=0
"$scan_program" --errors=ignore --summary=json -o "$made/full" "$tree" >/dev/full 2>"$work/err" || status=$?
expect "--summary=json where it cannot be written: status 1, and why" 1 "cannot write to standard output"
run "$check_program" "$made/full"
expect "and the snapshot is there" 0

# ---- -v ----------------------------------------------------------------------------------------------------------
# tells_workers WHAT REGEX OPTION...: all that is told of workers, by a scan with these options.
tells_workers() {
  local what=$1 regex=$2
  shift 2
  rm -rf "$made/verbose"
  run "$scan_program" "$@" --errors=ignore -o "$made/verbose" "$tree"
  expect "$what: status" 0
  grep -a worker "$work/err" >"$work/told"
  told "$what" matches "$regex"
}
matches() { [[ $(<"$work/told") =~ ^($1)$ ]]; }
# decided BEGIN: the line of what began with so many workers, in a regular expression.
decided() { echo "pwalk-scan: worker threads: $1 at 0\\.00 s(, [0-9]+ at [0-9]+\\.[0-9]{2} s)*"; }
tells_workers "no -v: nothing of workers" "" -j auto
tells_workers "-v: how many -j auto began with, and each change" "$(decided '[1-9][0-9]*')" -v -j auto
tells_workers "-v: auto is the default" "$(decided '[1-9][0-9]*')" -v
SLURM_CPUS_ON_NODE=1 tells_workers "-v: one in a job that has one processor" "$(decided 1)" -v
# Where auto has nothing to choose from, that is what it had.
tells_workers "-v: auto with --rate" "$(decided '[1-9][0-9]*')" -v --rate 1000000
tells_workers "-v: auto with --max-threads 1" "$(decided 1)" -v --max-threads 1
tells_workers "-v -j 3: no other number" "pwalk-scan: worker threads: 3 at 0\\.00 s" -v -j 3
finish
