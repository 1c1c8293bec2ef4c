#!/bin/bash
# Proves that what cannot be done is said: a message on standard error that names what and why, status 2,
# nothing left behind; and that output goes where it should, with the right permissions and the right exit status.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # $1 and "$@" are for the inner shell
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "bad input and exit status"

mkdir "$work/tree" "$work/tree/directory" "$work/out.d"
echo text >"$work/tree/file"
ln -s tree "$work/link"
ln -s file "$work/tree/link"
cd "$work" || exit 1

# refused WHAT TEXT... -- COMMAND...: status 2, each TEXT in the message, nothing on standard output, nothing
# new in $work/out.d, no crash.
refused() {
  local what=$1 texts=() before after
  shift
  while [ "$1" != -- ]; do
    texts+=("$1")
    shift
  done
  shift
  before=$(find "$work/out.d" -printf '%P %i\n' | sort)
  run "$@"
  after=$(find "$work/out.d" -printf '%P %i\n' | sort)
  expect "$what" 2 "$(basename "$pwalk"): " "${texts[@]}" || return
  [ ! -s "$work/out" ] || fail "$what: nothing on standard output" "$work/out"
  if [ "$before" != "$after" ]; then
    say "$after" >"$work/detail"
    fail "$what: nothing is left behind" "$work/detail"
  fi
}

# ---- pwalk-scan -------------------------------------------------------------------------------------------
pwalk=$scan_program
refused "scan: no ROOT" -- "$pwalk" -o out.d/s
refused "scan: ROOT missing" no-such "No such file or directory" -- "$pwalk" -o out.d/s no-such
refused "scan: ROOT below a file" "Not a directory" -- "$pwalk" -o out.d/s tree/file/x
refused "scan: two ROOTs" -- "$pwalk" -o out.d/s tree tree
mkdir out.d/exists && echo >out.d/file && ln -s nowhere out.d/dangling
for each in exists file dangling; do
  refused "scan: output exists ($each)" "out.d/$each" "File exists" -- "$pwalk" -o "out.d/$each" tree
done
refused "scan: output's parent missing" out.d/no "No such file or directory" -- "$pwalk" -o out.d/no/such tree
refused "scan: output's parent is a file" out.d/file "Not a directory" -- "$pwalk" -o out.d/file/s tree
refused "scan: output without a name" -- "$pwalk" -o "" tree
for each in 0 -1 abc 1.5 "" 99999999999999999999; do
  refused "scan: -j '$each'" -- "$pwalk" -j "$each" -o out.d/s tree
done
for each in -X -d --mode --errors --summary --rate --deadline --timeout --stat-sync --on-interrupt --max-threads; do
  refused "scan: $each ''" "$each" -- "$pwalk" "$each" "" -o out.d/s tree
done
for each in 0 -1 no 10abc 1.5 99999999999999999999; do
  refused "scan: --progress=$each" --progress -- "$pwalk" "--progress=$each" -o out.d/s tree
done
refused "scan: more threads than descriptors" "at most -j 28" "ulimit -n" -- bash -c 'ulimit -n 64 && exec -a "$1" "$@"' - "$pwalk" -j 29 -o out.d/s tree
while read -r each text; do
  refused "scan: --$each= takes no other argument for its value" "$text" -- "$pwalk" "--$each=" -x -o out.d/s tree
done <<'EMPTY'
exclude --exclude '' is not a pattern: it is empty
exclude-from -X needs the name of a file
mode --mode '': not permission bits
deadline --deadline '': not a duration
progress --progress '': not a duration
EMPTY
refused "scan: --name= takes no other argument for its value" "-n '' cannot be a name" -- "$pwalk" --name= -x -S out.d/store tree
refused "scan: --output= takes no other argument for its value" "cannot write a snapshot as ''" -- "$pwalk" --output= -x tree
refused "scan: the name of a partial snapshot" .pwalk-partial-x "would be removed" -- "$pwalk" -o out.d/.pwalk-partial-x tree
refused "scan: unknown option" --no-such-option -- "$pwalk" --no-such-option -o out.d/s tree
refused "scan: a NAME with a slash" a/b -- "$pwalk" -S out.d/store -n a/b tree
refused "scan: -o and -S" -- "$pwalk" -S out.d/store -o out.d/s tree
refused "scan: the store is a file" out.d/file -- "$pwalk" -S out.d/file tree
refused "scan: a raw escape is not shown" '\x1b' -- "$pwalk" -o out.d/s $'no\x1b[31m'
holds "scan: and not sent either" [ "$(tr -cd '\033' <"$work/err")" = "" ]

