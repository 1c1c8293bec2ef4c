#!/bin/bash
# Proves what a scan does not enter: kernel file systems, a pwalk mount, its own output, loops of bind mounts,
# and with -x other file systems; each is recorded as a directory with nothing below, its reason is in the
# manifest, it is no error, and the scan ends. Bind mounts and other file systems are walked otherwise.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "what is not entered"
need_namespace "mounts inside a tree"

tree=$work/tree
facts='%y %i %n %s %b %m %U %G %T@ %C@ %P %l\0'
mkdir -p "$tree"/{plain/below,bind,loops/a/b,tmpfs,out}
echo text >"$tree/plain/below/file"

dump() { timeout 100 "$dump_program" --printf "$2" "$1" 2>"$work/err" | sort -z; }
# recorded SNAPSHOT STATE NUMBER: so many directories were left out for this reason.
recorded() {
  tr -d ' \n' <"$1/manifest.json" | grep -oE '"unread":\{[^}]*\}' >"$work/unread"
  cp "$work/unread" "$work/err"
  holds "the manifest counts $3 as $2" grep -qE "\"$2\":$3[,}]" "$work/unread"
}
# whole NAME SNAPSHOT: is checked, and not called incomplete.
whole() {
  run "$check_program" "$2"
  expect "$1: pwalk-check" 0
}

# ---- kernel file systems -----------------------------------------------------------------------------------
kernel=0
for type in proc sysfs debugfs tracefs securityfs cgroup2 bpf mqueue pstore configfs; do
  mkdir "$tree/$type"
  if mount -t "$type" "$type" "$tree/$type" 2>/dev/null; then kernel=$((kernel + 1)); else rmdir "$tree/$type"; fi
done
[ "$kernel" -ge 2 ] || fail "proc and sysfs could not be mounted"
scan kernel "$tree" "$work/snapshot" -j 4 && {
  find "$tree" -mindepth 1 -fstype tmpfs -printf '%y %P\0' -o -printf '%y %P\0' -prune 2>/dev/null | sort -z >"$work/expected"
  dump "$work/snapshot" '%y %P\0' | sed -z '/^d $/d' >"$work/got"
  same "kernel file systems: the mount points, nothing below" "$work/expected" "$work/got"
  recorded "$work/snapshot" excluded_kernel_file_system "$kernel"
  whole "kernel file systems" "$work/snapshot"
  if can_mount && mount_source kernel "$work/snapshot" "$work/point"; then
    run ls -A "$work/point/proc"
    expect "an excluded directory can be listed" 0
    holds "and is empty" [ ! -s "$work/out" ]
    unmount kernel "$work/point"
  fi
}
rm -rf "$work/snapshot"
for type in proc sysfs debugfs tracefs securityfs cgroup2 bpf mqueue pstore configfs; do
  if mountpoint -q "$tree/$type"; then umount "$tree/$type" && rmdir "$tree/$type"; fi
done

# ROOT itself is always walked, whatever it lies on.
mkdir "$work/proc" && mount -t tmpfs tmpfs "$work/proc" && mkdir "$work/proc/directory"
scan "root on its own mount" "$work/proc" "$work/snapshot" && {
  holds "ROOT is a mount point: walked" [ "$(dump "$work/snapshot" '%P\0' | tr '\0' ,)" = ",directory," ]
  rm -rf "$work/snapshot"
}
umount "$work/proc"

# ---- a pwalk mount -----------------------------------------------------------------------------------------
if can_mount; then
  scan inner "$tree" "$work/inner" && mount_source inner "$work/inner" "$tree/pwalk mount" && {
    scan "pwalk mount" "$tree" "$work/snapshot" -j 2 && {
      find "$tree" -name 'pwalk mount' -printf '%y %P\0' -prune -o -printf '%y %P\0' | sort -z >"$work/expected"
      dump "$work/snapshot" '%y %P\0' >"$work/got"
      same "a pwalk mount is not entered" "$work/expected" "$work/got"
      recorded "$work/snapshot" excluded_pwalk_mount 1
      whole "pwalk mount" "$work/snapshot"
    }
    unmount inner "$tree/pwalk mount"
  }
  rmdir "$tree/pwalk mount"
  rm -rf "$work/snapshot" "$work/inner"
fi

# ---- its own output ----------------------------------------------------------------------------------------
find "$tree" -printf '%P\0' | sort -z >"$work/expected"
for jobs in 1 4; do
  scan "own output" "$tree" "$tree/out/snapshot" -j "$jobs" || continue
  dump "$tree/out/snapshot" '%P\0' | comm -z -13 "$work/expected" - | tr '\0' '\n' >"$work/got"
  # The one thing more is the partial directory, without what is in it.
  cp "$work/got" "$work/err"
  holds "own output: one directory more, nothing in it (-j $jobs)" [ "$(grep -c . "$work/got")" -eq 1 ]
  recorded "$tree/out/snapshot" excluded_own_output 1
  whole "own output" "$tree/out/snapshot"
  rm -rf "$tree/out/snapshot"
done
for time in first second; do
  run "$scan_program" -S "$tree/store" -n name "$tree"
  expect "a store inside ROOT: $time scan" 0 || continue
  snapshot=$tree/store/name/$(readlink "$tree/store/name/latest")
  recorded "$snapshot" excluded_own_output 1
  whole "a store inside ROOT" "$snapshot"
