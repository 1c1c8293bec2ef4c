#!/bin/bash
# Proves what the hidden directory `.pwalk` of every directory shows: each view against the tree itself, totals
# against du and pwalk-du, names of all bytes, what could not be read, a real entry of that name, a store, and who
# may read what, by permission bits and ACLs.
# shellcheck disable=SC2012,SC2317 # names are plain; functions are called by `holds`
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "the views"
need_fuse
need python3 jq getfattr

# Other users must be able to run it.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)
oracle=$work/bin/views_oracle
viewer=$work/bin/viewer
cp "$PWALK_SOURCE/tests/support/views_oracle" "$PWALK_SOURCE/tests/support/viewer" "$work/bin" || exit 1
tree=$work/tree
point=$work/point
snapshot=$work/snapshot
"$PWALK_SUPPORT/oddities" --seed 6 --wide 200 --levels 20 "$tree" >/dev/null || fail "oddities"
chmod 0755 "$tree"
# A real entry called .pwalk, and one called .pwalk~ beside it.
mkdir -p "$tree/taken/.pwalk" "$tree/taken/.pwalk~" && touch "$tree/taken/.pwalk/real" "$tree/taken/.pwalk~/real too"
mkdir "$tree/taken/.pwalk~~ not" && touch "$tree/taken/.pwalk.json"
scan tree "$tree" "$snapshot" -j 2 || finish
mkdir "$point"

# ---- every view of every directory -------------------------------------------------------------------------
mount_source views "$snapshot" "$point" || finish
{ "$du_program" -0 -B1 "$snapshot" && "$du_program" -0 -B1 --apparent-size "$snapshot"; } | sed -z "s,\t$snapshot,\t," >"$work/du"
run "$python" "$oracle" "$tree" "$point" "$tree" "$work/du"
cp "$work/out" "$work/details"
if [ "$status" -eq 0 ]; then ok "every view is right: $(tail -n 1 "$work/out")"; else fail "every view is right" "$work/details"; fi
[ ! -s "$work/err" ] || fail "the oracle ran to its end" "$work/err"
jq_says() { jq -e "$@" >/dev/null; }
du_of() { du -s -B1 "$@" | cut -f 1; }
for each in links wide taken types; do
  view=$(printf '%s/' "$point/$each")$([ "$each" = taken ] && echo '.pwalk~~' || echo .pwalk)
  holds "$each: disk_bytes is du -s" [ "$(jq .subtree.disk_bytes "$view/summary.json")" = "$(du_of "$tree/$each")" ]
  holds "$each: with the hard links' excess it is du -s -l" \
    [ "$(jq '.subtree | .disk_bytes + .hard_link_excess.disk_bytes' "$view/summary.json")" = "$(du_of -l "$tree/$each")" ]
done
# du --apparent-size counts directories' own sizes up to coreutils 9.1 and not from 9.2 on: both are there.
apparent=$(du_of --apparent-size "$tree/links")
holds "apparent_bytes is du -s --apparent-size, with or without directories" \
  jq_says --argjson du "$apparent" '.subtree | $du == .apparent_bytes or $du == .apparent_bytes + .directory_bytes' "$point/links/.pwalk/summary.json"
holds "and there are hard links in it" jq_says '.subtree.hard_link_excess.inodes > 10' "$point/links/.pwalk/summary.json"
holds "snapshot.json is the manifest" cmp "$point/.pwalk~/snapshot.json" "$snapshot/manifest.json"

# ---- as people use them ------------------------------------------------------------------------------------
(cd "$tree" && for each in *; do say "$(du -s -B1 "$each" | cut -f 1) $each"; done | sort -n) >"$work/expected"

(cd "$point/.pwalk~/du" && ls -s --block-size=1 | tail -n +2 | sed 's/^ *//' | sort -n) >"$work/got"
same_text "ls -s in du/ is du -s of each" "$work/expected" "$work/got"
holds "ls -S puts the largest first" [ "$(ls -S "$point/.pwalk~/du" | head -n 1)" = sizes ]
holds "find -size finds what is large below" [ "$(find "$point/.pwalk~/du" -size +1024G)" = "$point/.pwalk~/du/sizes" ]
holds "find does not see the views" [ "$(find "$point" | wc -l)" = "$(find "$tree" | wc -l)" ]
holds "du does not see the views" [ "$(du_of "$point")" = "$(du_of "$tree")" ]
(cd "$point/links/.pwalk" && timeout 20 tail -n 3 summary.json errors own.json summary && timeout 20 wc -c summary.json) >"$work/out" 2>"$work/err"
holds "tail and wc read them" [ ! -s "$work/err" ]
holds "dd reads a piece" [ "$(dd if="$point/links/.pwalk/summary.json" bs=1 skip=4 count=6 2>/dev/null)" = '"scan"' ]
holds "a listing of a views directory names its own and its parent" \
  [ "$(ls -ai "$point/links/.pwalk/du" | awk '$2 == ".." { print $1 }')" = "$(stat -c %i "$point/links/.pwalk")" ]