if is_root && have setpriv; then
  mkdir -m 0700 secret && mkdir -m 0755 closed && mkdir -m 0777 open
  refused "scan: ROOT not readable" secret "Permission denied" -- "${nobody[@]}" "$pwalk" -o open/s secret
  refused "scan: ROOT not searchable" secret "Permission denied" -- "${nobody[@]}" "$pwalk" -o open/s secret/x
  refused "scan: output's parent not writable" closed "Permission denied" -- "${nobody[@]}" "$pwalk" -o closed/s tree
  refused "scan: store not writable" closed "Permission denied" -- "${nobody[@]}" "$pwalk" -S closed tree
  holds "scan: nothing is left where it was refused" [ -z "$(find open closed -mindepth 1)" ]
  # Who started in a directory need not be able to search those above it.
  mkdir -p secret/tree/below open/here && chmod 0777 open/here
  run sh -c 'cd secret/tree && exec "$@"' sh "${nobody[@]}" "$pwalk" -q -o "$work/open/here/relative" below
  expect "scan: a relative ROOT below what may not be searched" 0
  run "$check_program" "$work/open/here/relative"
  expect "scan: and the snapshot is whole" 0
  holds "scan: with its absolute path" grep -qF "\"$work/secret/tree/below\"" "$work/open/here/relative/manifest.json"
  # The errors of a snapshot that one may not search oneself cannot be listed; all else is told.
  mkdir -p open/tree/closed && chmod 0700 open/tree/closed
  run "${nobody[@]}" "$pwalk" --mode 0600 --summary=json -o "$work/open/here/summary" "$work/open/tree"
  expect "scan: errors that cannot be listed" 1 "1 errors" "cannot list the errors of" "Walked 2 entries"
  holds "scan: the summary is there" grep -q '"entries":2,' "$work/out"
  rm -rf open/here open/tree secret/tree
fi

if in_namespace; then
  mkdir small && mount -t tmpfs -o size=256k tmpfs small && head -c 200k /dev/zero >small/full
  "$PWALK_SUPPORT/oddities" --levels 10 "$work/large" >/dev/null
  for jobs in 1 4; do
    refused "scan: disk full with -j $jobs" small "No space left on device" -- "$pwalk" -j "$jobs" -o small/s large
    holds "scan: nothing is left on the full disk" [ "$(ls -A small)" = full ]
  done
  refused "scan: disk full in a store" small "No space left on device" -- "$pwalk" -S small/store -n x large
  holds "scan: no shard is left in the store" [ -z "$(find small/store -name 'manifest.json' -o -name '*.directories')" ]
  umount small
fi
refused "scan: file size limit" "File too large" -- bash -c 'ulimit -f 64 && exec "$@"' sh "$pwalk" -j 2 -o out.d/s /usr/share