done
holds "the snapshot before is walked like anything else" \
  [ "$(dump "$snapshot" '%P\0' | tr '\0' '\n' | grep -c 'store/name/2.*/manifest.json$')" -eq 1 ]
rm -rf "$tree/store"

# ---- loops and bind mounts ---------------------------------------------------------------------------------
mkdir "$tree/loops/a/b/root" "$tree/loops/a/b/self"
mount --bind "$tree" "$tree/loops/a/b/root"
mount --bind "$tree/loops/a" "$tree/loops/a/b/self"
mount --bind "$tree/plain" "$tree/bind"
for jobs in 1 4; do
  rm -rf "$work/snapshot"
  scan loops "$tree" "$work/snapshot" -j "$jobs" || continue
  # find leaves out what repeats an ancestor; a snapshot has it, with nothing below.
  {
    find "$tree" -printf "$facts" 2>/dev/null
    for loop in loops/a/b/root loops/a/b/self; do find "$tree/$loop" -maxdepth 0 -printf "${facts/\%P/$loop}"; done
  } | sort -z >"$work/expected"
  dump "$work/snapshot" "$facts" >"$work/got"
  same "loops: not entered; a bind mount is (-j $jobs)" "$work/expected" "$work/got"
  recorded "$work/snapshot" excluded_loop 2
  whole loops "$work/snapshot"
done
holds "a bind mount is walked" [ -n "$("$dump_program" --printf '%s' "$work/snapshot/bind/below/file" 2>/dev/null)" ]
if can_mount && mount_source loops "$work/snapshot" "$work/point"; then
  find "$tree" -printf '%i %P\n' 2>&1 | sed "s,$tree,PLACE,g" | sort >"$work/expected"
  find "$work/point" -printf '%i %P\n' 2>&1 | sed "s,$work/point,PLACE,g" | sort >"$work/got"
  same_text "find says of the mount what it says of the original, loops too" "$work/expected" "$work/got"
  unmount loops "$work/point"
fi
umount "$tree/loops/a/b/root" "$tree/loops/a/b/self"
# What repeats an ancestor may lie below the mount point: here ROOT itself in a bind mount of its parent.
mkdir "$tree/loops/a/b/around" "$tree/loops/a/beside"
touch "$tree/loops/a/b/file" "$tree/loops/a/beside/file"
mount --bind "$tree/loops/a" "$tree/loops/a/b/around"
for jobs in 1 4; do
  rm -rf "$work/snapshot"
  scan "a loop below a mount" "$tree/loops/a/b" "$work/snapshot" -j "$jobs" || continue
  {
    find "$tree/loops/a/b" -printf "$facts" 2>/dev/null
    find "$tree/loops/a/b/around/b" -maxdepth 0 -printf "${facts/\%P/around/b}"
  } | sort -z >"$work/expected"
  dump "$work/snapshot" "$facts" >"$work/got"
  same "a loop below a mount: not entered; what is beside it is (-j $jobs)" "$work/expected" "$work/got"
  recorded "$work/snapshot" excluded_loop 1
  whole "a loop below a mount" "$work/snapshot"
done
holds "what lies beside is there" [ -n "$("$dump_program" --printf '%s' "$work/snapshot/around/beside/file" 2>/dev/null)" ]
umount "$tree/loops/a/b/around"
rm -r "$tree/loops/a/b/around" "$tree/loops/a/beside" "$tree/loops/a/b/file"
# Without /proc nobody knows what is mounted where. (A sanitizer does not do without.)
if ! sanitized; then
  run unshare --mount sh -c 'mount -t tmpfs tmpfs /proc && exec "$@"' sh "$scan_program" --exclude-caches -o "$work/without" "$tree/plain"
  expect "no /proc: said" 0 "cannot read /proc/self/mountinfo" "nor can tags of caches"
  rm -rf "$work/without"
fi

# ---- -x ----------------------------------------------------------------------------------------------------
mount -t tmpfs -o noatime tmpfs "$tree/tmpfs" && mkdir "$tree/tmpfs/below" && touch "$tree/tmpfs/below/file"
# one_file_system NAME ROOT: -x is find -xdev; without it, find.
one_file_system() {
  rm -rf "$work/snapshot"
  scan "$1 -x" "$2" "$work/snapshot" -x && {
    find "$2" -xdev -printf "$facts" | sort -z >"$work/expected"
    dump "$work/snapshot" "$facts" >"$work/got"
    same "$1: -x is find -xdev" "$work/expected" "$work/got"
    recorded "$work/snapshot" excluded_other_file_system "$3"
    whole "$1 -x" "$work/snapshot"
  }
  rm -rf "$work/snapshot"
  scan "$1" "$2" "$work/snapshot" && {
    find "$2" -printf "$facts" | sort -z >"$work/expected"
    dump "$work/snapshot" "$facts" >"$work/got"
    same "$1: without -x is find" "$work/expected" "$work/got"
  }
}
one_file_system "tmpfs and a bind mount" "$tree" 1
if new_btrfs_tree "$work/btrfs-tree"; then one_file_system "btrfs subvolumes" "$work/btrfs-tree" 2; else note "btrfs: no image could be mounted"; fi
finish
