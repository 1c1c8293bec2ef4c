# shellcheck shell=bash disable=SC2034 # variables for the scripts that source this
# What the end-to-end scripts share: a temporary directory of their own, a private mount and process namespace
# where root runs them (so that nothing mounted or started can outlive them), ok/fail/skip, and the comparison
# of NUL-separated records. A script sources this, calls `begin` with what it proves, and ends with `finish`.
# Environment: PWALK_SCAN PWALK_MOUNT PWALK_DUMP PWALK_DU PWALK_CHECK PWALK_STORE_PROGRAM (programs), PWALK_SUPPORT (directory of
# the built support programs), PWALK_SANITIZED (not empty: they were built with a sanitizer), PWALK_COVERED
# (not empty: they were built to count what is run), PWALK_FULL (not empty: test
# with the figures that the project promises). Exit status: 0 all proved, 1 something is wrong, 77 cannot be tested here.
# SPDX-License-Identifier: MIT

set -u
export LC_ALL=C
unset POSIXLY_CORRECT BLOCKSIZE BLOCK_SIZE DU_BLOCK_SIZE DF_BLOCK_SIZE PWALK_STORE

failures=0
checks=0

say() { printf '%s\n' "$*"; }
# The rest cannot be tested here; what has failed already has failed.
skip() {
  say "SKIP: $*"
  [ "$failures" -eq 0 ] || exit 1
  exit 77
}
ok() {
  checks=$((checks + 1))
  say "ok    $*"
}
# fail WHAT [FILE]: FILE holds details, of which the beginning is shown.
fail() {
  checks=$((checks + 1))
  failures=$((failures + 1))
  say "FAIL  $1"
  if [ $# -gt 1 ] && [ -e "$2" ]; then head -c 4000 "$2" | tr '\0' '\n' | head -n 40 | cat -v | sed "s/^/      | /" && say; fi
}
# holds WHAT COMMAND...: the command succeeds.
holds() {
  local what=$1
  shift
  if "$@"; then
    ok "$what"
  else
    { say "does not hold: $*" && [ ! -s "$work/err" ] || cat "$work/err"; } >"$work/detail"
    fail "$what" "$work/detail"
  fi
}
# measured WHAT COMMAND...: holds, where measures tell something: with a sanitizer all takes several times as long,
# and as much memory.
measured() {
  if [ -z "${PWALK_SANITIZED:-}" ]; then holds "$@"; else note "$1: not with a sanitizer"; fi
}
# usually NUMBER SANITIZED: how often something is to be done, less often under a sanitizer.
usually() { if [ -n "${PWALK_SANITIZED:-}" ]; then echo "$2"; else echo "$1"; fi; }
# note WHAT: a part that cannot be tested here, said but not counted.
note() { say "note  $*"; }

# Under a sanitizer programs take several times as long, and memory: what is measured is no measure then, and trees
# may be smaller.
sanitized() { [ -n "${PWALK_SANITIZED:-}" ]; }
is_root() { [ "$(id -u)" -eq 0 ]; }
have() { command -v "$1" >/dev/null 2>&1; }
need() {
  local program
  for program in "$@"; do have "$program" || skip "$program is not installed"; done
}
need_root() { is_root || skip "needs root: $*"; }
can_mount() { [ -c /dev/fuse ] && (exec 3<>/dev/fuse) 2>/dev/null && have fusermount3; }
need_fuse() { can_mount || skip "FUSE cannot be used here: no /dev/fuse for this user, or no fusermount3"; }

# Runs the script again in its own mount and process namespace, if root: what it mounts is not seen outside,
# and all of it, loop devices and daemons too, goes when the script ends, however it ends.
enter_namespace() {
  is_root || return 0
  [ -z "${PWALK_TEST_NAMESPACE:-}" ] || return 0
  unshare --mount --propagation private --pid --fork --mount-proc true 2>/dev/null || return 0
  PWALK_TEST_NAMESPACE=1 exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash "$0" "$@"
}
in_namespace() { [ -n "${PWALK_TEST_NAMESPACE:-}" ]; }
need_namespace() { in_namespace || skip "needs root and a mount namespace: $*"; }

# begin WHAT: checks the environment, makes $work (a tmpfs without access times where possible).
begin() {
  say "== $*"
  local variable
  for variable in PWALK_SCAN PWALK_MOUNT PWALK_DUMP PWALK_DU PWALK_CHECK PWALK_STORE_PROGRAM PWALK_SUPPORT; do
    [ -n "${!variable:-}" ] || skip "$variable is not set (run by meson test, or set it to the program's path)"
    [ -e "${!variable}" ] || skip "$variable: ${!variable} does not exist"
  done
  need find du sort cmp timeout
  work=$(mktemp -d "${TMPDIR:-/tmp}/pwalk-e2e.XXXXXX") || exit 1
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if in_namespace; then mount -t tmpfs -o noatime,mode=0755,size=90%,nr_inodes=0 tmpfs "$work" || exit 1; fi
  # Other users must reach the programs, wherever they were built.
  mkdir "$work/bin" && cp "$PWALK_SCAN" "$PWALK_MOUNT" "$PWALK_DUMP" "$PWALK_DU" "$PWALK_CHECK" "$PWALK_STORE_PROGRAM" "$work/bin" ||
    exit 1
  chmod 0755 "$work" "$work/bin"
  scan_program=$work/bin/$(basename "$PWALK_SCAN")
  mount_program=$work/bin/$(basename "$PWALK_MOUNT")
  dump_program=$work/bin/$(basename "$PWALK_DUMP")
  du_program=$work/bin/$(basename "$PWALK_DU")
  check_program=$work/bin/$(basename "$PWALK_CHECK")
  store_program=$work/bin/$(basename "$PWALK_STORE_PROGRAM")
  started=()
  mounted=()
}

clean_up() {
  trap '' HUP INT TERM
  local each
  for each in "${mounted[@]:-}"; do
    [ -z "$each" ] || timeout 10 fusermount3 -u -q -z "$each" 2>/dev/null || timeout 10 umount -l "$each" 2>/dev/null
  done
  for each in "${started[@]:-}"; do [ -z "$each" ] || kill "$each" 2>/dev/null; done
  cd /
  if in_namespace; then
    timeout 20 umount -R -l "$work" 2>/dev/null
    rmdir "$work" 2>/dev/null
  else
    timeout 60 chmod -R u+rwx "$work" 2>/dev/null
    timeout 60 rm -rf --one-file-system "$work"
  fi
}

finish() {
  say "== $checks checks, $failures failed"
  [ "$failures" -eq 0 ] || exit 1
  [ "$checks" -gt 0 ] || skip "nothing could be tested here"
  exit 0
}

# ---- running ----------------------------------------------------------------------------------------------

# run PROGRAM [ARGUMENT]...: output to $work/out and $work/err, status in $status; ends after $patience seconds.
patience=100
run() {
  status=0
  timeout --signal=KILL $patience "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# run_traced STRACE_OPTION... PROGRAM [ARGUMENT]...: the same under strace, where no leaks can be looked for.
run_traced() { run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace "$@"; }

# expect WHAT STATUS TEXT...: of the last run: its status, and that its standard error holds each TEXT. A
# crash, a sanitizer's report or several programs' worth of output never pass.
expect() {
  local what=$1 wanted=$2 text
  shift 2
  if [ "$status" -ne "$wanted" ]; then
    { say "exit status $status instead of $wanted; standard error:" && cat "$work/err"; } >"$work/detail"
    fail "$what" "$work/detail"
    return 1
  fi
  for text in "$@"; do
    if ! grep -qaF -- "$text" "$work/err"; then
      { say "standard error does not say: $text" && cat "$work/err"; } >"$work/detail"
      fail "$what" "$work/detail"
      return 1
    fi
  done
  ok "$what"
}

# scan WHAT ROOT SNAPSHOT [OPTION]...: must end with status 0. Its messages stay in $work/scan.err.
scan() {
  local what=$1 root=$2 snapshot=$3
  shift 3
  run "$scan_program" "$@" -o "$snapshot" "$root"
  cp "$work/err" "$work/scan.err"
  [ "$status" -eq 0 ] && return 0
  { say "pwalk-scan $* -o $snapshot $root: status $status" && cat "$work/err"; } >"$work/detail"
  fail "$what: scan" "$work/detail"
  return 1
}

# same WHAT EXPECTED GOT: two files of NUL-separated records are equal.
same() {
  if cmp -s "$2" "$3"; then
    ok "$1"
    return 0
  fi
  diff <(tr '\n\0' '\001\n' <"$2") <(tr '\n\0' '\001\n' <"$3") >"$work/difference"
  {
    say "$(grep -ac '^<' "$work/difference") records only expected (<), $(grep -ac '^>' "$work/difference") only got (>)"
    grep -a '^[<>]' "$work/difference" | cut -c 1-300
  } >"$work/detail"
  fail "$1" "$work/detail"
  return 1
}

# same_text WHAT EXPECTED GOT: two files of lines are equal.
same_text() {
  if diff "$2" "$3" >"$work/detail"; then ok "$1"; else fail "$1" "$work/detail"; fi
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local tenths=$(($1 * 10))
  shift
  while ! "$@" >/dev/null 2>&1; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    sleep 0.1
  done
}

is_mounted() { timeout 5 mountpoint -q "$1"; }
not_mounted() { ! is_mounted "$1"; }
ended() { ! kill -0 "$1" 2>/dev/null; }
children_of() { xargs <"/proc/$1/task/$1/children"; }
has_child() { [ -n "$(children_of "$1")" ]; }
# handles PROCESS SIGNAL: it has come so far that it does something of its own then.
handles() {
  local caught
  caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status") && [ $((0x$caught >> ($(kill -l "$2") - 1) & 1)) -eq 1 ]
}
# A scan that was told to write to a place in $work has begun.
has_partial() { [ -n "$(find "$work" -maxdepth 1 -name '.pwalk-partial-*')" ]; }

# mount_source WHAT SOURCE MOUNT_POINT [OPTION]...: pwalk-mount in its normal way: live when it returns.
mount_source() {
  local what=$1 source=$2 point=$3
  shift 3
  mkdir -p "$point"
  mounted+=("$point")
  run "$mount_program" "$@" "$source" "$point"
  if [ "$status" -eq 0 ] && is_mounted "$point"; then return 0; fi
  { say "pwalk-mount $* $source $point: status $status" && cat "$work/err"; } >"$work/detail"
  fail "$what: mount" "$work/detail"
  return 1
}

# unmount WHAT MOUNT_POINT
unmount() {
  if timeout 20 fusermount3 -u "$2" 2>"$work/err" && wait_for 5 not_mounted "$2"; then return 0; fi
  fail "$1: fusermount3 -u" "$work/err"
  timeout 10 fusermount3 -u -z "$2" 2>/dev/null
  return 1
}

# start_slowfs MOUNT_POINT [OPTION]...: the slow file system, its process id in $slowfs_process.
start_slowfs() {
  local point=$1
  shift
  mkdir -p "$point"
  mounted+=("$point")
  "$PWALK_SUPPORT/slowfs" "$@" "$point" &
  slowfs_process=$!
  started+=("$slowfs_process")
  wait_for 10 is_mounted "$point" || skip "slowfs could not be mounted"
}

# end_slowfs MOUNT_POINT: of one that need not answer any more.
end_slowfs() {
  kill -KILL "$slowfs_process"
  wait "$slowfs_process" 2>/dev/null
  umount -l "$1"
  wait_for 5 not_mounted "$1"
}

# A command before which this stands runs without any rights.
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --)

# new_image TYPE SIZE MOUNT_POINT: a file system of its own on a loop device; false if it cannot be had here.
new_image() {
  local type=$1 size=$2 point=$3 image
  in_namespace && have "mkfs.$type" && grep -qw "$type" /proc/filesystems || return 1
  image=$(mktemp "$work/image.$type.XXXXXX") || return 1
  truncate -s "$size" "$image" && mkdir -p "$point" || return 1
  case $type in
    ext4) mkfs.ext4 -q -F -I 256 -N 65536 "$image" ;;
    xfs) mkfs.xfs -q -f "$image" ;;
    btrfs) mkfs.btrfs -q -f "$image" ;;
  esac >"$work/mkfs" 2>&1 || return 1
  mount -o loop,noatime "$image" "$point" 2>"$work/mkfs" || return 1
}

