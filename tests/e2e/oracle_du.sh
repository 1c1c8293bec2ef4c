#!/bin/bash
# Proves with du as the oracle that every directory's totals are right: for each directory of a tree, what
# `du -s` prints when run on that directory alone is what pwalk-du answers from the snapshot, in every unit and
# measure; hard links count once per directory asked for. Also that du on the mount = du on the original.
# du 9.1 counts the sizes of directories in -b, later ones do not; pwalk-du does: the test adds them if need be.
# Usage: oracle_du.sh [TREE]...   (tmpfs ext4 xfs btrfs overlay overlay-mixed devices usr; default: all). With
# PWALK_FULL the trees are larger, and usr is /usr; otherwise it is a part of that.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "oracle: du"

mkdir "$work/one" && touch "$work/one/empty"
if [ "$(du -s -b "$work/one" | cut -f 1)" -eq "$(stat -c %s "$work/one")" ] && [ "$(stat -c %s "$work/one")" -gt 0 ]; then
  du_counts_directories=yes
else
  du_counts_directories=no
  note "this du -b does not count the sizes of directories: they are added here"
fi

# du_each ROOT OPTION...: `AMOUNT\tPATH` NUL for each directory, each by a du of its own, started in its parent
# so that no path is too long.
du_each() {
  local root=$1
  shift
  paste -z <(find "$root" -type d -execdir du -s -0 "$@" {} \; | cut -z -f 1) <(find "$root" -type d -printf '%P\0') |
    sort -z
}

# pwalk_du_each SNAPSHOT OPTION...
pwalk_du_each() {
  local snapshot=$1
  shift
  run "$du_program" -0 "$@" "$snapshot"
  if [ "$status" -ne 0 ] || [ -s "$work/err" ]; then
    fail "pwalk-du -0 $* $snapshot: status $status" "$work/err" >&2
  fi
  # `AMOUNT\tSNAPSHOT/PATH`
  sed -z "s,\\t$snapshot/\\?,\\t," "$work/out" | sort -z
}

# prove_options NAME ROOT SNAPSHOT OPTION...
prove_options() {
  local name=$1 root=$2 snapshot=$3
  shift 3
  du_each "$root" "$@" >"$work/expected"
  pwalk_du_each "$snapshot" "$@" >"$work/got"
  same "$name: pwalk-du $* = du -s $* for each directory" "$work/expected" "$work/got"
}

