#!/bin/bash
# Proves what the mount's processes may do once the mount is live: the one that answers requests has no
# capability and gains none, and code that ran inside it could open nothing but snapshots, to read. A signal
# still unmounts; a killed daemon leaves no process behind.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "privileges of the mount"
need_fuse
need_namespace "what root gives up"
need setpriv
if sanitized || [ -n "${PWALK_COVERED:-}" ]; then
  skip "a sanitizer's build, or one with counters, has no Landlock: it writes files of its own anywhere"
fi

mkdir -p "$work/tree/directory" "$work/store" "$work/point"
touch "$work/tree/directory/file"
scan_store() { run "$scan_program" -q -S "$work/store" -n name "$work/tree"; }
scan_store
scan plain "$work/tree" "$work/snapshot" || finish

# daemon_of MOUNT_POINT: the process that serves it, which alone has /dev/fuse open.
daemon_of() {
  local each
  for each in /proc/[0-9]*; do
    [ "$(readlink "$each/exe")" = "$mount_program" ] || continue
    tr '\0' '\n' <"$each/cmdline" | grep -qxF "$1" || continue
    if find "$each/fd" -lname /dev/fuse 2>/dev/null | grep -q .; then
      basename "$each"
      return
    fi
  done
  return 1
}
# helper_of DAEMON: the process that it started to mount and unmount.
helper_of() { grep -lx "PPid:	$1" /proc/[0-9]*/status 2>/dev/null | tr -dc '0-9\n'; }

