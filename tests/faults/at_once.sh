#!/bin/bash
# Proves that scans started at once into one name of a store do no harm: each either publishes or says that the
# lock is held, what is published is whole, `latest` is the newest, no slot is given twice, nothing partial stays.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
starts=$(usually 100 30)
begin "$starts scans at once into one name"

mkdir "$work/said" "$work/statuses"
"$PWALK_SUPPORT/oddities" --seed 5 --wide 300 --levels 20 "$work/tree" >/dev/null || exit 1
processes=()
for number in $(seq "$starts"); do
  (
    status=0
    timeout -s KILL 100 "$scan_program" -q -j 2 -S "$work/store" -n name "$work/tree" >"$work/said/$number" 2>&1 || status=$?
    echo "$status" >"$work/statuses/$number"
  ) &
  processes+=($!)
done
wait "${processes[@]}"
published=$(cat "$work/statuses"/* | grep -cx 0)
locked=$(grep -lF 'its lock is held' "$work/said"/* | wc -l)
say "      $published published, $locked were told of the lock"
cat "$work/said"/* | grep -vF 'its lock is held' >"$work/err"
holds "who is told has status 2" [ "$(cat "$work/statuses"/* | grep -cx 2)" -eq "$locked" ]
holds "each publishes or is told that the lock is held" [ $((published + locked)) -eq "$starts" ]
holds "at least one publishes" [ "$published" -gt 0 ]
holds "nobody says anything else" [ ! -s "$work/err" ]
cd "$work/store/name" || exit 1
holds "as many snapshots as were told" [ "$(ls -d 2* | wc -l)" -eq "$published" ]
wrong=0
for snapshot in 2*; do run "$check_program" -q "$snapshot" && [ "$status" -eq 0 ] || wrong=$((wrong + 1)); done
holds "each is whole" [ "$wrong" -eq 0 ]
holds "'latest' is the newest" [ "$(readlink latest)" = "$(ls -d 2* | sort -V | tail -n 1)" ]
holds "no slot twice" [ "$(grep -ho '"slot": *[0-9]*' 2*/manifest.json | sort -u | wc -l)" -eq "$published" ]
holds "nothing partial" [ -z "$(find "$work/store" -name '.pwalk-partial-*')" ]
finish
