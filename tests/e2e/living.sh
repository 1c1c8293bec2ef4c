#!/bin/bash
# Proves that a mount is easy to live with: mount(8) and fstab know it, what a killed daemon left is cleared up
# by the next mount and by nothing else, a store's mount follows the store within two seconds and is never
# broken by what comes, goes or is half there, and messages reach syslog.
# shellcheck disable=SC2317 # functions called by wait_for
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "living with the mount"
need_fuse

tree=$work/tree
point=$work/point
store=$work/store
mkdir -p "$tree/one/two" "$tree/wide" "$point"
touch "$tree/one/two/file" && (cd "$tree/wide" && seq 2000 | xargs touch)
chmod 0755 "$tree"
scan tree "$tree" "$work/snapshot" || finish
# daemon_of MOUNT_POINT: the process that serves it.
daemon_of() { pgrep -f "pwalk-mount .*$1( |\$)" | head -n 1; }
has_file() { [ -e "$point/one/two/file" ]; }
# is_dead MOUNT_POINT: asks the daemon that is not there.
is_dead() { ! timeout 5 stat --cached=never "$1" >/dev/null 2>"$work/stat" && grep -q 'Transport endpoint' "$work/stat"; }

mounted_at() { grep -q " $1 fuse" /proc/self/mounts; }
# A /dev of our own: any user may mount, syslog's socket is ours, and so is where mount(8) finds programs.
own_dev=
if in_namespace && mkdir "$work/dev" && mount -t tmpfs -o dev dev "$work/dev" &&
  mknod -m 0666 "$work/dev/fuse" c 10 229 2>/dev/null && mknod -m 0666 "$work/dev/null" c 1 3; then
  chmod 0755 "$work/dev" && ln -s /proc/self/fd "$work/dev/fd" && mount --bind "$work/dev" /dev &&
    mount --bind "$work/bin" /usr/local/bin && own_dev=yes
fi

# ---- mount(8) and fstab ------------------------------------------------------------------------------------
generic=ro,noauto,user,nofail,_netdev,x-systemd.automount,x-systemd.idle-timeout=60,x-gvfs-show,defaults,noatime,relatime,nodev,exec,comment=x
if [ -n "$own_dev" ] && have mount.fuse3; then
  mounted+=("$point")
  run mount -t fuse.pwalk-mount "$work/snapshot" "$point" -o "$generic,allow_other,readdirplus=no"
  if expect "mount -t fuse.pwalk-mount" 0; then
    holds "it returns when the mount is live" has_file
    holds "its source and type" [ "$(findmnt -n -o SOURCE,FSTYPE "$point" | tr -s ' ')" = "$work/snapshot fuse.pwalk-mount" ]
    daemon=$(daemon_of "$point")
    run umount "$point"
    expect "umount" 0
    holds "the daemon ends" wait_for 5 ended "$daemon"
  fi
  printf '%s %s fuse.pwalk-mount %s 0 0\n' "$work/snapshot" "$point" "$generic,allow_other" >"$work/fstab"
  run mount -T "$work/fstab" "$point"
  if expect "mount by the line of an fstab" 0; then
    holds "it is live" has_file
    run umount "$point"
    expect "umount of that" 0
  fi
  run mount -T "$work/fstab" -o noexec "$point"
  expect "mount with a further option" 0
  umount "$point"
  run mount -t fuse.pwalk-mount "$work/snapshot" "$point" -o frobnicate
  if [ "$status" -ne 0 ] && grep -q "unknown mount option 'frobnicate'" "$work/err"; then ok "an unknown option is refused"; else
    fail "an unknown option is refused" "$work/err"
  fi
  run mount -t fuse.pwalk-mount "$work/nothing" "$point"
  if [ "$status" -ne 0 ] && grep -q "nothing" "$work/err"; then ok "so is a source that is not there"; else
    fail "so is a source that is not there" "$work/err"
  fi
  holds "and nothing is mounted" not_mounted "$point"
  # mount.fuse3 mounts, and gives the daemon the descriptor and no rights.
  # Without what pwalk-mount itself always mounts with, nothing would guard the files.
  safe=ro,nosuid,nodev,default_permissions
  for lacking in nosuid nodev default_permissions; do
    run mount -t fuse.pwalk-mount "$work/snapshot" "$point" -o "drop_privileges,allow_other,${safe/,$lacking/}"
    holds "drop_privileges without $lacking is not served" grep -q "made without '$lacking'" "$work/err"
    umount "$point" 2>/dev/null
  done
  run mount -t fuse.pwalk-mount "$work/snapshot" "$point" -o "drop_privileges,$safe,allow_other"
  if expect "mount -o drop_privileges" 0; then
    holds "it is live" wait_for 5 has_file
    run umount "$point"
    expect "umount of that" 0
  fi
