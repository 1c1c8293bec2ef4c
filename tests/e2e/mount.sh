#!/bin/bash
# Proves how a mounted snapshot behaves to the programs that people use: reading works as on the original,
# nothing can be changed, contents are refused rather than made up, rights are enforced, stores show their
# snapshots, and the mount ends when it is told to.
# shellcheck disable=SC2016 # $1 and "$@" are for the inner shell
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "the mount"
need_fuse

tree=$work/tree
point=$work/point
"$PWALK_SUPPORT/oddities" --seed 5 --wide 1000 --levels 30 "$tree" >/dev/null || fail "oddities"
chmod 0755 "$tree"
scan tree "$tree" "$work/snapshot" -j 2 || finish
mkdir "$point"

# ---- names, without a listing before: each lookup is asked of the daemon -----------------------------------
mount_source lookups "$work/snapshot" "$point" || finish
find "$tree" -mindepth 1 -printf '%P\0' | sort -zR --random-source=/dev/zero >"$work/names"
facts() { (cd "$1" && xargs -0 -a "$work/names" stat --printf '%i %h %f %s %b %t:%T %u %g %y %z %n\0' -- 2>&1); }
facts "$tree" >"$work/expected"
facts "$point" >"$work/got"
same "every name resolves, whatever its bytes" "$work/expected" "$work/got"
for name in nothing 'links/nothing' '.pwalk/nothing' "$(printf 'n%.0s' {1..255})" 'bytes/x  ' 'types/empty/below'; do
  run stat "$tree/$name"
  sed "s,$tree,," "$work/err" >"$work/expected"
  run stat "$point/$name"
  sed "s,$point,," "$work/err" >"$work/got"
  if [ ! -s "$work/got" ]; then fail "'$name' does not exist"; else same_text "no file: '${name:0:20}'" "$work/expected" "$work/got"; fi
done
unmount lookups "$point"

# ---- the programs that people use --------------------------------------------------------------------------
mount_source programs "$work/snapshot" "$point" || finish
# same_output PROGRAM [ARGUMENT]...: says the same in the mount as in the original, up to the order of lines.
same_output() {
  have "$1" || {
    note "$1 is not installed"
    return
  }
  local what=$* place
  for place in "$tree" "$point"; do
    run sh -c 'cd "$1" && shift && exec "$@"' sh "$place" "$@"
    [ "$status" -eq 0 ] || { fail "$what in $(basename "$place"): status $status" "$work/err"; }
    # Columns are as wide as their widest value, which may be that of `..`.
    sed "s,$place,PLACE,g" "$work/out" | tr -s ' ' | sort >"$work/$(basename "$place").out"
  done
  if [ ! -s "$work/tree.out" ]; then fail "$what: there is output"; else same_text "$what" "$work/tree.out" "$work/point.out"; fi
}
same_output ls -lAnRs --time-style=full-iso .
same_output du -a -l -B1 .
same_output du -a -l -b --time --time-style=full-iso .
same_output tree -a -p -s -u -g -D --inodes .
same_output bfs . -printf '%y %i %n %s %b %m %U %G %T@ %C@ %P %l\n'
same_output gdu -n -p -c .
for fd in fd fdfind; do same_output "$fd" -u .; done # Debian has it under the second name
same_output dust -c -b -d 3 .
if have getfacl; then same_output sh -c 'find . -type d -exec getfacl -n -- {} +'; fi
if have getfattr; then same_output sh -c 'find acls types -type d -exec getfattr -h -d -m - -e hex -- {} +'; fi
same_output find . -xdev -newer types -printf '%P\n'
if have rsync; then
  mkdir "$work/nowhere"
  same_output rsync -an --itemize-changes --no-human-readable ./ "$work/nowhere/"
  rmdir "$work/nowhere" || fail "rsync -n wrote something"
fi
if have ncdu; then
  ncdu_of() { run sh -c 'cd "$1" && exec ncdu -0 -o- .' sh "$1" && tr '{' '\n' <"$work/out" | sed -E "s,$1,PLACE,; s/\"(dev|timestamp)\":[0-9]+//g; s/[],[]*\$//" | sort; }
  ncdu_of "$tree" >"$work/expected"
  ncdu_of "$point" >"$work/got"
  if [ "$(wc -l <"$work/expected")" -lt 1000 ]; then fail "ncdu: there is output" "$work/err"; fi
  same_text "ncdu -o" "$work/expected" "$work/got"