# ---- what it accepts --------------------------------------------------------------------------------------
accepted() {
  local what=$1
  shift
  run "$@"
  expect "$what" 0
}
accepted "scan: a file" "$pwalk" -o out.d/of-file tree/file
holds "dump: a file" [ "$("$dump_program" --printf '%y %s %f' out.d/of-file)" = "f 5 file" ]
holds "du: a file" [ "$("$du_program" -b out.d/of-file | cut -f 1)" = 5 ]
accepted "scan: a symbolic link is followed" "$pwalk" -o out.d/of-link link
holds "dump: of a link's target" [ "$("$dump_program" --printf '%P,' out.d/of-link)" = ",directory,file,link," ]
accepted "scan: a link to a file" "$pwalk" -o out.d/of-file-link tree/link
holds "dump: of a link to a file" [ "$("$dump_program" --printf '%y %s' out.d/of-file-link)" = "f 5" ]
accepted "scan: ." sh -c 'cd tree && exec "$1" -o ../out.d/of-dot .' sh "$pwalk"
holds "dump: the root is an absolute path" [ "$("$dump_program" --printf '%p\n' out.d/of-dot | head -n 1)" = "$work/tree" ]
accepted "scan: ROOT with a slash at its end" "$pwalk" -o out.d/of-slash/ tree/
accepted "scan: an empty directory" "$pwalk" -o out.d/of-empty tree/directory
holds "scan: the last line" grep -qE '^Walked 1 entries in [0-9.]+ secs \([0-9.]+ entries/sec\)$' "$work/err"
holds "scan: nothing on standard output" [ ! -s "$work/out" ]
accepted "scan: a fifo" sh -c 'mkfifo fifo && exec "$1" -o out.d/of-fifo fifo' sh "$pwalk"
for program in "$scan_program" "$mount_program" "$dump_program" "$du_program" "$check_program"; do
  for option in --help --version; do
    accepted "$(basename "$program") $option" "$program" "$option"
    if [ -s "$work/err" ] || [ ! -s "$work/out" ]; then fail "$(basename "$program") $option: on standard output"; fi
    run sh -c '"$@" >/dev/full' sh "$program" "$option"
    expect "$(basename "$program") $option to a full disk" 2 "No space left on device"
  done
done

# Private, whatever the umask.
for mask in 0000 0077 0777; do
  (umask "$mask" && exec "$pwalk" -o "out.d/umask.$mask" tree) 2>"$work/err" || fail "scan with umask $mask" "$work/err"
  (umask "$mask" && exec "$pwalk" -S "out.d/store.$mask" -n name tree) 2>"$work/err" || fail "scan into a store with umask $mask" "$work/err"
  find "out.d/umask.$mask" "out.d/store.$mask"/name/2* -printf '%y %m\n' | sort -u >"$work/got"
  printf 'd 700\nf 600\n' >"$work/expected"
  same_text "umask $mask: directories 0700, files 0600" "$work/expected" "$work/got"
done