for each in .pwalk/nothing .pwalk/snapshot.json .pwalk/.pwalk .pwalk~ .pwalk/stat/nothing .pwalk/du/nothing .pwalkx .pwal .pwalk/own.json/x .pwalk/stat/.pwalk; do
  run stat "$point/links/$each"
  if [ "$status" -eq 1 ] && [ "$each" != "${each#.pwalk/own.json/}" ]; then
    expect "links/$each does not exist" 1 "Not a directory"
  else
    expect "links/$each does not exist" 1 "No such file or directory"
  fi
done
run ls -a "$point/taken"
holds "real entries called .pwalk are listed as what they are" [ "$(tail -n +3 "$work/out")" = "$(ls -A "$tree/taken")" ]
holds "and lead where they did" [ -e "$point/taken/.pwalk/real" -a -e "$point/taken/.pwalk~/real too" ]
holds "the views are beside them" [ "$(jq .own.entries "$point/taken/.pwalk~~/own.json")" = 4 ]
run cat "$point/taken/.pwalk/real"
expect "a real entry in a real .pwalk has no contents" 1 "Operation not supported"
for each in own.json summary.json du stat; do
  run touch "$point/links/.pwalk/$each"
  expect "read-only: $each" 1 "Read-only file system"
done
run sh -c 'exec 3>"$1"' sh "$point/links/.pwalk/new"
holds "read-only: a new file" grep -q "Read-only file system" "$work/err"
find "$point/links/.pwalk/" "$point/types/.pwalk/" "$point/taken/.pwalk~~/" -type d -printf '%i\n' >"$work/inodes"
find "$point" -type d -printf '%i\n' >>"$work/inodes"
holds "directories of the views have inode numbers of their own" [ -z "$(sort "$work/inodes" | uniq -d)" ]
unmount views "$point"

# ---- totals in the tree itself -----------------------------------------------------------------------------
mount_source "rbytes and xattr" "$snapshot" "$point" -o rbytes,xattr || finish
holds "-o rbytes: st_size of a directory is its subtree's" \
  [ "$(stat -c %s "$point/links")" = "$(jq .subtree.apparent_bytes "$point/links/.pwalk/summary.json")" ]
holds "-o rbytes: the disk usage stays the directory's own" [ "$(stat -c %b "$point/links")" = "$(stat -c %b "$tree/links")" ]
holds "-o rbytes: files keep their size" [ "$(stat -c %s "$point/sizes/of 4096")" = 4096 ]
attribute() { getfattr --only-values -n "user.pwalk.$1" "$2" 2>/dev/null; }
holds "-o xattr: rbytes" [ "$(attribute rbytes "$point/links")" = "$(jq .subtree.apparent_bytes "$point/links/.pwalk/summary.json")" ]
holds "-o xattr: disk_bytes is du -s" [ "$(attribute disk_bytes "$point/links")" = "$(du_of "$tree/links")" ]
holds "-o xattr: rentries counts inodes, the directory too" [ "$(attribute rentries "$point/links")" = "$(du -s --inodes "$tree/links" | cut -f 1)" ]
holds "-o xattr: rsubdirs" [ "$(attribute rsubdirs "$point/links")" = "$(find "$tree/links" -type d | wc -l)" ]
holds "-o xattr: rfiles" [ "$(attribute rfiles "$point/links")" = "$(find "$tree/links" ! -type d -printf '%i\n' | sort -u | wc -l)" ]
holds "-o xattr: rctime" [ "$(attribute rctime "$point/links")" = "$(find "$tree/links" -printf '%C@\n' | sort -n | tail -n 1 | sed 's/0$//')" ]
holds "-o xattr: a buffer that is too small is told" python3 - "$point/links" <<'EOF'
import ctypes, errno, sys
library = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(1)
def length(room):
    return library.getxattr(sys.argv[1].encode(), b"user.pwalk.rctime", buffer, room)