else
  note "no root, namespace or mount.fuse3: mount(8) was not tried"
fi

# ---- what somebody else mounted there ----------------------------------------------------------------------
over() { [ "$(findmnt -n -o FSTYPE --mountpoint "$point" | tail -n 1)" = tmpfs ]; }
if in_namespace; then
  mount_source "to be covered" "$work/snapshot" "$point" || finish
  daemon=$(daemon_of "$point")
  mount -t tmpfs over "$point" && mounted+=("$point")
  kill -TERM "$daemon"
  holds "a daemon whose mount is covered ends" wait_for 5 ended "$daemon"
  holds "and leaves what covers it" over
  umount "$point" && fusermount3 -u -q -z "$point"
  mount_source "to be detached" "$work/snapshot" "$point" || finish
  daemon=$(daemon_of "$point")
  exec 6<"$point" && umount -l "$point" && mount -t tmpfs over "$point"
  kill -TERM "$daemon"
  holds "a daemon whose mount was detached ends" wait_for 5 ended "$daemon"
  exec 6<&-
  holds "and leaves what is there instead" over
  umount "$point"
fi

# ---- killed daemons ----------------------------------------------------------------------------------------
mount_source "to be killed" "$work/snapshot" "$point" || finish
daemon=$(daemon_of "$point")
kill -KILL "$daemon" && wait_for 5 ended "$daemon"
sleep 0.5
holds "a killed daemon's mount stays" mounted_at "$point"
holds "and answers an error, not an empty directory" is_dead "$point"
for _ in 1 2; do
  run "$mount_program" "$work/snapshot" "$point"
  expect "the next mount" 0
  holds "is live" has_file
  daemon=$(daemon_of "$point")
  kill -KILL "$daemon" && wait_for 5 ended "$daemon"
done
run "$mount_program" "$work/snapshot" "$point"
expect "the next mount tells what it did" 0 "detached" "killed daemon"
unmount "over a dead one" "$point"
holds "nothing is mounted below it" not_mounted "$point"
if is_root && "${nobody[@]}" sh -c 'exec 3<>/dev/fuse' 2>/dev/null; then
  mkdir "$work/theirs" && chmod 0777 "$work/theirs"
  run "${nobody[@]}" "$scan_program" -q -o "$work/theirs/snapshot" "$tree"
  theirs=$work/theirs/point
  mkdir "$theirs" && chown 65534:65534 "$theirs" && mounted+=("$theirs")
  run "${nobody[@]}" "$mount_program" "$work/theirs/snapshot" "$theirs"
  expect "a user's mount" 0
  daemon=$(daemon_of "$theirs")
  kill -KILL "$daemon" && wait_for 5 ended "$daemon"
  run "${nobody[@]}" "$mount_program" "$work/theirs/snapshot" "$theirs"
  expect "a user mounts over his own dead mount" 0 "detached"
  run "${nobody[@]}" fusermount3 -u "$theirs"
  expect "and unmounts" 0
  holds "and nothing is left" not_mounted "$theirs"
else
  note "no mount by a user"