# Whether the figures that the project promises are asked for (the suite `slow`), not those of every run.
in_full() { [ -n "${PWALK_FULL:-}" ]; }

# Sets $usr: a real tree that this user may read all of, not too large.
find_usr() {
  local each limit=20000
  ! in_full || limit=400000
  for each in "${PWALK_TEST_USR:-/usr}" /usr/share /usr/lib /usr/include /usr/share/doc /usr/bin /etc/default; do
    usr=$each
    [ "$(find "$usr" 2>"$work/find.errors" | head -n "$limit" | wc -l)" -lt "$limit" ] && [ ! -s "$work/find.errors" ] && return
  done
}

# ---- trees ------------------------------------------------------------------------------------------------

# The directory of nested mounts that several scripts walk: tmpfs, ext4, and directories bound twice.
new_device_tree() {
  local root=$1
  "$PWALK_SUPPORT/oddities" --seed 7 --wide 300 --levels 20 "$root" >/dev/null || return 1
  mkdir "$root/ext4" "$root/tmpfs" "$root/bound"
  new_image ext4 200M "$root/ext4" || return 1
  "$PWALK_SUPPORT/oddities" --seed 8 --wide 300 --levels 20 "$root/ext4/tree" >/dev/null || return 1
  mount -t tmpfs -o noatime tmpfs "$root/tmpfs" || return 1
  "$PWALK_SUPPORT/oddities" --seed 9 --wide 300 --levels 20 "$root/tmpfs/tree" >/dev/null || return 1
  mount --bind "$root/links" "$root/bound" || return 1
  mkdir "$root/tmpfs/bound ext4"
  mount --bind "$root/ext4/tree/links" "$root/tmpfs/bound ext4"
}