assert length(1) == -1 and ctypes.get_errno() == errno.ERANGE
assert length(0) > 1
EOF
run getfattr -n user.pwalk.rbytes "$point/types/empty"
expect "-o xattr: a file has none" 1 "No such attribute"
run getfattr -d -m - "$point/links"
holds "-o xattr: they are not listed" [ ! -s "$work/out" ]
unmount "rbytes and xattr" "$point"
mount_source "xattr=list" "$snapshot" "$point" -o xattr=list,totals=all,allow_other || finish
run getfattr -d -m - "$point/links"
holds "-o xattr=list: they are listed" [ "$(grep -c '^user\.pwalk\.' "$work/out")" = 6 ]
unmount "xattr=list" "$point"
for options in rbytes,allow_other allow_other,xattr allow_other,xattr=list,noatime; do
  run "$mount_program" -o "$options" "$snapshot" "$point"
  expect "-o $options is refused" 2 "totals=all"
  is_mounted "$point" && fail "-o $options is not mounted"
done

# ---- what could not be read --------------------------------------------------------------------------------
if is_root && have setpriv; then
  "$PWALK_SUPPORT/oddities" --unreadable "$work/unreadable" && mkdir -m 0777 "$work/theirs"
  run "${nobody[@]}" "$scan_program" --exclude 'nothing*' -d 20 -o "$work/theirs/snapshot" "$work/unreadable"
  if mount_source errors "$work/theirs/snapshot" "$point"; then
    views=$point/.pwalk
    jq -r '.errors | map(.errors) | add' "$work/theirs/snapshot/manifest.json" >"$work/expected"
    wc -l <"$views/errors" >"$work/got"
    same_text "errors has a line for each" "$work/expected" "$work/got"
    sed "s,'\./,'$work/unreadable/," "$views/errors" | sort >"$work/got"
    "${nobody[@]}" "$scan_program" -o "$work/theirs/again" "$work/unreadable" 2>&1 | grep cannot | sed 's/^pwalk-scan: //' | sort >"$work/expected"
    same_text "errors are those that the scan told" "$work/expected" "$work/got"
    holds "errors has no size" [ "$(stat -c %s "$views/errors")" = 0 ]
    holds "summary.json counts them" [ "$(jq .subtree.errors "$views/summary.json")" = "$(wc -l <"$views/errors")" ]
    holds "own.json of what could not be listed says why" \
      jq_says '.directory.state == "failed" and .directory.error.name == "EACCES" and .errors[0].call == "openat"' "$point/locked/.pwalk/own.json"
    holds "so does stat/NAME" jq_says '.directory.error.message == "Permission denied"' "$views/stat/locked"
    holds "errors of that directory has its own" [ "$(cat "$point/locked/.pwalk/errors")" = "cannot open '.': Permission denied" ]
    holds "stat/NAME of what could not be examined says why" \
      jq_says '.has_stat == false and .errors[0].call == "statx" and .errors[0].errno == 13' "$point/listable/.pwalk/stat/file"
    for each in stat du; do
      run ls "$point/locked/.pwalk/$each"
      expect "listing $each/ of it is refused as the scan was" 2 "Permission denied"
    done
    holds "an entry of which nothing is known is 0 bytes in du/" [ "$(stat -c '%s %b' "$point/listable/.pwalk/du/file")" = "0 0" ]
    unmount errors "$point"
  fi
  mkdir -p "$work/excluded/in" "$work/excluded/left out/below" && scan excluded "$work/excluded" "$work/snapshot.excluded" --exclude 'left out'
  if mount_source excluded "$work/snapshot.excluded" "$point"; then
    holds "stat/NAME says why a directory was not entered" [ "$(jq -r .directory.state "$point/.pwalk/stat/left out")" = excluded_pattern ]
    holds "so does its own.json" [ "$(jq -r .directory.state "$point/left out/.pwalk/own.json")" = excluded_pattern ]
    unmount excluded "$point"
  fi
fi

# ---- a store -----------------------------------------------------------------------------------------------
store=$work/store
for name in first second; do
  run "$scan_program" -S "$store" -n "$name" "$tree/links"
  expect "scan into a store" 0
