#!/bin/bash
# Proves that what is mounted keeps its identity: in a store of several scans and devices du, find and ls see no
# loop and no hard link that is none; file handles lead to the same entry after a remount and after other
# snapshots were removed, and are stale once theirs is.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "identity in the mount"
need_fuse
need_namespace "devices to scan, file handles"

point=$work/point
store=$work/store
mkdir -p "$point" "$store"

# ---- three devices, each with the inode numbers of the others ----------------------------------------------
# The root of an ext4 is inode 2, and so is that of the ext4 mounted below it.
devices=$work/devices
mkdir "$devices" && mount -t tmpfs -o noatime tmpfs "$devices" || skip "no tmpfs"
{ new_image ext4 64M "$devices/outer" && mkdir -p "$devices/outer/a/b/inner" && new_image ext4 64M "$devices/outer/a/b/inner"; } ||
  skip "no ext4 on a loop device here"
for each in "$devices" "$devices/outer" "$devices/outer/a/b/inner"; do
  mkdir "$each/files"
  # Equal inode numbers on the two ext4, different sizes, links within each.
  for i in {1..20}; do
    head -c $((i * 5000 + ${#each})) /dev/zero >"$each/files/$i"
    ln "$each/files/$i" "$each/files/link $i"
  done
done
[ "$(stat -c %i "$devices/outer")" = "$(stat -c %i "$devices/outer/a/b/inner")" ] || fail "directory and ancestor have equal inode numbers"
numbers_of() { find "$1/files" -xdev -type f -printf '%i\n' | sort -u; }
[ "$(sort <(numbers_of "$devices/outer") <(numbers_of "$devices/outer/a/b/inner") | uniq -d | wc -l)" -gt 5 ] || fail "files have equal inode numbers"
"$PWALK_SUPPORT/oddities" --seed 21 --wide 50 --levels 5 "$work/tree" >/dev/null || fail "oddities"
chmod 0755 "$work/tree"

run "$scan_program" -q -S "$store" -n one "$work/tree"
first=$(readlink "$store/one/latest")
run "$scan_program" -q -S "$store" -n one "$work/tree"
second=$(readlink "$store/one/latest")
run "$scan_program" -q -S "$store" -n devices "$devices"
expect "three scans" 0
third=$(readlink "$store/devices/latest")

# programs_agree WHAT ORIGINAL DIRECTORY: du, find and ls say the same of both, and complain of nothing.
programs_agree() {
  local what=$1 side into=expected
  for side in "$2" "$3"; do
    (
      cd "$side" || exit
      du -a -l -B1 . | sort
      # Which of its names an inode is counted under is a matter of the order of the listing.
      du -s -B1 . && du -a -B1 . | wc -l
      find . -type d -printf 'directory %P\n' | sort
      find . ! -type d -links +1 -printf '%n %P\n' | sort
      ls -R . | sort
    ) >"$work/said.$into" 2>&1
    into=got
  done
  same_text "$what: du, find and ls" "$work/said.expected" "$work/said.got"
}

if mount_source "three devices" "$store/devices/$third" "$point"; then
  programs_agree "three devices" "$devices" "$point"
  holds "the root's device keeps its numbers" [ "$(stat -c %i "$point/files/3")" = "$(stat -c %i "$devices/files/3")" ]
  unmount "three devices" "$point"
fi
if mount_source store "$store" "$point"; then
  programs_agree "store, first" "$work/tree" "$point/one/$first"
  programs_agree "store, second" "$work/tree" "$point/one/$second"
  programs_agree "store, three devices" "$devices" "$point/devices/$third"
  # One du over all would leave out what it takes for a further link of something it has seen.
  sum=$(($(du -s -B1 "$work/tree" | cut -f 1) * 2 + $(du -s -B1 "$devices" | cut -f 1)))
  run du -s -B1 "$point"
  holds "one du over the store counts everything" [ "$(cut -f 1 "$work/out")" = "$sum" ]
  holds "and complains of nothing" [ ! -s "$work/err" ]
  find "$point" -type d -printf '%i\n' | sort | uniq -d >"$work/got"
  holds "no two directories have one inode number" [ ! -s "$work/got" ]
  find "$point" -printf '%i\n' | sort >"$work/numbers"
  unmount store "$point"
fi
if mount_source "store again" "$store" "$point"; then
  find "$point" -printf '%i\n' | sort >"$work/numbers.again"
  same_text "inode numbers are the same in the next mount" "$work/numbers" "$work/numbers.again"
  unmount "store again" "$point"
fi

# ---- file handles ------------------------------------------------------------------------------------------
handles=$PWALK_SUPPORT/handles
# No newlines and control characters in what is written line by line.
rm -rf "$work/tree/bytes" "$work/tree/names" "$work/tree/crafted"
find "$work/tree" -name '*[[:cntrl:]]*' -prune -exec rm -rf {} +
run "$scan_program" -q -S "$store" -n one "$work/tree"
first=$(readlink "$store/one/latest")
run "$scan_program" -q -S "$store" -n one "$work/tree"
second=$(readlink "$store/one/latest")

mount_source handles "$store" "$point" || finish
for each in "$first" "$second"; do
  "$handles" save "$work/handles.$each" "$point/one/$each" >"$work/expected.$each" || fail "handles: saved"
done
holds "handles: there are many" [ "$(wc -l <"$work/expected.$first")" -gt 500 ]
holds "handles: of everything" [ "$(grep -cE ': [A-Z]+$' "$work/expected.$first")" -eq 0 ]
"$handles" save "$work/handles.store" "$point/devices" >"$work/expected.store"
# opens_all WHAT WHICH; all_stale WHAT WHICH
opens_all() {
  "$handles" open "$work/handles.$2" "$point" >"$work/got"
  same_text "handles: $1" "$work/expected.$2" "$work/got"
}
all_stale() {
  "$handles" open "$work/handles.$2" "$point" | grep -v ': ESTALE$' >"$work/detail"
  if [ -s "$work/detail" ] || [ ! -s "$work/handles.$2" ]; then fail "handles: $1" "$work/detail"; else ok "handles: $1"; fi
}
opens_all "open in the same mount" "$first"
unmount handles "$point"
mount_source handles "$store" "$point" || finish
opens_all "open after a remount, asked for first" "$second"
opens_all "open after a remount" "$first"
opens_all "the store's own, and three devices" store
unmount handles "$point"

# Another one removed: before the mount, and while it lives.
cp -a "$store/one/$first" "$work/kept"
rm -r "${store:?}/one/$first"
mount_source handles "$store" "$point" || finish
all_stale "of a removed snapshot are stale" "$first"
opens_all "open although another was removed" "$second"
cp -a "$work/kept" "$store/one/$first"
opens_all "open again where the snapshot is back" "$first"
unmount handles "$point"
mount_source handles "$store" "$point" || finish
stat "$point/one/$first" >/dev/null # the daemon has it open, the kernel no handle but this one
rm -r "${store:?}/one/$first"
"$handles" open "$work/handles.$first" "$point" | tail -n +2 | grep -v ': ESTALE$' >"$work/detail"
if [ -s "$work/detail" ]; then fail "handles: of a snapshot removed in a live mount are stale" "$work/detail"; else ok "handles: of a snapshot removed in a live mount are stale"; fi
sleep 1.2
holds "a removed snapshot is gone" [ ! -e "$point/one/$first" ]
all_stale "of a removed snapshot are stale, its root too" "$first"
opens_all "open although another was removed in a live mount" "$second"
# The slot given to another snapshot.
slot=$(sed -n 's/^ "slot": \([0-9]*\),$/\1/p' "$work/kept/manifest.json")
echo "$slot" >"$store/.next-slot"
run "$scan_program" -q -S "$store" -n another "$work/tree"
holds "another snapshot has the slot" grep -qx " \"slot\": $slot," "$store/another/latest/manifest.json"
all_stale "of a removed snapshot are stale although another has its slot" "$first"
find "$point/another" >/dev/null
all_stale "also when that one is in use" "$first"
opens_all "open all the same" "$second"
unmount handles "$point"

# One snapshot for a mount: its handles hold there, and another snapshot's do not.
mount_source "one snapshot" "$store/one/$second" "$point" || finish
"$handles" save "$work/handles.single" "$point" >"$work/expected.single"
unmount "one snapshot" "$point"
mount_source "one snapshot" "$store/one/$second" "$point" && opens_all "of a single snapshot open after a remount" single
unmount "one snapshot" "$point"
if mount_source "another snapshot" "$work/kept" "$point"; then
  # All but the root's: every file system's root is its root.
  "$handles" open "$work/handles.single" "$point" | tail -n +2 | grep -v ': ESTALE$' >"$work/got"
  holds "of a single snapshot are stale where another is mounted" [ ! -s "$work/got" ]
  unmount "another snapshot" "$point"
fi
finish