else
  note "ncdu is not installed"
fi

# ---- contents are refused, nothing is made up --------------------------------------------------------------
for name in 'sizes/of 4096' types/empty sizes/sparse .pwalk/summary.json; do
  run cat "$point/$name"
  expect "reading '$name' is refused" 1 "Operation not supported"
  [ ! -s "$work/out" ] || fail "reading '$name' gives bytes"
done
run dd if=/dev/zero of="$point/sizes/of 4096" bs=1 count=1
expect "writing is refused" 1 "Read-only file system"
if have tar; then
  run tar -C "$point" -cf "$work/archive.tar" sizes
  if [ "$status" -ne 0 ] && grep -q "Operation not supported" "$work/err"; then ok "tar says what it could not read"; else
    fail "tar says what it could not read" "$work/err"
  fi
  tar -tvf "$work/archive.tar" 2>/dev/null | awk '/^-/ && $3 > 0' >"$work/got"
  if [ -s "$work/got" ]; then fail "tar stored contents that nobody gave it" "$work/got"; else ok "tar stored no contents"; fi
  rm -f "$work/archive.tar"
fi

# ---- nothing can be changed --------------------------------------------------------------------------------
cksum "$work"/snapshot/* >"$work/before"
# read_only COMMAND...: refused with EROFS.
read_only() {
  run "$@"
  if [ "$status" -ne 0 ] && grep -q "Read-only file system" "$work/err"; then ok "read-only: ${*//$point/}"; else
    say "status $status" >>"$work/err"
    fail "read-only: ${*//$point/}" "$work/err"
  fi
}
for each in types/empty "types/empty directory" types/fifo types/socket symlinks/dangling types/null; do
  [ -e "$point/$each" ] || [ -L "$point/$each" ] || continue
  read_only touch -h "$point/$each"
  read_only mv -T "$point/$each" "$point/types/other"
  read_only chown -h 1:1 "$point/$each"
  [ "$each" = symlinks/dangling ] || read_only chmod 0600 "$point/$each"
  [ "$each" = "types/empty directory" ] || read_only rm -f "$point/$each"
  [ "$each" = "types/empty directory" ] || read_only ln -P "$point/$each" "$point/types/other"
done
read_only touch "$point/new"
read_only mkdir "$point/new"
read_only mkdir "$point/.pwalk/new"
read_only mkfifo "$point/new"
read_only ln -s x "$point/new"
read_only rmdir "$point/types/empty directory"
read_only truncate -s 0 "$point/types/empty"
read_only sh -c 'exec 3>>"$1"' sh "$point/types/empty"
if have setfattr; then
  read_only setfattr -n user.x -v y "$point/types/empty"
  read_only setfattr -x user.x "$point/types/empty directory"
