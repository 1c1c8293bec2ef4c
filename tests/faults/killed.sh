#!/bin/bash
# Proves what a scan leaves that is ended by SIGKILL or SIGTERM before and after any of its system calls, and at
# random moments: what has a name is whole, the next scan works and collects the partial, and SIGTERM, which
# ends it within two seconds, leaves nothing partial either. Usage: killed.sh [EVERY [RANDOM]]: at every EVERY-th
# point, and RANDOM times at any moment.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
every=${1:-$(usually 37 307)}
random=${2:-$(usually 10 3)}
begin "scans that are killed"

mkdir -p "$work/tree/a/b" "$work/tree/c"
touch "$work/tree/a/f" "$work/tree/c/g"
ln -s x "$work/tree/l"
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # it cannot work under a tracer
export ASAN_OPTIONS
scan_into_store() { "$@" "$scan_program" -q -j 2 -S "$work/store" -n name "$work/tree" 2>"$work/err"; }
stops=$(scan_into_store "$PWALK_SUPPORT/kill_at" 9 0 | tail -n 1)
[ "${stops:-0}" -gt 100 ] || skip "processes cannot be traced here"

# examine WHAT: after a scan was ended, into an empty store.
examine() {
  local snapshot partials
  for snapshot in "$work/store/name"/2*; do
    [ -e "$snapshot" ] || continue
    "$check_program" -q "$snapshot" 2>"$work/err" || { cp "$work/err" "$work/wrong" && say "$1: not whole" >>"$work/wrong"; }
    named=$((named + 1))
  done
  partials=$(find "$work/store" -name '.pwalk-partial-*' 2>/dev/null | wc -l)
  left=$((left + partials))
  scan_into_store || { cp "$work/err" "$work/wrong" && say "$1: the next scan" >>"$work/wrong"; }
  [ -z "$(find "$work/store" -name '.pwalk-partial-*')" ] || say "$1: not collected" >>"$work/wrong"
  "$check_program" -q "$work/store/name/latest" 2>>"$work/wrong" || say "$1: latest" >>"$work/wrong"
}

for signal in 9 15; do
  named=0
  left=0
  ended=0
  points=0
  : >"$work/wrong"
  for number in $(seq 1 "$every" $((stops + 20))); do
    rm -rf "$work/store"
    began=$(date +%s%N)
    status=0
    scan_into_store "$PWALK_SUPPORT/kill_at" "$signal" "$number" >"$work/stops" || status=$?
    milliseconds=$((($(date +%s%N) - began) / 1000000))
    points=$((points + 1))
    [ "$status" -ne $((128 + signal)) ] || ended=$((ended + 1))
    case $status in 0 | $((128 + signal))) ;; *) say "signal $signal at $number: status $status" >>"$work/wrong" ;; esac
    if [ "$signal" -eq 15 ]; then
      [ "$milliseconds" -le "$(usually 2000 20000)" ] || say "signal 15 at $number: $milliseconds ms" >>"$work/wrong"
      if [ "$status" -ne 0 ] && grep -q 'nothing was published' "$work/err" && [ -n "$(find "$work/store" -name '.pwalk-partial-*')" ]; then
        say "signal 15 at $number left something" >>"$work/wrong"
      fi
    fi
    examine "signal $signal at $number"
  done
  say "      signal $signal at $points of $stops points: $ended ended, $named had published, $left partials left"
  if [ ! -s "$work/wrong" ]; then ok "signal $signal: what has a name is whole, the next scan works"; else fail "signal $signal" "$work/wrong"; fi
  holds "signal $signal: it ended scans" [ "$ended" -gt 5 ]
  [ "$signal" -ne 9 ] || holds "signal 9: partials were left, and collected" [ "$left" -gt 0 ]
done

: >"$work/wrong"
named=0
left=0
"$PWALK_SUPPORT/oddities" --seed 5 --wide 3000 --levels 50 "$work/tree/odd" >/dev/null
for _ in $(seq "$random"); do
  rm -rf "$work/store"
  scan_into_store timeout -s KILL "0.0$((RANDOM % 90 + 10))"
  examine "at random"
done 2>/dev/null
say "      $random times at random: $named had published, $left partials left"
if [ ! -s "$work/wrong" ]; then ok "at random: what has a name is whole, the next scan works"; else fail "at random" "$work/wrong"; fi
finish
