#!/bin/bash
# Proves what S7 asks of who uses a scan that hangs: it ends by a signal, a deadline or the time-out for its root,
# the store's lock is free, who was stopped is not given up, and whoever waits for the scan goes on. What each call
# that hangs costs is in hanging.sh.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "a scan that hangs, and who uses it"
need_fuse
need_namespace "processes that cannot end go with their file system"

# stop_by SIGNAL SECONDS WHAT SCAN_OPTION...: a scan that hangs, of $work/mnt, ends within two seconds of the signal
# that comes after SECONDS, and nothing is published.
stop_by() {
  local signal=$1 after=$2 what=$3 began ended
  shift 3
  # A shell's background jobs ignore SIGINT.
  env --default-signal=INT "$scan_program" "$@" "$work/mnt" 2>"$work/err" &
  process=$!
  wait_for 20 handles "$process" "$signal"
  sleep "$after"
  began=$(date +%s%N)
  kill -"$signal" "$process"
  status=0
  wait "$process" || status=$?
  ended=$(date +%s%N)
  expect "SIG$signal while $what: status" $((128 + $(kill -l "$signal"))) "nothing was published"
  measured "SIG$signal: within 2 s ($(((ended - began) / 1000000)) ms)" [ $((ended - began)) -lt 2000000000 ]
}

start_slowfs "$work/mnt" --delay 0 --hang readdir:
run "$scan_program" --timeout 1 -o "$work/none" "$work/mnt"
expect "the root never answers: nothing to publish but that" 1 "Connection timed out"
end_slowfs "$work/mnt"
start_slowfs "$work/mnt" --delay 0 --hang opendir:
run "$scan_program" --timeout 1 -o "$work/none.at.all" "$work/mnt"
expect "the root cannot be opened" 2 "no answer for 1 seconds"
holds "nothing was published" [ ! -e "$work/none.at.all" ]
for signal in TERM INT; do
  stop_by $signal 1.5 "the root does not answer" --timeout 60 -o "$work/none.at.all"
done
began=$(date +%s%N)
run "$scan_program" --timeout 60 --deadline 1 -o "$work/none.at.all" "$work/mnt"
ended=$(date +%s%N)
expect "a deadline before the root answers" 2 "no answer for 1 seconds"
measured "within 5 s ($(((ended - began) / 1000000)) ms)" [ $((ended - began)) -lt 5000000000 ]
end_slowfs "$work/mnt"

