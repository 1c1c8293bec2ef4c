#!/bin/bash
# Proves that --timeout gives nobody up who does answer, only slowly, and for a time in which the scan was stopped.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "what answers slowly is waited for"
need_fuse
need_namespace "processes that cannot end go with their file system"

start_slowfs "$work/mnt" --delay 400000 --top 2 --directories 1 --files 1
run "$scan_program" --timeout 1 -j 8 -o "$work/slow" "$work/mnt"
expect "0.4 s a call, --timeout 1: all of it" 0
end_slowfs "$work/mnt"

# Calls take 0.6 s, and 1.3 s if all is stopped meanwhile, as a virtual machine's host may do: more than is waited for.
start_slowfs "$work/mnt" --delay 300000 --top 2 --directories 2 --files 2
"$scan_program" --timeout 1 -j 4 -o "$work/held" "$work/mnt" 2>"$work/err" &
process=$!
wait_for 20 has_child "$process"
child=$(children_of "$process")
stops=0
while sleep 0.7 && kill -STOP "$child" 2>/dev/null; do
  kill -STOP "$slowfs_process"
  sleep 0.7
  kill -CONT "$slowfs_process" "$child"
  stops=$((stops + 1))
done
status=0
wait "$process" || status=$?
expect "stopped for 0.7 s now and then, $stops times: all of it" 0
holds "that was more than once" [ "$stops" -gt 1 ]
end_slowfs "$work/mnt"

mkdir "$work/tree"
# It is the root that is to answer in time, not the disk that is written to. (A sanitizer does not go with strace.)
if ! sanitized && have strace; then
  run_traced -f -qqq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=1500000 "$scan_program" --timeout 1 -o "$work/forced" "$work/tree"
  expect "--timeout where the storage takes its time" 0
fi
finish