# btrfs with subvolumes, one inside the other, and a read-only snapshot of one.
new_btrfs_tree() {
  local root=$1
  new_image btrfs 512M "$root" && have btrfs || return 1
  "$PWALK_SUPPORT/oddities" --seed 11 "$root/tree" >/dev/null || return 1
  {
    # The snapshot before the inner subvolume: the stand-in for it has a new time whenever one looks.
    btrfs subvolume create "$root/sub" && cp -a "$root/tree/links" "$root/sub/links" &&
      btrfs subvolume snapshot -r "$root/sub" "$root/snapshot" && btrfs subvolume create "$root/sub/inner" &&
      cp -a "$root/tree/crafted" "$root/sub/inner/crafted" && sync -f "$root"
  } >"$work/btrfs" 2>&1
}

# An overlay whose lower tree and upper layer lie on different devices: copied up, removed and replaced things.
new_overlay_tree() {
  local root=$1 base=$1.layers
  mkdir -p "$root" "$base/upper-fs"
  new_image ext4 200M "$base/lower-fs" || return 1
  "$PWALK_SUPPORT/oddities" --seed 13 --wide 500 --levels 40 "$base/lower-fs/lower" >/dev/null || return 1
  mount -t tmpfs -o noatime tmpfs "$base/upper-fs" && mkdir "$base/upper-fs/upper" "$base/upper-fs/work" || return 1
  mount -t overlay overlay -o "noatime,$2,lowerdir=$base/lower-fs/lower,upperdir=$base/upper-fs/upper,workdir=$base/upper-fs/work" \
    "$root" 2>"$work/overlay" || return 1
  rm "$root/wide/a file with a name of some length 0"
  rm -r "$root/prefixes" "$root/types/empty directory"
  mkdir "$root/prefixes" && touch "$root/prefixes/new"
  chmod 0711 "$root/owners" && touch "$root/sizes/of 512" && mv "$root/crafted" "$root/moved" 2>/dev/null
  echo more >>"$root/links/same/first"
  "$PWALK_SUPPORT/oddities" --seed 14 --wide 100 --levels 5 "$root/new" >/dev/null
}