# ---- snapshots that are none ------------------------------------------------------------------------------
"$scan_program" -o whole tree 2>/dev/null
mkdir empty partial junk later
cp whole/* partial/ && rm partial/manifest.json
cp whole/* junk/ && head -c 300 /dev/urandom >junk/manifest.json
cp whole/* later/ && sed -i 's/"version": *1\b/"version": 2/' later/manifest.json
cmp -s whole/manifest.json later/manifest.json && fail "the manifest's version could not be changed"
mkdir -p point
readers=("$check_program" "$dump_program" "$du_program")
if can_mount; then readers+=("$mount_program"); fi
for pwalk in "${readers[@]}"; do
  name=$(basename "$pwalk") after=()
  [ "$pwalk" != "$mount_program" ] || after=(point)
  refused "$name: no argument" -- "$pwalk"
  refused "$name: no such snapshot" no-such "No such file or directory" -- "$pwalk" no-such "${after[@]}"
  # A store may still be empty.
  [ "$pwalk" = "$mount_program" ] || refused "$name: an empty directory" empty -- "$pwalk" empty "${after[@]}"
  refused "$name: a file" tree/file -- "$pwalk" tree/file "${after[@]}"
  refused "$name: a partial snapshot" partial -- "$pwalk" partial "${after[@]}"
  refused "$name: unknown option" --no-such-option -- "$pwalk" --no-such-option whole "${after[@]}"
  [ "$pwalk" = "$check_program" ] && continue
  refused "$name: junk as manifest" junk manifest -- "$pwalk" junk "${after[@]}"
  refused "$name: a newer format version" later version -- "$pwalk" later "${after[@]}"
done
pwalk=$check_program
for each in junk later; do
  run "$pwalk" "$each"
  [ "$status" -eq 1 ] || [ "$status" -eq 2 ] || fail "pwalk-check: $each: status $status"
  holds "pwalk-check: $each" grep -q manifest "$work/err" "$work/out"
done
cp -r whole damaged && printf X | dd of=damaged/00000000.names bs=1 seek=4100 conv=notrunc 2>/dev/null
run "$pwalk" damaged
holds "pwalk-check: a damaged snapshot is status 1" [ "$status" -eq 1 ]
holds "pwalk-check: names the damaged file" grep -q names "$work/err" "$work/out"
mkdir one && "$scan_program" -q -o alone one
run "$pwalk" alone
holds "pwalk-check: one is not several" grep -qF "'alone': whole: 1 entry in 1 directory" "$work/err"

pwalk=$dump_program
refused "dump: no such path" no/such "whole" -- "$pwalk" whole/no/such
refused "dump: a path below a file" file/x -- "$pwalk" whole/file/x
refused "dump: unknown directive" '%!' -- "$pwalk" --printf '%!' whole
pwalk=$du_program
refused "du: no such path" no/such "whole" -- "$pwalk" whole/no/such
refused "du: -B0" 0 -- "$pwalk" -B0 whole
refused "du: -s and -a" -- "$pwalk" -s -a whole

# ---- standard output --------------------------------------------------------------------------------------
for each in "$dump_program" "$du_program"; do
  name=$(basename "$each")
  run sh -c '"$@" >/dev/full' sh "$each" whole
  expect "$name: standard output full" 2 "No space left on device"
  run sh -c '"$@" >&-' sh "$each" whole
  expect "$name: standard output closed" 2
done
"$scan_program" -o many "${PWALK_TEST_USR:-/usr/share}" 2>/dev/null
"$dump_program" many 2>"$work/err" | head -n 1 >"$work/out"
if [ -s "$work/out" ] && [ ! -s "$work/err" ]; then ok "dump | head -n 1 is quiet"; else fail "dump | head -n 1 is quiet" "$work/err"; fi
"$du_program" -a many 2>"$work/err" | head -n 1 >"$work/out"
if [ -s "$work/out" ] && [ ! -s "$work/err" ]; then ok "du -a | head -n 1 is quiet"; else fail "du -a | head -n 1 is quiet" "$work/err"; fi
rm -rf many

# ---- the mount --------------------------------------------------------------------------------------------
pwalk=$mount_program
refused "mount: no mount point" -- "$pwalk" whole
refused "mount: mount point missing" no-such "No such file or directory" -- "$pwalk" whole no-such
refused "mount: mount point is a file" tree/file "Not a directory" -- "$pwalk" whole tree/file
refused "mount: unknown -o option" frobnicate -- "$pwalk" -o frobnicate whole point
if ! can_mount; then
  note "FUSE cannot be used here: no mounts, no slow file system"
  finish
fi
refused "mount: snapshot of a file" of-file "Not a directory" -- "$pwalk" out.d/of-file point
refused "mount: a directory with something else in it is no store" tree "neither a snapshot" -- "$pwalk" tree point
if mount_source "mount over what is not empty" whole "$work/tree/directory/.." -o ro,noauto,x-systemd.automount,noatime; then
  holds "mount over what is not empty, with fstab's words" [ "$(ls tree)" = "$(printf 'directory\nfile\nlink')" ]
  unmount "mount over what is not empty" "$work/tree"
fi
holds "nothing was mounted by what was refused" not_mounted "$work/point"
if in_namespace; then
  run unshare --mount sh -c 'mount --bind /dev/null /dev/fuse && exec "$@"' sh "$pwalk" whole point
  expect "mount: /dev/fuse is another device" 2 "pwalk-mount: cannot mount"
  refused "mount: --readdirplus= takes no other argument for its value" readdirplus -- "$pwalk" --readdirplus= whole point
  run unshare --mount sh -c 'mount -t tmpfs tmpfs /dev && exec "$@"' sh "$pwalk" whole point
  expect "mount: no /dev/fuse" 2 "pwalk-mount: FUSE is not available" /dev/fuse
fi
finish
