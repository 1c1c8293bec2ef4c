#!/bin/bash
# Proves that nothing can be changed through a mount: entries of all seven types, every call that changes
# something, as root and as the user who owns everything; afterwards the snapshot's bytes are what they were.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "the mount is read-only"
need_fuse
need_namespace "devices, another user"
need setpriv sha256sum

point=$work/point
mkdir -p "$work/tree/directory" "$work/store" "$point"
(
  cd "$work/tree" || exit
  echo text >regular && ln -s regular symlink && mkfifo fifo && mknod block b 7 0 && mknod character c 1 3
  "$PWALK_SUPPORT/oddities" ../odd >/dev/null && mv ../odd/types/socket socket && rm -rf ../odd
  chown -hR 65534:65534 . && chmod 0777 . directory regular fifo block character socket
)
run "$scan_program" -q -S "$work/store" -n name "$work/tree"
expect "a scan" 0
cp "$PWALK_SUPPORT/mutate" "$work/bin"
everything() { (cd "$work/store" && find . -printf '%p %y %m %s %l %T@\n' && find . -type f -exec sha256sum {} +) | sort; }
everything >"$work/before"
mount_source "read-only" "$work/store" "$point" -o allow_other || finish
inside=$point/name/$(readlink "$work/store/name/latest")
types=0
for type in regular directory symlink fifo socket block character; do
  holds "$type: is there" [ -e "$inside/$type" -o -L "$inside/$type" ] || continue
  types=$((types + 1))
  for who in root user; do
    as=()
    [ "$who" = root ] || as=("${nobody[@]}")
    run "${as[@]}" "$work/bin/mutate" "$inside/$type"
    holds "$type, $who: $(wc -l <"$work/out") calls" [ "$(wc -l <"$work/out")" -ge 20 ]
    # A directory is not a file and the like, said before the file system is asked.
    grep -vE ' (EROFS|EPERM)$' "$work/out" | grep -vxE 'rmdir ENOTDIR|unlink EISDIR|remove ENOTDIR|lsetxattr_user EACCES|rename(_exchange|_noreplace)? EINVAL|(fchmod|fchown|futimens|fsetxattr|fremovexattr) EROFS|ioctl_flags ENOTTY' >"$work/detail"
    if [ -s "$work/detail" ]; then fail "$type, $who: all of them are refused" "$work/detail"; else ok "$type, $who: all of them are refused"; fi
  done
done
holds "seven types" [ "$types" -eq 7 ]
for each in "$point" "$point/name" "$point/name/latest"; do
  for who in root user; do
    as=()
    [ "$who" = root ] || as=("${nobody[@]}")
    run "${as[@]}" "$work/bin/mutate" "$each"
    grep -vE ' (EROFS|EPERM|EBUSY)$' "$work/out" | grep -vxE 'rmdir ENOTDIR|unlink EISDIR|remove ENOTDIR|rename(_exchange|_noreplace)? EINVAL|ioctl_flags ENOTTY|.* E(ACCES|XDEV)' >"$work/detail"
    if [ -s "$work/detail" ]; then fail "the store's own ${each#"$point"}, $who" "$work/detail"; else ok "the store's own ${each#"$point"}, $who"; fi
  done
done
# A mount that is made writable is not.
run mount -o remount,rw "$point"
run touch "$inside/new"
if [ "$status" -eq 0 ] || [ -e "$inside/new" ]; then fail "remounted rw: nothing can be made"; else ok "remounted rw: nothing can be made"; fi
unmount "read-only" "$point"
everything >"$work/after"
same_text "the store is what it was, byte for byte" "$work/before" "$work/after"
finish
