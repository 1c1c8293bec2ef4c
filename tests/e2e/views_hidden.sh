#!/bin/bash
# Proves that the totals do not leak: a tree is changed again and again, each time only below a directory that
# another user cannot enter, and scanned each time. All that this user can learn of the mounts - names, attributes,
# extended attributes, the views and the errors of what is refused - must be the same, byte for byte. The control:
# with -o totals=all it is not. views_hidden.sh [PAIRS]: 20, and 200 in the suite `slow`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "what is hidden stays hidden"
need_fuse
need_root "another user"
need setpriv

pairs=${1:-20}
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3) || skip "python3 is not installed"
cp "$PWALK_SOURCE/tests/support/viewer" "$work/bin" || exit 1
tree=$work/tree
point=$work/point
# Hidden parts of several owners, at several depths, in directories that can be entered: closed to the others, and
# one that can be searched but not listed. What changes lies one level further down, so that no visible entry does.
mkdir -p "$tree"/{open,search/in,own/private/in,own/plain,mixed/private/in,mixed/plain,deep/a/b/private/in} || exit 1
mkdir -m 0711 "$tree/search/listless" "$tree/search/listless/known" && mkdir "$tree/search/listless/in"
hidden=("$tree/own/private" "$tree/mixed/private" "$tree/deep/a/b/private" "$tree/search/listless/in")
for each in open own/plain mixed/plain search/in; do
  seq 5 | xargs -I{} truncate -s 1000 "$tree/$each/file {}"
  ln "$tree/$each/file 1" "$tree/$each/link"
done
chown -R 1000:1000 "$tree/own" && chown -R 1001:1001 "$tree/mixed/private"
chmod 0700 "${hidden[@]}" "$tree/search/listless/in"
inside=("$tree/own/private/in" "$tree/mixed/private/in" "$tree/deep/a/b/private/in" "$tree/search/listless/in/deeper")
mkdir "$tree/search/listless/in/deeper"

# change NUMBER: something else below one or all of the hidden directories; never owners or modes of directories
# in a part of its parent's owner, of which the access bits may tell.
change() {
  local number=$1 each
  RANDOM=$number
  for each in "${inside[@]}"; do
    case $((RANDOM % 8)) in
      0) truncate -s "$((RANDOM * RANDOM))" "$each/large $((RANDOM % 5))" ;;
      1) mkdir -p "$each/$RANDOM/$RANDOM/$RANDOM" ;;
      2) seq "$((RANDOM % 300))" | (cd "$each" && xargs -r touch --) ;;
      3) head -c "$((RANDOM * 4))" /dev/zero >"$each/written" ;;
      4) touch "$each/first" && ln -f "$each/first" "$each/again $((RANDOM % 9))" ;;
      5) ln -sfn "$(printf 'x%.0s' $(seq 1 "$((1 + RANDOM % 200))"))" "$each/target" ;;
      6) touch -d "@$((RANDOM * 65536))" "$each/dated" ;;
      7) find "$each" -mindepth 1 -delete ;;
    esac
  done
  # Of other owners, closed and partly unreadable: in a part whose own owner differs from its parent's, and
  # which therefore has no access bits above it anyway.
  mkdir -p "$tree/mixed/private/in/$((number % 3))" && chmod "0$((RANDOM % 8))$((RANDOM % 8))0" "$tree/mixed/private/in/$((number % 3))"
  chown "$((RANDOM % 5)):$((RANDOM % 5))" "$tree/mixed/private/in/$((number % 3))"
}

# learned SNAPSHOT FILE [OPTION]...: what the other user learns of it.
learned() {
  local snapshot=$1 file=$2
  shift 2
  mount_source "pair" "$snapshot" "$point" "$@" || return 1
  "${nobody[@]}" "$python" "$work/bin/viewer" everything "$point" >"$file" 2>&1
  timeout 20 fusermount3 -u "$point"
}

# Of one name, which the views tell.
mkdir "$work/first" "$work/second"
scan first "$tree" "$work/first/snapshot" || finish
learned "$work/first/snapshot" "$work/expected" -o allow_other
learned "$work/first/snapshot" "$work/expected.open" -o allow_other,totals=all
holds "there is much to learn" [ "$(wc -l <"$work/expected")" -gt 500 ]
holds "and nothing went wrong in learning it" [ "$(grep -c Traceback "$work/expected")" -eq 0 ]
holds "of what is hidden, too, the name" grep -qF "b'own/private' " "$work/expected"
different=0
told=0
for ((number = 1; number <= pairs; ++number)); do
  change "$number"
  scan "change $number" "$tree" "$work/second/snapshot" || break
  learned "$work/second/snapshot" "$work/got" -o allow_other || break
  if ! cmp -s "$work/expected" "$work/got"; then
    different=$((different + 1))
    diff "$work/expected" "$work/got" >"$work/detail"
    fail "change $number cannot be seen" "$work/detail"
    break
  fi
  if [ "$number" -le 3 ]; then
    learned "$work/second/snapshot" "$work/got" -o allow_other,totals=all || break
    cmp -s "$work/expected.open" "$work/got" || told=$((told + 1))
  fi
  rm -r "$work/second/snapshot"
done
holds "$((number - 1)) changes were made" [ "$((number - 1))" -eq "$pairs" ]
holds "none of them can be seen" [ "$different" -eq 0 ]
holds "with -o totals=all each can" [ "$told" -eq 3 ]
finish