fi
# Another program's dead mount is not ours to clear up, nor is a living one.
start_slowfs "$point"
kill -KILL "$slowfs_process" && wait_for 5 ended "$slowfs_process"
run "$mount_program" "$work/snapshot" "$point"
expect "another program's dead mount is refused" 2 "Transport endpoint is not connected"
holds "and left" mounted_at "$point"
fusermount3 -u -q -z "$point"
mount_source "under another" "$work/snapshot" "$point"
run "$mount_program" "$work/snapshot" "$point"
expect "over a living mount" 0
run fusermount3 -u "$point"
holds "the lower one lives on" has_file
unmount "the lower one" "$point"

# ---- names alone -------------------------------------------------------------------------------------------
for plus in yes no; do
  "$mount_program" -d --readdirplus=$plus "$work/snapshot" "$point" 2>"$work/requests" &
  started+=("$!")
  wait_for 5 is_mounted "$point" || fail "--readdirplus=$plus: is mounted" "$work/requests"
  # shellcheck disable=SC2012 # in the order of the listing
  ls -f "$point/wide" | sort >"$work/names.$plus"
  ls -l "$point/wide" | sort >"$work/long.$plus"
  unmount "--readdirplus=$plus" "$point"
  if [ "$plus" = no ]; then pattern=' READDIR '; other=' READDIRPLUS '; else pattern=' READDIRPLUS ' other=' READDIR '; fi
  if grep -q "$pattern" "$work/requests" && ! grep -q "$other" "$work/requests"; then ok "--readdirplus=$plus is heard"; else
    grep -o ' READDIR[A-Z]* ' "$work/requests" | sort | uniq -c >"$work/detail"
    fail "--readdirplus=$plus is heard" "$work/detail"
  fi
done
same_text "the names are the same" "$work/names.yes" "$work/names.no"
same_text "the attributes are the same" "$work/long.yes" "$work/long.no"
run "$mount_program" --readdirplus=perhaps "$work/snapshot" "$point"
expect "nothing but yes and no" 2 "readdirplus=perhaps"

# ---- a store that lives ------------------------------------------------------------------------------------
new_snapshot() { run "$scan_program" -q -S "$store" -n "$1" "$tree" && [ "$status" -eq 0 ] || fail "scan into $1" "$work/err"; }
new_snapshot name && new_snapshot name && new_snapshot stays
mount_source store "$store" "$point" || finish
daemon=$(daemon_of "$point")
first=$(find "$store/name" -maxdepth 1 -name '2*' -printf '%f\n' | sort | head -n 1)
second=$(readlink "$store/name/latest")
# Somebody who browses all the while what nobody removes; each error is a line.
browse() { while [ ! -e "$work/enough" ]; do find "$point/stays" -printf '%y %s %P\n' >"$work/browsed" || say failed; done; }
browse >"$work/browse.err" 2>&1 &
started+=("$!")
browser=$!
ls -l "$point/name/$first/wide" "$point/name/$second/wide" >/dev/null
# within_two_seconds WHAT COMMAND...
within_two_seconds() {
  local what=$1
  shift
  if wait_for 2 "$@"; then ok "$what"; else fail "$what"; fi
}
lists() { grep -qx "$2" <<<"$(ls "$1")"; }
lacks() { ! lists "$1" "$2" && [ ! -e "$1/$2" ]; }
new_snapshot name
third=$(readlink "$store/name/latest")
is_third() { lists "$point/name" "$third" && [ "$(readlink "$point/name/latest")" = "$third" ] && [ -e "$point/name/latest/one/two/file" ]; }
within_two_seconds "a new snapshot is there within 2 s, and latest is it" is_third
new_snapshot new
within_two_seconds "a new NAME too" [ -e "$point/new/latest/one/two/file" ]
(cd "$point/name/$first/one" && sleep 1.5 && run "$store_program" -q -S "$store" remove "name/$first" && sleep 2 && ls -l . two/file) >"$work/inside" 2>&1 &
inside=$!
within_two_seconds "its removal cannot be seen before" lists "$point/name" "$first"
wait "$inside"
within_two_seconds "a removed one is gone within 2 s" lacks "$point/name" "$first"
holds "who was inside gets an error or what he knew" [ -s "$work/inside" ]
run "$store_program" -q -S "$store" remove "name/$third"
expect "the newest is removed" 0
is_second() { lacks "$point/name" "$third" && [ "$(readlink "$point/name/latest")" = "$second" ] && [ -e "$point/name/latest/one/two/file" ]; }
within_two_seconds "latest is the one before within 2 s" is_second
# Half there: being written, being deleted, copied without its manifest, with a broken one, with missing files.
mkdir "$store/name/.pwalk-partial-x" "$store/name/2027-01-01T000000Z" "$store/name/2027-01-02T000000Z" "$store/half"
cp "$store/name/$second"/0* "$store/name/2027-01-01T000000Z"
cp "$store/name/$second"/0* "$store/name/.pwalk-partial-x"
say '{}' >"$store/name/2027-01-02T000000Z/manifest.json"
mkdir "$store/name/2027-01-03T000000Z" && cp "$store/name/$second/manifest.json" "$store/name/2027-01-03T000000Z"
sleep 1.2
holds "what is being written is not there" lacks "$point/name" .pwalk-partial-x
holds "nor what has no manifest" lacks "$point/name" 2027-01-01T000000Z
for broken in 2027-01-02T000000Z 2027-01-03T000000Z; do
  run ls "$point/name/$broken/"
  [ "$status" -ne 0 ] && ok "what is broken is an error: $broken" || fail "what is broken is an error: $broken"