# has_nothing WHAT PID: every thread is without capabilities and without a way to new ones.
has_nothing() {
  local task wrong=0 tasks=0
  for task in "/proc/$2/task"/*/status; do
    tasks=$((tasks + 1))
    grep -E '^(CapInh|CapPrm|CapEff|CapAmb):' "$task" | grep -qv '	0000000000000000$' && wrong=1
    grep -qx 'NoNewPrivs:	1' "$task" || wrong=1
    [ "$wrong" -eq 0 ] || { cp "$task" "$work/detail"; break; }
  done
  if [ "$wrong" -eq 0 ] && [ "$tasks" -gt 0 ]; then ok "$1: $tasks threads without privileges"; else fail "$1: without privileges" "$work/detail"; fi
}

# ---- what is left of root ----------------------------------------------------------------------------------
for source in snapshot store; do
  mount_source "$source" "$work/$source" "$work/point" -o allow_other || continue
  find "$work/point" >/dev/null
  daemon=$(daemon_of "$work/point") || fail "$source: a daemon serves"
  has_nothing "$source" "$daemon"
  holds "$source: nor in the bounding set" grep -qx 'CapBnd:	0000000000000000' "/proc/$daemon/status"
  helper=$(helper_of "$daemon")
  # CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH
  holds "$source: who unmounts keeps what that takes" grep -qx 'CapEff:	0000000000200004' "/proc/$helper/status"
  unmount "$source" "$work/point"
  wait_for 5 ended "$daemon" || fail "$source: the daemon ends"
  if wait_for 5 ended "$helper"; then ok "$source: no process stays"; else fail "$source: no process stays"; fi
done

# ---- what somebody could do who took it over ---------------------------------------------------------------
echo secret >"$work/secret"
cp "$work/secret" "$work/secret.before"
inside=$work/store/name/$(readlink "$work/store/name/latest")/manifest.json
mkdir "$work/attic"
# intrusion WHAT [WRAPPER]...: mounts the store with the intruder inside, which reports to $work/report.
intrusion() {
  local what=$1
  shift
  rm -f "$work/report"
  mounted+=("$work/point")
  run env "PWALK_INTRUDER_REPORT=$work/report" "PWALK_INTRUDER_READ=$work/secret" "PWALK_INTRUDER_MAKE=$work/attic/new" \
    "PWALK_INTRUDER_INSIDE=$inside" "LD_PRELOAD=$PWALK_SUPPORT/intruder.so" "$@" "$mount_program" "$work/store" "$work/point"
  expect "$what: mounts" 0
  stat -f "$work/point" >/dev/null
  [ -s "$work/report" ] || fail "$what: the intruder reports"
}
tell_report() { grep -x "$1 .*" "$work/report" | head -n 1; }

intrusion "an intruder"
holds "an intruder: may read a snapshot" [ "$(tell_report read_inside)" = "read_inside DONE" ]
holds "an intruder: nothing else is done" [ "$(grep -c DONE "$work/report")" -eq 1 ]
for what in write_inside read write list unlink_inside create mkdir symlink truncate unlink kernel execute connect; do
  case $(tell_report "$what") in
    "$what EACCES") ok "an intruder: $what is refused" ;;
    "$what EPERM" | "$what EXDEV") ok "an intruder: $what is refused" ;;
    *) fail "an intruder: $what is refused" "$work/report" ;;
  esac
done
holds "an intruder: the secret is what it was" cmp "$work/secret" "$work/secret.before"
# And the mount is as useful as ever: what is published later is seen, which takes an open.
scan_store
newest=$(readlink "$work/store/name/latest")
if wait_for 5 test -e "$work/point/name/$newest/directory/file"; then ok "a snapshot that is published later is seen"; else fail "a snapshot that is published later is seen"; fi
unmount "an intruder" "$work/point"

# Where the kernel has no Landlock the rest holds all the same.
if have strace; then
  intrusion "without Landlock" strace -D -f -qqq -o /dev/null -e trace=landlock_create_ruleset -e inject=landlock_create_ruleset:error=ENOSYS
  holds "without Landlock: what root's own files allow is left" grep -qx 'read DONE' "$work/report"
  for what in chown mknod mount chroot setuid; do
    holds "without Landlock: $what is refused" [ "$(tell_report "$what")" = "$what EPERM" ]
  done
  cp "$work/secret.before" "$work/secret"
  unmount "without Landlock" "$work/point"
fi

# ---- it still ends as it should ----------------------------------------------------------------------------
scan plain "$work/tree" "$work/snapshot.2"
for options in noatime auto_unmount; do
  "$mount_program" -f -o "$options" "$work/snapshot.2" "$work/point" 2>"$work/err" &
  daemon=$!
  started+=("$daemon")
  wait_for 5 is_mounted "$work/point" || fail "-o $options: mounted" "$work/err"
  helper=$(helper_of "$daemon")
  # The whole group is told, as a service manager does.
  kill -s TERM "$helper" "$daemon"
  if wait_for 5 not_mounted "$work/point" && wait_for 5 ended "$daemon"; then ok "-o $options: SIGTERM to both unmounts"; else fail "-o $options: SIGTERM to both unmounts" "$work/err"; fi
  wait_for 5 ended "$helper" || fail "-o $options: no process stays"
done
# Killed: nothing is unmounted behind the administrator's back, unless he asked for that.
for options in noatime auto_unmount; do
  "$mount_program" -f -o "$options" "$work/snapshot.2" "$work/point" 2>"$work/err" &
  daemon=$!
  started+=("$daemon")
  wait_for 5 is_mounted "$work/point" || fail "-o $options: mounted" "$work/err"
  helper=$(helper_of "$daemon")
  kill -s KILL "$daemon"
  if wait_for 5 ended "$helper"; then ok "-o $options: killed, no process stays"; else fail "-o $options: killed, no process stays"; fi
  run ls "$work/point"
  if [ "$options" = noatime ]; then
    expect "killed: the mount stays, broken" 2 "Transport endpoint is not connected"
    timeout 10 umount "$work/point" || fail "killed: unmounted by hand"
  else
    if wait_for 5 not_mounted "$work/point"; then ok "-o auto_unmount: unmounted"; else fail "-o auto_unmount: unmounted"; fi
  fi
done

# ---- wholly without privileges -----------------------------------------------------------------------------
# A device of our own for this namespace, because the system's may be for root alone.
mkdir -p "$work/dev" "$work/theirs/point" && mknod -m 0666 "$work/dev/fuse" c 10 229
if mount --bind "$work/dev/fuse" /dev/fuse 2>"$work/err" && "${nobody[@]}" sh -c 'exec 3<>/dev/fuse' 2>/dev/null; then
  chown -R 65534:65534 "$work/theirs"
  run "${nobody[@]}" "$scan_program" -q -o "$work/theirs/snapshot" "$work/tree"
  expect "a user scans" 0
  mounted+=("$work/theirs/point")
  run "${nobody[@]}" "$mount_program" "$work/theirs/snapshot" "$work/theirs/point"
  if expect "a user mounts" 0; then
    daemon=$(daemon_of "$work/theirs/point")
    has_nothing "a user" "$daemon"
    run "${nobody[@]}" ls "$work/theirs/point/directory"
    holds "a user lists" grep -qx file "$work/out"
    kill -s TERM "$daemon"
    if wait_for 5 not_mounted "$work/theirs/point"; then ok "a user: SIGTERM unmounts"; else fail "a user: SIGTERM unmounts"; fi
  fi
else
  note "a user cannot open /dev/fuse here"
fi
finish
