#!/bin/bash
# Proves what a scan leaves that is ended by SIGKILL or SIGTERM before and after any of its system calls, and at
# random moments: what has a name is whole, an older snapshot still is, `latest` is one of them, the next scan works
# and collects the partial, and SIGTERM, which ends it within two seconds, leaves nothing partial either.
# Usage: killed.sh [EVERY [RANDOM]]: at every EVERY-th point, and RANDOM times at any moment with each signal.
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
scan_into_store || fail "a scan without a signal" "$work/err"
stops=$(scan_into_store "$PWALK_SUPPORT/kill_at" 9 0 | tail -n 1)
[ "${stops:-0}" -gt 100 ] || skip "processes cannot be traced here"

# renew_store: one that has one snapshot, every second time; and otherwise none yet.
older=
renew_store() {
  rm -rf "$work/store"
  turn=$((turn + 1))
  older=
  [ $((turn % 2)) -eq 0 ] || return 0
  if [ ! -d "$work/with-older" ]; then
    scan_into_store || fail "a scan without a signal" "$work/err"
    mv "$work/store" "$work/with-older"
  fi
  cp -a "$work/with-older" "$work/store"
  older=$(readlink "$work/store/name/latest")
}
turn=0

# examine WHAT STATUS: after a scan into a renewed store had that status.
examine() {
  local snapshot partials latest denies new=0
  denies=$(grep -c 'nothing was published' "$work/err")
  latest=$(readlink "$work/store/name/latest")
  if [ -n "$older" ] && [ ! -d "$work/store/name/$older" ]; then say "$1: the older one is gone" >>"$work/wrong"; fi
  if [ -n "$older$latest" ] && [ ! -d "$work/store/name/$latest" ]; then say "$1: latest is '$latest'" >>"$work/wrong"; fi
  for snapshot in "$work/store/name"/2*; do
    [ -e "$snapshot" ] || continue
    "$check_program" -q "$snapshot" 2>"$work/err" || { cp "$work/err" "$work/wrong" && say "$1: not whole" >>"$work/wrong"; }
    [ "$snapshot" = "$work/store/name/$older" ] || new=$((new + 1))
  done
  named=$((named + new))
  [ "$2" -ne 0 ] || [ "$new" -eq 1 ] || say "$1: status 0, and $new are new" >>"$work/wrong"
  if [ "$new" -ne 0 ] && [ "$denies" -ne 0 ]; then say "$1: it published, and denies it" >>"$work/wrong"; fi
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
    renew_store
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
    examine "signal $signal at $number" "$status"
  done
  say "      signal $signal at $points of $stops points: $ended ended, $named had published, $left partials left"
  if [ ! -s "$work/wrong" ]; then ok "signal $signal: what has a name is whole, the next scan works"; else fail "signal $signal" "$work/wrong"; fi
  holds "signal $signal: it ended scans" [ "$ended" -gt 5 ]
  [ "$signal" -ne 9 ] || holds "signal 9: partials were left, and collected" [ "$left" -gt 0 ]
done

# A larger tree, so that there is time: each moment of a scan of it is as likely as any other.
"$PWALK_SUPPORT/oddities" --seed 5 --wide 3000 --levels 50 "$work/tree/odd" >/dev/null
rm -rf "$work/store" "$work/with-older"
lasts= # µs, undisturbed
for _ in 1 2 3 4 5; do
  rm -rf "$work/store"
  began=$(date +%s%N)
  scan_into_store || fail "a scan without a signal" "$work/err"
  took=$((($(date +%s%N) - began) / 1000))
  [ -n "$lasts" ] && [ "$took" -ge "$lasts" ] || lasts=$took
done
for signal in KILL TERM; do
  : >"$work/wrong"
  named=0
  left=0
  ended=0
  for _ in $(seq "$random"); do
    renew_store
    status=0
    scan_into_store timeout --foreground -s "$signal" "$(awk "BEGIN { printf \"%.6f\", $lasts * ($RANDOM + 1) / 32768 / 1e6 }")" || status=$?
    [ "$status" -eq 0 ] || ended=$((ended + 1))
    if [ "$signal" = TERM ] && grep -q 'nothing was published' "$work/err" && [ -n "$(find "$work/store" -name '.pwalk-partial-*')" ]; then
      say "SIGTERM left something" >>"$work/wrong"
    fi
    examine "SIG$signal at random" "$status"
  done 2>/dev/null
  say "      SIG$signal $random times at random within $((lasts / 1000)) ms: $ended ended, $named had published, $left partials left"
  if [ ! -s "$work/wrong" ]; then ok "SIG$signal at random: what has a name is whole, the next scan works"; else fail "SIG$signal at random" "$work/wrong"; fi
  # Nearly all do, unless the machine is busy and lets a signal wait.
  holds "SIG$signal at random: they ended scans" [ $((10 * ended)) -ge "$random" ]
done
finish
