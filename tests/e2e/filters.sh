#!/bin/bash
# Proves what the user can leave out: --exclude, -X, --no-snapshots, --exclude-caches and -d leave out what find
# prunes by the same words; excluded directories are there with their reason and nothing below, totals are those
# of what is recorded, and a scan without these options records everything.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "what is left out when asked"

tree=$work/tree
mkdir -p "$tree"/{build/deep,src/build,src/lib/build,cache/below,fake/below,.snapshot/old,src/.zfs/old,src/~snapshot,deep/2/3/4}
for directory in "$tree" "$tree"/{build,build/deep,src,src/build,src/lib,src/lib/build,cache/below,fake/below,deep/2/3/4,.snapshot/old}; do
  echo text >"$directory/a.o"
  echo text >"$directory/b.c"
done
ln -s target "$tree/src/link.o"
touch "$tree/src/new"$'\n'"line.o" "$tree/src/.snapshots"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n# a comment\n' >"$tree/cache/CACHEDIR.TAG"
echo 'Signature: none' >"$tree/fake/CACHEDIR.TAG"
mkfifo "$tree/deep/CACHEDIR.TAG"

dump() { timeout 100 "$dump_program" --printf '%y %i %s %P\0' "$1" 2>"$work/err" | sort -z; }
manifest_has() { tr -d ' \n' <"$work/snapshot/manifest.json" | grep -qF -- "$1"; }
totals_of_find() { tr -cd '\0' <"$work/expected" | wc -c; }

# left_out WHAT REASON NUMBER [SCAN ARGUMENT]... : "$work/expected" has what find says; the manifest counts
# NUMBER directories of this REASON (or none).
left_out() {
  local what=$1 reason=$2 number=$3 jobs
  shift 3
  for jobs in 1 3; do
    rm -rf "$work/snapshot"
    scan "$what" "$tree" "$work/snapshot" -j "$jobs" "$@" || return
    dump "$work/snapshot" >"$work/got"
    same "$what: the dump is what find leaves (-j $jobs)" "$work/expected" "$work/got"
    [ "$number" = 0 ] || holds "$what: the manifest counts $number as $reason" manifest_has "\"$reason\":$number"
    holds "$what: the manifest's entries" manifest_has "\"entries\":$(totals_of_find),"
    run "$check_program" "$work/snapshot"
    expect "$what: pwalk-check" 0
  done
}
found() { find "$tree" "$@" -printf '%y %i %s %P\0' | sort -z >"$work/expected"; }

found
left_out "no option" none 0
holds "no option: nothing excluded in the manifest" sh -c "! grep -q excluded_ '$work/snapshot/manifest.json'"

if is_root && have setpriv; then
  mkdir -p "$work/listed/directory/"{left,right} && chmod 0744 "$work/listed/directory" && mkdir -m 0777 "$work/his"
  run "${nobody[@]}" "$scan_program" -q --exclude left --exclude right -o "$work/his/snapshot" "$work/listed"
  expect "what is left out is no error where it cannot be looked at" 0
  run "${nobody[@]}" "$scan_program" -q --exclude left -o "$work/his/other" "$work/listed"
  expect "what is not left out is one" 1 right
  rm -rf "$work/his" "$work/listed"
fi
rm -rf "$work/snapshot"
run "$scan_program" -q --exclude "$tree/build" -o "$work/snapshot" "$tree"
expect "a pattern that has ROOT's own path: told" 0 "'$tree/build'" "would be '/build'"
rm -rf "$work/snapshot"

found ! -name '*.o'
left_out "a name" none 0 --exclude '*.o'
holds "excluded files are counted" manifest_has "\"excluded_entries\":$(find "$tree" -name '*.o' -printf x | wc -c)"

find "$tree" -name build -printf '%y %i %s %P\0' -prune -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "a directory's name" excluded_pattern 3 --exclude build
left_out "a directory's name with a slash" excluded_pattern 3 --exclude build/
printf '%s\n' '# comment' '' build >"$work/patterns"
left_out "from a file" excluded_file 3 -X "$work/patterns"
echo other >"$work/more"
left_out "from two files" excluded_file 3 -X "$work/more" -X "$work/patterns"
rm -rf "$work/snapshot"
"$scan_program" -X - -o "$work/snapshot" "$tree" <"$work/patterns" 2>/dev/null
dump "$work/snapshot" >"$work/got"
same "from standard input" "$work/expected" "$work/got"
if can_mount && mount_source "excluded" "$work/snapshot" "$work/mount"; then
  run ls -A "$work/mount/src/build"
  expect "an excluded directory can be listed on the mount" 0
  holds "and is empty" [ ! -s "$work/out" ]
  unmount "excluded" "$work/mount"
fi

find "$tree" -path "$tree/build" -printf '%y %i %s %P\0' -prune -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "a path from the root" excluded_pattern 1 --exclude /build
find "$tree" -path "$tree/src/lib/build" -printf '%y %i %s %P\0' -prune -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "a path with two stars" excluded_pattern 1 --exclude 'src/*/**/build/'
left_out "an inner slash" excluded_pattern 1 --exclude 'src/lib/build'
found \( ! -path "$tree/src/*.o" -o -path "$tree/src/*/*" \)
left_out "files below one directory" none 0 --exclude 'src/*.o'
found
left_out "a trailing slash takes no file" none 0 --exclude 'a.o/'

find "$tree" -type d \( -name .snapshot -o -name .zfs -o -name '~snapshot' \) -printf '%y %i %s %P\0' -prune -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "snapshot directories" excluded_snapshot_directory 3 --no-snapshots
find "$tree" -path "$tree/cache" -printf '%y %i %s %P\0' -prune -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "caches" excluded_cache_directory 1 --exclude-caches
for depth in 0 1 2 3; do
  found -maxdepth "$depth"
  left_out "depth $depth" excluded_depth "$(find "$tree" -mindepth "$depth" -maxdepth "$depth" -type d | wc -l)" -d "$depth"
done
find "$tree" -name build -printf '%y %i %s %P\0' -prune -o -name '*.c' -o -printf '%y %i %s %P\0' | sort -z >"$work/expected"
left_out "two patterns" excluded_pattern 3 --exclude build --exclude '*.c'
holds "both are in the manifest" manifest_has '"exclude":"build%0a*.c"'

for wrong in '' '/' '[a' 'a\'; do
  run "$scan_program" --exclude "$wrong" -o "$work/snapshot.wrong" "$tree"
  expect "--exclude '$wrong' is refused" 2 "is not a pattern"
done
printf 'fine\n[x\n' >"$work/patterns"
run "$scan_program" -X "$work/patterns" -o "$work/snapshot.wrong" "$tree"
expect "a wrong pattern in a file is named with its line" 2 "line 2" "[x"
run "$scan_program" -X "$work/none" -o "$work/snapshot.wrong" "$tree"
expect "a file that is not there" 2 "$work/none" "No such file"
run "$scan_program" -X "$work" -o "$work/snapshot.wrong" "$tree"
expect "a directory as a file of patterns" 2 "cannot read" "Is a directory"
for wrong in -1 x 1x 99999999999; do
  run "$scan_program" "--max-depth=$wrong" -o "$work/snapshot.wrong" "$tree"
  expect "-d $wrong is refused" 2 "not a number of levels"
done
holds "nothing was written" [ ! -e "$work/snapshot.wrong" ]
finish