done
run ls "$point/half"
expect "an empty NAME is empty" 0
holds "all others are as they were" is_second
rm -r "$store/name/2027-01-01T000000Z"/* && cp "$store/name/$second/manifest.json" "$store/name/2027-01-01T000000Z" && rm "$store/name/2027-01-01T000000Z/manifest.json"
touch "$work/enough" && wait "$browser"
if [ -s "$work/browse.err" ]; then fail "who browses another snapshot notices nothing" "$work/browse.err"; else ok "who browses another snapshot notices nothing"; fi
holds "and he did browse" [ "$(wc -l <"$work/browsed")" -gt 2000 ]
# Nobody asks for what was removed, and still its space comes back.
run ls "$point/stays/latest/" "$point/new/latest/"
# Before the removal: what has been removed is looked for from time to time, which may be at once.
holds "its files are mapped" grep -q "$store/new/" "/proc/$daemon/maps"
run "$store_program" -q -S "$store" remove "new/$(readlink "$store/new/latest")"
expect "a snapshot of which the daemon has the files" 0
is_given_back() { ! grep -qE "$store/(new/|.* \(deleted\))" "/proc/$daemon/maps"; }
holds "they are given back" wait_for 25 is_given_back
unmount store "$point"

# ---- messages ----------------------------------------------------------------------------------------------
if [ -n "$own_dev" ] && have python3; then
  cp -r "$work/snapshot" "$work/damaged"
  # Not the first block, which the mount itself looks at.
  largest=$(ls -S "$work"/damaged/*.entries | head -n 1)
  printf X | dd of="$largest" bs=1 seek=$((4096 + 65536 + 70)) conv=notrunc 2>/dev/null
  python3 -c 'import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(sys.argv[1])
log.settimeout(20)
open(sys.argv[2], "wb").write(log.recv(4096))' /dev/log "$work/logged" &
  started+=("$!")
  wait_for 5 [ -S /dev/log ]
  mount_source damaged "$work/damaged" "$point"
  run ls -l "$point/wide"
  expect "what is damaged is an error" 2 "Input/output error"
  is_logged() { grep -qa 'pwalk-mount\[[0-9]*\]: .*damaged.*rule' "$work/logged"; }
  if wait_for 5 is_logged; then ok "in the background messages go to syslog"; else fail "in the background messages go to syslog" "$work/logged"; fi
  unmount damaged "$point"
else
  note "no private /dev: syslog was not tried"
fi
finish