# The apparent sizes where du leaves those of directories out.
prove_bytes() {
  local name=$1 root=$2 snapshot=$3
  if [ "$du_counts_directories" = yes ]; then
    prove_options "$name" "$root" "$snapshot" -b
    return
  fi
  # shellcheck disable=SC2016 # for the inner shell
  paste -z <(find "$root" -type d -execdir sh -c 'files=$(du -s -b -0 "$1" | cut -z -f 1 | tr -d "\\0")
      printf "%s\\0" $((files + $(find "$1" -type d -printf "%s+")0))' sh {} \;) <(find "$root" -type d -printf '%P\0') |
    sort -z >"$work/expected"
  pwalk_du_each "$snapshot" -b >"$work/got"
  same "$name: pwalk-du -b = du -s -b and the directories' own sizes, for each directory" "$work/expected" "$work/got"
}

# Lines of -a for what is no directory are st_blocks × 512.
prove_all() {
  find "$2" ! -type d -printf '%b\t%P\0' | while IFS= read -r -d '' record; do
    printf '%s\t%s\0' $((${record%%$'\t'*} * 512)) "${record#*$'\t'}"
  done | sort -z >"$work/files"
  pwalk_du_each "$3" -B1 >"$work/directories"
  sort -z "$work/files" "$work/directories" >"$work/expected"
  pwalk_du_each "$3" -a -B1 >"$work/got"
  same "$1: pwalk-du -a -B1 also shows each entry" "$work/expected" "$work/got"
}

# prove_mount NAME ROOT SNAPSHOT: directory by directory, or the root alone if there is a fourth argument.
prove_mount() {
  can_mount || return
  local point=$work/mount.$1 option
  mount_source "$1" "$3" "$point" || return
  for option in -B1 -b; do
    if [ $# -gt 3 ]; then
      (cd "$2" && du -0 -s "$option" .) >"$work/expected"
      (cd "$point" && du -0 -s "$option" .) >"$work/got"
    else
      du_each "$2" "$option" >"$work/expected"
      du_each "$point" "$option" >"$work/got"
    fi
    same "$1: du $option on the mount = on the original" "$work/expected" "$work/got"
  done
  unmount "$1" "$point"
}

# thin DIRECTORY...: leaves less of these trees of oddities, unless in full: names and modes, and many directories
# alike, are nothing to du, and each directory costs a du for each measure.
thin() {
  local each
  in_full && return
  for each; do
    rm -rf "$each"/{bytes,modes,"directory modes","crafted directories","random names",acls,owners,times} || return
    find "$each/many empty directories" -mindepth 1 -name '*[1-9]' -delete || return
  done
}

prove_tree() {
  local name=$1 root=$2 snapshot=$work/snapshot.$1
  scan "$name" "$root" "$snapshot" -j 2 || return
  prove_options "$name" "$root" "$snapshot" -B1
  prove_bytes "$name" "$root" "$snapshot"
  if [ "$name" = tmpfs ]; then
    local options
    thin "$root" && rm -r "$snapshot" && scan "$name" "$root" "$snapshot" -j 2 || return
    for options in -h --si "-l -B1" --inodes "--inodes -l" "-h -S -l"; do
      # shellcheck disable=SC2086 # several words
      prove_options "$name" "$root" "$snapshot" $options
    done
    [ "$du_counts_directories" = no ] || prove_options "$name" "$root" "$snapshot" --apparent-size -h
    prove_all "$name" "$root" "$snapshot"
    prove_mount "$name" "$root" "$snapshot"
  else
    prove_mount "$name" "$root" "$snapshot" root
  fi
  rm -rf "$snapshot"
}

# A sample of the directories of a real tree, asked for one by one as SNAPSHOT/PATH.
prove_usr() {
  find_usr
  local root=$usr snapshot=$work/snapshot.usr
  local count step path
  for _ in 1 2 3; do
    rm -rf "$snapshot"
    find "$root" -printf '%i %s %b %n %P\0' >"$work/before"
    scan usr "$root" "$snapshot" -j 2 || return
    count=$(find "$root" -type d -printf x | wc -c)
    step=$((count / 250 + 1))
    in_full || step=$((count / 60 + 1))
    find "$root" -type d -printf '%P\0' | sort -z | sed -nz "1~${step}p" >"$work/sample"
    # shellcheck disable=SC2016 # for the inner shell
    run xargs -0 -a "$work/sample" -n 1000 sh -c 'snapshot=$1 du=$2; shift 2
      for path; do set -- "$@" "$snapshot/$path"; shift; done; exec "$du" -s -B1 "$@"' sh "$snapshot" "$du_program"
    [ "$status" -eq 0 ] || fail "usr: pwalk-du SNAPSHOT/PATH...: status $status" "$work/err"
    sed "s,\\t$snapshot/\\?,\\t," "$work/out" >"$work/got"
    while IFS= read -r -d '' path; do
      (cd "$root/$path" && printf '%s\t%s\n' "$(du -s -B1 . | cut -f 1)" "$path")
    done <"$work/sample" >"$work/expected"
    find "$root" -printf '%i %s %b %n %P\0' >"$work/after"
    cmp -s "$work/before" "$work/after" && break
  done
  same_text "usr: pwalk-du -s -B1 SNAPSHOT/PATH = du -s -B1, $(wc -l <"$work/expected") of $count directories" \
    "$work/expected" "$work/got"
  prove_mount usr "$root" "$snapshot" root
  rm -rf "$snapshot"
}

prove_kind() {
  local root=$work/tree.$1
  case $1 in
    tmpfs) "$PWALK_SUPPORT/oddities" "${extent[@]}" "$root" && prove_tree "$1" "$root" ;;
    ext4 | xfs) if new_image "$1" 400M "$root" && "$PWALK_SUPPORT/oddities" --seed 3 "${extent[@]}" "$root/tree" >/dev/null; then
      thin "$root/tree" && prove_tree "$1" "$root"; else note "$1: no image could be mounted"; fi ;;
    btrfs) if new_btrfs_tree "$root"; then thin "$root/tree" && prove_tree "$1" "$root"; else note "$1: no image could be mounted"; fi ;;
    overlay) if new_overlay_tree "$root" xino=auto; then thin "$root" && prove_tree "$1" "$root"; else note "$1: cannot be mounted"; fi ;;
    overlay-mixed) if new_overlay_tree "$root" xino=off; then thin "$root" && prove_tree "$1" "$root"; else note "$1: cannot be mounted"; fi ;;
    devices) if in_namespace && new_device_tree "$root"; then thin "$root" "$root/ext4/tree" "$root/tmpfs/tree" && prove_tree "$1" "$root"; else note "$1: cannot be mounted"; fi ;;
    usr) prove_usr && return ;;
    *) skip "no tree is called $1" ;;
  esac
  if in_namespace; then umount -R "$root" "$root.layers"/*fs 2>/dev/null; fi
  rm -rf --one-file-system "$root" "$work"/image.* 2>/dev/null
}

extent=(--wide 500 --levels 15)
! in_full || extent=(--levels 40)
if [ $# -eq 0 ]; then
  set -- tmpfs ext4 xfs btrfs overlay overlay-mixed devices usr
  ! sanitized || set -- tmpfs overlay devices
fi
for kind in "$@"; do prove_kind "$kind"; done
finish
