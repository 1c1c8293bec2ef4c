#!/bin/bash
# Proves with find as the oracle that a snapshot holds, and a mount shows, exactly what the file system shows:
# `find -printf` of the original = pwalk-dump of the snapshot = the same find on the mount, for a tree of
# oddities on tmpfs, ext4, xfs, btrfs with subvolumes, overlays and several devices at once, for /usr, and for
# a user who may not read all of it. Also that scanning changes nothing, access times included.
# Usage: oracle_find.sh [TREE]...   (tmpfs ext4 xfs btrfs overlay overlay-mixed devices usr nobody; default: all). With
# PWALK_FULL the trees are larger, and usr is /usr; otherwise it is a part of that.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "oracle: find"

facts='%y\t%n\t%s\t%b\t%m\t%U\t%G\t%T@\t%C@'
# %B@ has a test of its own, %A@ is added where access times stand still.
every_directive='%y %i %n %s %b %k %m %M %u %U %g %G %T@ %C@ %p %P %f %h %d %D %l %%\t|\n|\0'

find_sorted() { timeout 100 find "$1" -printf "$2" 2>>"$work/find.errors" | sort -z; }
# dump_sorted SNAPSHOT FORMAT FILE [STATUS]
dump_sorted() {
  run "$dump_program" --printf "$2" "$1"
  if [ "$status" -ne "${4:-0}" ] || { [ $# -lt 4 ] && [ -s "$work/err" ]; }; then
    fail "pwalk-dump --printf $2 $1: status $status" "$work/err"
  fi
  sort -z "$work/out" >"$3"
}

# For every entry that shares its inode, the first path of that inode: equal where the same entries are linked,
# whatever the inode numbers are.
link_groups() {
  local record key path
  declare -A first=()
  find "$1" ! -type d -links +1 -printf '%P\t%D:%i\0' | sort -z |
    while IFS= read -r -d '' record; do
      key=${record##*$'\t'} path=${record%$'\t'*}
      [ -n "${first[$key]+is set}" ] || first[$key]=$path
      printf '%s = %s\0' "${first[$key]}" "$path"
    done
}

device_numbers() { find "$1" \( -type b -o -type c \) -printf '%P\t' -exec stat --printf '%t:%T\0' {} \; | sort -z; }

# find 4.9 does not know birth times: stat does, where paths are not too long for it.
birth_times() {
  (cd "$1" && find . -path '*/deep/*' -prune -o -printf '%P\0' | sed -z 's/^$/./' | xargs -0 stat --printf '%.9W0 %n\0' --) |
    sed -z 's/ \.$/ /' | sort -z
}

# prove NAME ROOT DEVICES ATIMES: DEVICES is one or several, ATIMES yes where they stand still.
prove() {
  local name=$1 root=$2 devices=$3 atimes=$4 snapshot=$work/snapshot.$1 point=$work/mount.$1
  local format="$facts" number='%i\t'
  [ "$atimes" = no ] || format="$format"'\t%A@'
  format="$format"'\t%P\t%l\0'
  local try
  for try in 1 2 3; do
    rm -rf "$snapshot"
    find_sorted "$root" "$number$format" >"$work/before"
    scan "$name" "$root" "$snapshot" -j "$((try % 3 + 1))" || return
    find_sorted "$root" "$number$format" >"$work/after"
    # A live tree may change under us: then once more. Ours do not.
    if [ "$name" != usr ] || cmp -s "$work/before" "$work/after"; then break; fi
  done
  same "$name: the scan changes nothing" "$work/before" "$work/after" || return
  [ "$(tr -cd '\0' <"$work/before" | wc -c)" -gt 1000 ] || fail "$name: the tree is there"

  dump_sorted "$snapshot" "$number$format" "$work/dump"
  same "$name: dump = find" "$work/before" "$work/dump"
  if [ "$name" != usr ]; then
    local every=$every_directive
    [ "$atimes" = no ] || every="%A@ $every"
    find_sorted "$root" "$every" >"$work/expected"
    dump_sorted "$snapshot" "$every" "$work/dump"
    same "$name: dump = find, every directive" "$work/expected" "$work/dump"
  fi
  birth_times "$root" >"$work/expected"
  run "$dump_program" --printf '%B@ %P\0' "$snapshot"
  grep -zv '[ /]deep/' "$work/out" | sort -z >"$work/dump"
  same "$name: dump = stat, birth times" "$work/expected" "$work/dump"
  run "$check_program" "$snapshot"
  expect "$name: pwalk-check" 0
  local walked
  walked=$(grep -aoE 'Walked [0-9]+ entries' "$work/scan.err" | tr -cd 0-9)
  if [ "$walked" = "$(tr -cd '\0' <"$work/before" | wc -c)" ]; then ok "$name: the last line counts them"; else
    fail "$name: the last line counts them" "$work/scan.err"
  fi

  can_mount || return
  mount_source "$name" "$snapshot" "$point" || return
  [ "$devices" = one ] || number=''
  find_sorted "$root" "$number$format" >"$work/expected"
  : >"$work/find.errors"
  find_sorted "$point" "$number$format" >"$work/mounted"
  same "$name: find on the mount = find" "$work/expected" "$work/mounted"
  [ ! -s "$work/find.errors" ] || fail "$name: find on the mount says" "$work/find.errors"
  find_sorted "$point" "$number$format" >"$work/mounted"
  same "$name: and again, from the caches" "$work/expected" "$work/mounted"
  link_groups "$root" >"$work/expected"
  link_groups "$point" >"$work/mounted"
  same "$name: hard links shared on the mount" "$work/expected" "$work/mounted"
  device_numbers "$root" >"$work/expected"
  device_numbers "$point" >"$work/mounted"
  same "$name: device numbers on the mount" "$work/expected" "$work/mounted"
  unmount "$name" "$point"
  rm -rf "$snapshot"
}

# Where not all can be read: what find can stat is in the dump as find shows it; what it can only list has a
# name, an inode and a type; what it cannot list is an error that names it, and the status is 1.
prove_unprivileged() {
  local root=$work/unreadable snapshot=$work/theirs/snapshot point=$work/mount.nobody
  local as=() format="%i\\t$facts"'\t%P\t%l\0'
  if is_root; then
    have setpriv || {
      note "setpriv is not installed: no unprivileged scan"
      return
    }
    as=("${nobody[@]}")
  fi
  "$PWALK_SUPPORT/oddities" --unreadable "$root" || return
  mkdir -m 0777 "$work/theirs"
  run "${as[@]}" "$scan_program" -j 2 -o "$snapshot" "$root"
  expect "nobody: status 1 where parts cannot be read" 1 errors || return
  "${as[@]}" find "$root" -printf "$format" 2>/dev/null | sort -z >"$work/expected"
  dump_sorted "$snapshot" "$format" "$work/got" 1
  same "nobody: dump has what find can stat" "$work/expected" "$work/got"
  run "$check_program" "$snapshot"
  expect "nobody: pwalk-check" 0

  # Only its owner and root can ask for more than find would say here.
  if is_root; then
    {
      "${as[@]}" find "$root" -printf '%i\t%y\t%P\0' 2>/dev/null
      find "$root/listable" "$root/nested/listable" -mindepth 1 -maxdepth 1 -printf '%i\t%y\t%H/%P\0' |
        sed -z "s,\t$root/,\t,"
    } | sort -zu >"$work/expected"
    dump_sorted "$snapshot" '%i\t%y\t%P\0' "$work/got" 1
    same "nobody: what can only be listed has its name, inode and type" "$work/expected" "$work/got"
  fi

  can_mount || return
  mount_source nobody "$snapshot" "$point" || return
  "${as[@]}" find "$root" -printf "$format" 2>"$work/theirs.errors" | sort -z >"$work/expected"
  find "$point" -printf "$format" 2>"$work/ours.errors" | sort -z >"$work/all"
  comm -z -12 "$work/expected" "$work/all" >"$work/got"
  same "nobody: the mount has all that find can stat" "$work/expected" "$work/got"
  if comm -z -13 "$work/expected" "$work/all" | cut -z -f 11 | grep -zv -e '^listable/' -e '^nested/listable/'; then
    fail "nobody: the mount has nothing else but what can only be listed" "$work/all"
  fi
  comm -z -13 "$work/expected" "$work/all" | cut -z -f 4-8 | tr '\0' '\n' >"$work/made-up"
  if grep -q '[1-9]' "$work/made-up"; then fail "nobody: no number is made up where statx failed" "$work/made-up"; else
    ok "nobody: no number is made up where statx failed"
  fi
  grep -a 'Permission denied' "$work/theirs.errors" | grep -av listable/ | sed "s,$root,," | sort >"$work/expected"
  grep -a 'Permission denied' "$work/ours.errors" | grep -av listable/ | sed "s,$point,," | sort >"$work/got"
  same_text "nobody: find on the mount is refused where the scan was" "$work/expected" "$work/got"
  unmount nobody "$point"
}

prove_kind() {
  local root=$work/tree.$1
  case $1 in
    tmpfs)
      "$PWALK_SUPPORT/oddities" "${extent[@]}" "$root" || fail "tmpfs: oddities"
      if in_namespace; then prove tmpfs "$root" one yes; else prove tmpfs "$root" one no; fi
      ;;
    ext4 | xfs)
      if new_image "$1" 400M "$root" && "$PWALK_SUPPORT/oddities" --seed 3 "${extent[@]}" "$root/tree" | sed "s/^/$1: /"; then
        prove "$1" "$root" one yes
      else
        note "$1: no image could be mounted"
      fi
      ;;
    btrfs) if new_btrfs_tree "$root"; then prove btrfs "$root" several yes; else note "btrfs: no image could be mounted"; fi ;;
    overlay) if new_overlay_tree "$root" xino=auto; then prove "$1" "$root" several yes; else note "$1: cannot be mounted"; fi ;;
    overlay-mixed) if new_overlay_tree "$root" xino=off; then prove "$1" "$root" several yes; else note "$1: cannot be mounted"; fi ;;
    devices) if in_namespace && new_device_tree "$root"; then prove "$1" "$root" several yes; else note "$1: cannot be mounted"; fi ;;
    usr)
      find_usr
      root=$usr
      local devices=one
      [ "$(find "$root" -printf '%D\n' | sort -u | wc -l)" -eq 1 ] || devices=several
      prove usr "$root" "$devices" no
      ;;
    nobody) prove_unprivileged ;;
    *) skip "no tree is called $1" ;;
  esac
  [ "$1" != usr ] || return 0
  if in_namespace; then umount -R "$root" "$root.layers"/*fs 2>/dev/null; fi
  rm -rf --one-file-system "$root" "$work"/image.* 2>/dev/null
}

extent=(--wide 1000)
! in_full || extent=()
if [ $# -eq 0 ]; then
  set -- tmpfs ext4 xfs btrfs overlay overlay-mixed devices usr nobody
  ! sanitized || set -- tmpfs overlay devices nobody
fi
for kind in "$@"; do prove_kind "$kind"; done
finish