fi
if have setfacl; then read_only setfacl -m u:1:r "$point/acls/d0"; fi
is_root && [ -b "$point/types/block" ] && read_only mknod "$point/new" c 1 3
cksum "$work"/snapshot/* >"$work/after"
same_text "the snapshot's bytes are what they were" "$work/before" "$work/after"
options=$(findmnt -n -o OPTIONS --mountpoint "$point")
for word in ro nosuid nodev default_permissions; do holds "mounted $word" grep -qw "$word" <<<"$options"; done
holds "mounted as fuse.pwalk-mount" [ "$(findmnt -n -o FSTYPE --mountpoint "$point")" = fuse.pwalk-mount ]
df -B1 --output=size,itotal "$tree" | tail -n 1 >"$work/expected"
df -B1 --output=size,itotal "$point" | tail -n 1 >"$work/got"
same_text "df shows the scanned file system" "$work/expected" "$work/got"
unmount programs "$point"

# ---- rights ------------------------------------------------------------------------------------------------
if is_root && have setpriv; then
  mkdir "$work/rights" "$work/rights/"{open,search,list,closed,nobody}
  touch "$work/rights/"{open,search,list,closed,nobody}/file
  chmod 0755 "$work/rights/open" && chmod 0711 "$work/rights/search" && chmod 0744 "$work/rights/list"
  chmod 0700 "$work/rights/closed" "$work/rights/nobody" && chown 65534:65534 "$work/rights/nobody"
  # By its mode the group may list; by its ACL, of which the mode shows the mask, it may not.
  mkdir "$work/rights/acl" && touch "$work/rights/acl/file" && chgrp 65534 "$work/rights/acl" && chmod 0770 "$work/rights/acl"
  if have setfacl; then setfacl -m u:1002:rwx,g::---,m::rwx "$work/rights/acl" || note "no ACLs here"; fi
  scan rights "$work/rights" "$work/snapshot.rights"
  as_nobody_sees() {
    (
      cd "$1" || exit
      "${nobody[@]}" ls -la --time-style=full-iso .
      for each in open search list closed nobody acl; do
        "${nobody[@]}" ls "$each"
        "${nobody[@]}" stat -c '%A %s %n' "$each/file"
        "${nobody[@]}" cat "$each/none"
        "${nobody[@]}" test -r "$each" && echo "may read $each"
        "${nobody[@]}" test -x "$each" && echo "may search $each"
      done
    ) >"$2" 2>&1
    sed -i -E '/ \.\.$/d; s/ +/ /g' "$2"
  }
  if mount_source rights "$work/snapshot.rights" "$point" -o allow_other; then
    as_nobody_sees "$work/rights" "$work/expected"
    as_nobody_sees "$point" "$work/got"
    same_text "allow_other: another user may what he might" "$work/expected" "$work/got"
    unmount rights "$point"
  fi
  if mount_source rights "$work/snapshot.rights" "$point"; then
    run "${nobody[@]}" ls "$point"
    expect "without allow_other: another user may nothing" 2 "Permission denied"
    unmount rights "$point"
  fi
  # 1,000 random ACLs, owners and groups, five identities: each may list and search what it might.
  mkdir -m 0755 "$work/random" && (cd "$work/random" && seq 1000 | xargs mkdir)
  awk 'function bits() { return substr("rwxrw-r-xr---wx-w---x---", 1 + 3 * int(8 * rand()), 3) }
    BEGIN {
      srand(1)
      for (i = 1; i <= 1000; ++i) {
        printf "# file: %d\n# owner: %d\n# group: %d\nuser::%s\ngroup::%s\nother::%s\n", i, 1000 + int(4 * rand()), 2000 + int(4 * rand()), bits(), bits(), bits()
        if (rand() < 0.1) { print ""; continue }
        for (id = 0; id < 4; ++id) if (rand() < 0.5) printf "user:%d:%s\n", 1000 + id, bits()
        for (id = 0; id < 4; ++id) if (rand() < 0.5) printf "group:%d:%s\n", 2000 + id, bits()
        printf "mask::%s\n\n", bits()
      }
    }' >"$work/random.acls"
  if have setfacl && (cd "$work/random" && setfacl --restore="$work/random.acls") 2>"$work/err"; then
    scan "random ACLs" "$work/random" "$work/snapshot.random"
    if mount_source "random ACLs" "$work/snapshot.random" "$point" -o allow_other; then
      for identity in 1000:2000: 1001:2001:2002 1002:2003:2000,2001 1003:2002: 65534:65534:; do
        IFS=: read -r user group groups <<<"$identity"
        as=(setpriv "--reuid=$user" "--regid=$group" --inh-caps=-all)
        if [ -n "$groups" ]; then as+=("--groups=$groups"); else as+=(--clear-groups); fi
        allowed() { (cd "$1" && "${as[@]}" find . -mindepth 1 -prune \( -readable -printf 'list %P\n' , -executable -printf 'search %P\n' \) | sort); }
        allowed "$work/random" >"$work/expected"
        allowed "$point" >"$work/got"
        holds "random ACLs: $identity may do something" [ "$(wc -l <"$work/expected")" -gt 100 ]
        same_text "random ACLs: $identity may what he might" "$work/expected" "$work/got"
      done
      unmount "random ACLs" "$point"
    fi
  else
    note "no random ACLs here"
  fi
  # Directories whose ACL could not be read: closed to others, unless the mode bits are to be trusted.
  if have strace; then
    run_traced -f -qqq -o /dev/null -e trace=flistxattr -e inject=flistxattr:error=EIO \
      "$scan_program" -o "$work/snapshot.unread" "$work/rights"
    expect "a scan that can read no ACL says so" 1
    modes() { (cd "$1" && stat -c '%n %A' . open search list closed nobody open/file); }
    modes "$work/rights" >"$work/expected.open"
    sed -E 's/ (d...).*/ \1------/' "$work/expected.open" >"$work/expected.closed"
    for options in allow_other allow_other,acl=mode noatime; do
      mount_source "unread ACLs, $options" "$work/snapshot.unread" "$point" -o "$options" || continue
      modes "$point" >"$work/got"
      wanted=open
      [ "$options" != allow_other ] || wanted=closed
      same_text "unread ACLs, -o $options: directories are $wanted" "$work/expected.$wanted" "$work/got"
      run "${nobody[@]}" ls "$point/open"
      if [ "$options" = allow_other,acl=mode ]; then
        expect "unread ACLs, -o $options: another user lists" 0
      else
        expect "unread ACLs, -o $options: another user may nothing" 2 "Permission denied"
      fi
      unmount "unread ACLs, $options" "$point"
    done
  else
    note "strace is not installed: no scan that cannot read ACLs"
  fi
  # Where the scan was refused, so is the listing, for root too.
  "$PWALK_SUPPORT/oddities" --unreadable "$work/unreadable" && mkdir -m 0777 "$work/theirs"
  run "${nobody[@]}" "$scan_program" -o "$work/theirs/snapshot" "$work/unreadable"
  if mount_source refused "$work/theirs/snapshot" "$point"; then
    for each in locked searchable nested/locked 'owner only' listable/directory; do
      run ls "$point/$each"
      expect "listing '$each' is refused as the scan was" 2 "Permission denied"
    done
    run ls "$point/listable" && same_text "what was listed is listed" <(ls "$work/unreadable/listable") "$work/out"
    unmount refused "$point"
  fi
  # A user mounts his own.
  if ! "${nobody[@]}" sh -c 'exec 3<>/dev/fuse' 2>/dev/null; then
    note "only root may open /dev/fuse: no mount by a user"
  else
    mkdir "$work/theirs/point" && chown 65534:65534 "$work/theirs/point"
    run "${nobody[@]}" "$mount_program" "$work/theirs/snapshot" "$work/theirs/point"
    if expect "a user mounts" 0; then
      run "${nobody[@]}" ls "$work/theirs/point/readable"
      holds "a user lists" grep -q file "$work/out"
      run "${nobody[@]}" fusermount3 -u "$work/theirs/point"
      expect "a user unmounts" 0
    fi
  fi