done
if mount_source store "$store" "$point"; then
  views=$point/first/latest/.pwalk
  holds "store: summary.json names the scan" [ "$(jq -r '.scan.name' "$views/summary.json")" = first ]
  holds "store: its totals are du's" [ "$(jq .subtree.disk_bytes "$views/summary.json")" = "$(du_of "$tree/links")" ]
  holds "store: below a directory too" [ "$(jq .subtree.disk_bytes "$point/second/latest/same/.pwalk/summary.json")" = "$(du_of "$tree/links/same")" ]
  holds "store: snapshot.json is the manifest" cmp "$views/snapshot.json" "$store/first/latest/manifest.json"
  holds "store: no views above the snapshots" [ ! -e "$point/.pwalk" -a ! -e "$point/first/.pwalk" ]
  holds "store: two scans' views have different inode numbers" \
    [ "$(stat -Lc %i "$views")" != "$(stat -Lc %i "$point/second/latest/.pwalk")" ]
  unmount store "$point"
fi
if mount_source "one of a store" "$store/first/latest" "$point"; then
  holds "a snapshot of a store by its path: the NAME" [ "$(jq -r '.scan.name' "$point/.pwalk/summary.json")" = first ]
  unmount "one of a store" "$point"
fi

# ---- who may read what -------------------------------------------------------------------------------------
if is_root && have setpriv && have setfacl; then
  # Three levels of directories, of which most can be read by most, and ACLs on some.
  rights=$work/rights
  mkdir -m 0755 "$rights"
  "$python" - "$rights" >"$work/acls" <<'END'
import os, random, sys
random.seed(4)
def bits():
    return random.choice(("r-x", "r-x", "rwx", "r-x", "--x", "r--", "---", "-wx"))
def make(path, level, uid, gid, kind):
    os.mkdir(path)
    open(path + "/file", "w").close()
    mode = 0o755
    if random.random() < kind: mode = random.choice((0o755, 0o750, 0o700, 0o711, 0o744, 0o770, 0o550, 0o057, 0o507, 0o570))
    if random.random() < kind: uid = random.choice((1000, 1001, 1002, 1003))
    if random.random() < kind: gid = random.choice((2000, 2001, 2002))
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    if random.random() < kind / 2:
        name = path.replace("\\", "\\\\")
        print(f"# file: {name}\nuser::{bits()}\ngroup::{bits()}\nother::{bits()}\nuser:{random.randrange(1000, 1004)}:{bits()}\ngroup:{random.randrange(2000, 2003)}:{bits()}\nmask::{bits()}\n")
    if level < 3:
        for number in range(4): make(f"{path}/{number}", level + 1, uid, gid, kind)
for top in range(12): make(f"{sys.argv[1]}/{top}", 1, 1000 + top % 4, 2000 + top % 3, (0, 0.05, 0.2, 0.6)[top // 3])
END
  (cd / && sed "s,^# file: /,# file: ," "$work/acls" | setfacl --restore=-) 2>"$work/err" || note "no ACLs here"
  find "$rights" -mindepth 1 -printf '%P\0' >"$work/names"
  chmod 0644 "$work/names"
  scan rights "$rights" "$work/snapshot.rights" || finish
  for options in allow_other allow_other,totals=all; do
    mount_source "rights, $options" "$work/snapshot.rights" "$point" -o "$options" || continue
    case $options in *totals=all) mode=opened what="may know what he may list, and no more" ;; *) mode=allowed what="nothing beyond his rights" ;; esac
    beyond=0
    for identity in 1000:2000: 1001:2001:2002 1002:2002:2000,2001 1003:2000: 65534:65534:; do
      IFS=: read -r user group groups <<<"$identity"
      as=(setpriv "--reuid=$user" "--regid=$group" --inh-caps=-all)
      if [ -n "$groups" ]; then as+=("--groups=$groups"); else as+=(--clear-groups); fi
      run "${as[@]}" "$python" "$viewer" "$mode" "$rights" "$point" "$work/names"
      cp "$work/out" "$work/details"
      if [ "$status" -eq 0 ]; then ok "$options, $identity: $what: $(tail -n 1 "$work/details")"; else fail "$options, $identity: $what" "$work/details"; fi
      holds "$options, $identity: and not nothing" grep -qE 'subtrees_granted=[1-9][0-9]' "$work/details"
      [ "$mode" = opened ] || continue
      run "${as[@]}" "$python" "$viewer" allowed "$rights" "$point" "$work/names"
      beyond=$((beyond + status))
    done
    [ "$mode" = allowed ] || holds "totals=all tells what rights alone do not" [ "$beyond" -ge 4 ]
    unmount "rights, $options" "$point"
  done
fi
finish
