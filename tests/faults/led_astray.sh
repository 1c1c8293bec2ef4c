#!/bin/bash
# Proves that a scan never leaves its tree, whatever somebody does to it meanwhile: directories that change
# places with symbolic links (at 50,000 a second and more), that are moved out of the tree while the scan is in
# them, and mounts that come and go. Usage: led_astray.sh [SCANS [SWAPS]] (default: what five seconds allow).
# What must never be seen lies outside and is called `escaped…`.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called through holds
. "$(dirname "$0")/../e2e/lib.sh"
enter_namespace "$@"
scans_asked=${1:-$(usually 40 8)}
swaps_asked=${2:-100000}
fewer=$((scans_asked / 4)) # of the kinds that are slower
begin "scans that somebody leads astray"

tree=$work/tree
outside=$work/outside
mkdir -p "$tree" "$outside/escaped directory"
touch "$outside/escaped file" "$outside/escaped directory/escaped too"

# start_adversary KIND TREE OUTSIDE: in the background, until stop_adversary, which sets $changes and $rate.
start_adversary() {
  "$PWALK_SUPPORT/adversary" "$@" >"$work/adversary" &
  adversary=$!
  started+=("$adversary")
  began=$(date +%s)
}
# True once as many swaps as asked for must have been made, at the promised 50,000 a second.
enough_swaps() { [ $(($(date +%s) - began)) -ge $((swaps_asked / 50000)) ]; }
stop_adversary() {
  kill "$adversary" 2>/dev/null
  wait "$adversary"
  read -r changes _ _ seconds _ <"$work/adversary"
  rate=$(awk "BEGIN { print int(${changes:-0} / (${seconds:-0} + 0.001)) }")
}


# hunt WHAT PATTERN STATES SCANS COMMAND...: scans so often; each must succeed, be whole, and hold no path of
# PATTERN. Sets $met: how many of them met the adversary, and have directories of one of STATES (a pattern).
hunt() {
  local what=$1 pattern=$2 states=$3 least=$4 scans=0 found=0 wrong=0
  shift 4
  met=0
  # On a machine that is busy few scans meet the adversary.
  while [ "$scans" -lt "$least" ] || { [ "$met" -eq 0 ] && [ "$scans" -lt $((20 * least)) ]; }; do
    scans=$((scans + 1))
    rm -rf "$work/s"
    run "$@" -q -o "$work/s" "$tree"
    if [ "$status" -ne 0 ] || ! "$check_program" -q "$work/s" 2>>"$work/err"; then
      wrong=$((wrong + 1))
      cp "$work/err" "$work/wrong"
    fi
    if "$dump_program" --printf '%P\n' "$work/s" 2>/dev/null | grep -aE "$pattern" >"$work/found"; then
      found=$((found + 1))
      cp "$work/found" "$work/escapes"
    fi
    if grep -qE "\"($states)\": *[1-9]" "$work/s/manifest.json"; then met=$((met + 1)); fi
  done
  say "      $what: $scans scans, $met met a change"
  holds "$what: scans met it" [ "$met" -gt 0 ]
  if [ "$found" -eq 0 ]; then ok "$what: none of $scans scans left the tree"; else fail "$what: $found of $scans scans left the tree" "$work/escapes"; fi
  if [ "$wrong" -eq 0 ]; then ok "$what: each succeeds and is whole"; else fail "$what: $wrong went wrong" "$work/wrong"; fi
}
# end_hunt WHAT CHANGES: ends the adversary, who must have made so many.
end_hunt() {
  stop_adversary
  say "      $1: $changes changes, $rate a second"
  holds "$1: at least $2 changes" [ "$changes" -ge "$2" ]
}

# ---- directories against symbolic links ------------------------------------------------------------------------
for number in $(seq 0 199); do
  mkdir -p "$tree/d$number/below"
  touch "$tree/d$number/file" "$tree/d$number/below/file"
  ln -s "$outside" "$tree/l$number"
done
start_adversary swap "$tree" "$outside"
hunt swaps escaped vanished "$scans_asked" "$scan_program" -j 2
wait_for 100 enough_swaps
end_hunt swaps "$swaps_asked"
rm -rf "$tree"

# ---- directories that are moved out while the scan is in them --------------------------------------------------
# With few descriptors each way up is taken through `..`, which leads outside once the directory is there; and
# there lies what is yet to be opened, by the same names.
deep=$tree/1/2/3/4/5/6/7/8
for number in $(seq 0 7); do
  for side in a b c; do
    mkdir -p "$deep/m$number/$side/x" "$outside/$side/escaped" "$deep/m$number/below"/{1,2,3}/{1,2,3}/{1,2,3}
  done
done
start_adversary move "$deep" "$outside"
for jobs in 1 2; do
  hunt "moves (-j $jobs)" escaped vanished "$fewer" bash -c 'ulimit -n 20 && exec "$@"' - "$scan_program" -j "$jobs"
done
end_hunt moves 1000
rm -rf "$tree"

# ---- mounts that come and go -----------------------------------------------------------------------------------
if in_namespace; then
  for number in $(seq 0 9); do mkdir -p "$tree/b$number/below"; done
  mkdir "$work/other" && mount -t tmpfs tmpfs "$work/other" && mkdir "$work/other/escaped" && touch "$work/other/escaped/file"
  start_adversary mount "$tree" "$work/other"
  hunt "mounts with -x" escaped 'vanished|excluded_other_file_system' "$fewer" "$scan_program" -x -j 2
  end_hunt "mounts with -x" 1000
  start_adversary mount "$tree" /proc
  hunt "a kernel file system" '/(meminfo|self)' 'vanished|excluded_kernel_file_system' "$fewer" "$scan_program" -j 2
  end_hunt "a kernel file system" 1000
  start_adversary mount "$tree" "$tree"
  hunt "a loop" 'b[0-9]/b[0-9]' 'vanished|excluded_loop' "$fewer" "$scan_program" -j 2
  end_hunt "a loop" 1000
else
  note "mounts that come and go need root"
fi
finish