fi

# ---- ends --------------------------------------------------------------------------------------------------
for signal in TERM INT HUP; do
  env --default-signal=INT,QUIT,HUP "$mount_program" -f "$work/snapshot" "$point" 2>"$work/err" &
  mount_process=$!
  started+=("$mount_process")
  wait_for 5 is_mounted "$point" || fail "-f: is mounted" "$work/err"
  ls "$point" >/dev/null
  kill -s "$signal" "$mount_process"
  if wait_for 5 ended "$mount_process" && wait_for 5 not_mounted "$point"; then ok "SIG$signal unmounts"; else fail "SIG$signal unmounts" "$work/err"; fi
  fusermount3 -u -q -z "$point" 2>/dev/null
done
for option in -f -s "-f -s"; do
  # shellcheck disable=SC2086 # several words
  "$mount_program" $option "$work/snapshot" "$point" 2>"$work/err" &
  mount_process=$!
  started+=("$mount_process")
  wait_for 5 is_mounted "$point" || fail "$option: is mounted" "$work/err"
  if unmount "$option" "$point" && wait_for 5 ended "$mount_process"; then ok "$option ends when unmounted"; else fail "$option ends when unmounted"; fi
done
# As mount(8) calls it for `mount -t fuse.pwalk-mount`; the program would have to be installed for that.
if in_namespace && have mount.fuse3; then
  mounted+=("$point")
  run env PATH="$work/bin:$PATH" mount.fuse3 "$work/snapshot" "$point" -t fuse.pwalk-mount -o ro,nofail,allow_other
  if expect "mount.fuse3 -t fuse.pwalk-mount" 0; then
    holds "and it is there" [ -e "$point/types/empty" ]
    run umount "$point"
    expect "umount" 0
  fi