# Without --timeout a call that hangs keeps a scan that is to end; a second signal, whichever, does not wait.
start_slowfs "$work/mnt" --delay 0 --hang opendir:3/4
"$scan_program" -o "$work/none.at.all" "$work/mnt" 2>"$work/err" &
process=$!
# One thread is stuck in its call then: nothing ends it before end_slowfs does, and until then it keeps the process.
threads_end() { ! grep -qE '^[0-9]+ \(.*\) [RS] ' "/proc/$process/task"/*/stat; }
wait_for 20 handles "$process" TERM
sleep 2
kill -TERM "$process"
sleep 0.5
holds "the first signal waits for the call" grep -qE '^[0-9]+ \(.*\) [^ZX] ' "/proc/$process/stat"
kill -HUP "$process"
wait_for 10 threads_end
end_slowfs "$work/mnt"
status=0
wait "$process" || status=$?
expect "the second one, another, ends it" $((128 + $(kill -l HUP)))

start_slowfs "$work/mnt" --delay 0 --hang opendir:3/4
mkdir "$work/store"
run "$scan_program" --timeout 1 -S "$work/store" -n tree "$work/mnt"
expect "into a store" 1
run "$scan_program" --timeout 1 -S "$work/store" -n tree "$work/mnt"
expect "its lock is free for the next" 1
holds "both are there" [ "$(find "$work/store/tree" -name manifest.json | wc -l)" = 2 ]

for signal in TERM INT; do
  rm -rf "$work/stopped"
  stop_by $signal 1.5 "a call hangs" --timeout 60 -o "$work/stopped"
  holds "SIG$signal: nothing is left" [ -z "$(find "$work" -maxdepth 1 -name '*stopped*')" -a -z "$(find "$work" -maxdepth 1 -name '.pwalk*')" ]
done
"$scan_program" --timeout 60 --on-interrupt publish -o "$work/stopped" "$work/mnt" 2>"$work/err" &
process=$!
wait_for 20 has_partial
sleep 1.5
kill -TERM "$process"
status=0
wait "$process" || status=$?
expect "--on-interrupt publish while a call hangs" 1 "incomplete"
run "$check_program" "$work/stopped"
expect "and what it publishes is whole" 0
run "$scan_program" --timeout 60 --deadline 1 -o "$work/deadline" "$work/mnt"
expect "--deadline while a call hangs" 1 "incomplete"
run "$check_program" "$work/deadline"
expect "and what that publishes is whole" 0
start=$(date +%s%N)
run "$scan_program" --deadline 1 -o "$work/deadline.alone" "$work/mnt"
took=$((($(date +%s%N) - start) / 1000000))
expect "--deadline alone while a call hangs" 1 "incomplete"
holds "and it ends within 4 s ($took ms)" [ "$took" -le 4000 ]
run "$check_program" "$work/deadline.alone"
expect "and what it publishes is whole" 0
end_slowfs "$work/mnt"

# Who was stopped has waited for nobody meanwhile.
start_slowfs "$work/mnt" --delay 100000 --top 8 --directories 4 --files 8
"$scan_program" --timeout 2 -j 16 -o "$work/paused" "$work/mnt" 2>"$work/err" &
process=$!
wait_for 10 has_child "$process"
child=$(children_of "$process")
sleep 2 # until many are in calls
for _ in 1 2; do
  sleep 1
  kill -STOP "$child"
  sleep 4
  kill -CONT "$child"
done
status=0
wait "$process" || status=$?
expect "stopped and continued: nothing is given up" 0
end_slowfs "$work/mnt"

# The first process of a container is not ended by a signal that it raises.
start_slowfs "$work/mnt" --delay 0 --hang opendir:3/4
unshare -p -f "$scan_program" -o "$work/none.at.all" "$work/mnt" 2>"$work/err" &
outside=$!
wait_for 10 has_child "$outside"
process=$(children_of "$outside")
wait_for 20 handles "$process" TERM
sleep 2
kill -TERM "$process"
sleep 0.5
holds "the first process: the first signal waits for the call" grep -qE '^[0-9]+ \(.*\) [^ZX] ' "/proc/$process/stat"
kill -TERM "$process"
holds "the first process: the second one ends it" wait_for 10 threads_end
end_slowfs "$work/mnt"
status=0
wait "$outside" || status=$?
expect "the first process: status" 143

mkdir "$work/tree"
run "$scan_program" --timeout 1 -o "$work/plain" "$work/tree"
expect "--timeout where all answers" 0
run "$scan_program" --timeout 1 -o "$work/plain" "$work/tree"
expect "an error's status comes through" 2 "File exists"
run "$scan_program" --timeout 0 -o "$work/wrong" "$work/tree"
expect "--timeout 0 is refused" 2 "not a duration"
"$scan_program" --timeout 60 --rate 1 -o "$work/killed" "$work" 2>/dev/null &
process=$!
wait_for 10 has_child "$process"
child=$(children_of "$process")
kill -KILL "$process"
wait "$process" 2>/dev/null
holds "the scan ends with the process that waits for it" wait_for 3 ended "$child"
"$scan_program" --timeout 60 --rate 1 -o "$work/killed" "$work" 2>"$work/err" &
process=$!
wait_for 10 has_child "$process"
kill -KILL "$(children_of "$process")"
status=0
wait "$process" || status=$?
expect "a scan that was killed is told" 2 "ended by signal 9"
finish