fi

# ---- stores ------------------------------------------------------------------------------------------------
store=$work/store
for name in first first second; do
  run "$scan_program" -S "$store" -n "$name" "$tree/links"
  expect "scan into a store" 0
done
# shellcheck disable=SC2012 # TIME has no odd bytes
times=$(cd "$store/first" && ls -d 2*)
newest=$(readlink "$store/first/latest")
if mount_source "store/NAME" "$store/first" "$point"; then
  { say "$times" && say latest; } | sort >"$work/expected"
  find "$point" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort >"$work/got"
  same_text "one NAME: its TIMEs and latest" "$work/expected" "$work/got"
  holds "latest is a symbolic link to the newest" [ "$(readlink "$point/latest")" = "$newest" ]
  unmount "store/NAME" "$point"
fi
if mount_source store "$store" "$point"; then
  holds "a store: its NAMEs" [ "$(ls -A "$point")" = "$(printf 'first\nsecond')" ]
  holds "TIMEs and latest in each" [ "$(ls -A "$point/first")" = "$(say "$times" && say latest)" ]
  run find "$point" -printf '%i %y %P\n'
  expect "find meets no loop" 0
  [ ! -s "$work/err" ] || fail "find meets no loop" "$work/err"
  sort "$work/out" | awk '$2 == "d" { print $1 }' | uniq -d >"$work/got"
  if [ -s "$work/got" ]; then fail "no two directories have one inode number" "$work/got"; else ok "no two directories have one inode number"; fi
  holds "no inode number is 0 or 1 but the root's" [ "$(awk '$1 <= 1 && $3 != ""' "$work/out" | wc -l)" -eq 0 ]
  original=$(du -s -B1 "$tree/links" | cut -f 1)
  # One du over all: it would leave out what it takes for a second link.
  find "$point" -mindepth 2 -maxdepth 2 -type d -exec du -s -B1 {} + | cut -f 1 | sort -u >"$work/got"
  say "$original" >"$work/expected"
  same_text "du over all snapshots takes none for links of another" "$work/expected" "$work/got"
  find "$tree/links" -printf '%y %n %s %b %m %U %G %T@ %C@ %P %l\0' | sort -z >"$work/expected"
  find "$point/second/latest/" -printf '%y %n %s %b %m %U %G %T@ %C@ %P %l\0' | sort -z >"$work/got"
  same "through latest: the original" "$work/expected" "$work/got"
  read_only mkdir "$point/third"
  read_only rm -rf "$point/first/latest"
  run "$scan_program" -S "$store" -n third "$tree/links"
  run "$scan_program" -S "$store" -n first "$tree/links"
  newest=$(readlink "$store/first/latest")
  # shellcheck disable=SC2317 # called by wait_for
  new_is_seen() { [ -d "$point/third/latest/same" ] && [ "$(readlink "$point/first/latest")" = "$newest" ] && [ -d "$point/first/$newest" ] && [ "$(ls "$point")" = "$(printf 'first\nsecond\nthird')" ]; }
  if wait_for 10 new_is_seen; then ok "snapshots made later are seen"; else fail "snapshots made later are seen"; fi
  unmount store "$point"
fi

# ---- an errno that ls does not take for the end ----------------------------------------------------------------
if have strace && have jq && ! sanitized; then
  run_traced -f -qqq -o /dev/null -e trace=getdents64 -e inject=getdents64:error=EOVERFLOW:when=3+ \
    "$scan_program" -j 1 -o "$work/snapshot.overflow" "$tree"
  expect "a scan whose listings overflow" 1
  if mount_source "listings that overflow" "$work/snapshot.overflow" "$point"; then
    run timeout 20 ls -R "$point"
    holds "ls ends where listings overflowed" [ "$status" -gt 0 -a "$status" -le 2 ]
    holds "and has told of them once each" [ "$(grep -c 'Input/output error' "$work/err")" -eq "$(jq .totals.errors "$work/snapshot.overflow/manifest.json")" ]
    unmount "listings that overflow" "$point"
  fi
fi
finish
