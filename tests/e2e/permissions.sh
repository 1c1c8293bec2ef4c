#!/bin/bash
# Proves that nobody may more in the mount than in the tree that was scanned: six identities try fifteen reading
# operations on 2,300 entries with random owners, modes and ACLs, in both. Then scans that did not read ACLs,
# and roots below directories that keep some out.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lib.sh"
enter_namespace "$@"
begin "permissions of the mount"
need_fuse
need_namespace "other identities"
need setpriv setfacl awk

point=$work/point
tree=$work/tree
mkdir -p "$point"
identities=(1000:2000: 1001:2001:2002 "1002:2003:2000,2001" 1003:2002: 65533:2000:2003 65534:65534:)

# become USER:GROUP:GROUPS: sets $as to what must stand before a command of theirs.
become() {
  local user group groups
  IFS=: read -r user group groups <<<"$1"
  if [ -n "$groups" ]; then groups=--groups=$groups; else groups=--clear-groups; fi
  as=(setpriv "--reuid=$user" "--regid=$group" "$groups" --inh-caps=-all --)
}
rights() {
  become "$1"
  "${as[@]}" "$PWALK_SUPPORT/rights" "$2" <"$work/paths" >"$3" 2>&1
}
cp "$PWALK_SUPPORT/rights" "$work/bin" && PWALK_SUPPORT=$work/bin

# ---- random trees ------------------------------------------------------------------------------------------
# 8 directories of 8 of 8, each with three files; the upper ones are often open, so that many come down.
mkdir -m 0755 "$tree" && (
  cd "$tree" || exit
  for i in {1..8}; do for j in {1..8}; do for k in {1..8}; do echo "$i/$j/$k"; done; done; done | xargs mkdir -p
  find . -mindepth 1 -type d | while IFS= read -r each; do echo "$each/a" && echo "$each/b" && echo "$each/c"; done | xargs touch
  for i in {1..8}; do ln -s a $i/link && ln -s ../a $i/$i/link; done
  find . -mindepth 1 ! -type l -printf '%y %P\n' | awk '
    function bits() { return substr("rwxrw-r-xr---wx-w---x---", 1 + 3 * int(8 * rand()), 3) }
    function often() { return rand() < level ? "r-x" : bits() }
    BEGIN { srand(4) }
    {
      level = $1 == "d" ? 0.8 - 0.25 * gsub("/", "/", $2) : 0
      printf "# file: %s\n# owner: %d\n# group: %d\nuser::%s\ngroup::%s\nother::%s\n", $2, 1000 + int(4 * rand()), 2000 + int(4 * rand()), often(), often(), often()
      # Of files only the permission bits are recorded.
      if ($1 == "d" && rand() < 0.6) {
        for (id = 0; id < 4; ++id) if (rand() < 0.5) printf "user:%d:%s\n", 1000 + id, often()
        for (id = 0; id < 4; ++id) if (rand() < 0.5) printf "group:%d:%s\n", 2000 + id, often()
        printf "mask::%s\n", often()
        if (rand() < 0.3) printf "default:user::rwx\ndefault:group::---\ndefault:other::---\n"
      }
      print ""
    }' >"$work/acls"
  setfacl --restore="$work/acls"
) || skip "no ACLs here"
find "$tree" -mindepth 1 -printf '%P\n' >"$work/paths"
holds "there are many entries" [ "$(wc -l <"$work/paths")" -ge 2000 ]
scan "random tree" "$tree" "$work/snapshot" || finish
mount_source "random tree" "$work/snapshot" "$point" -o allow_other || finish
for identity in "${identities[@]}"; do
  rights "$identity" "$tree" "$work/expected.$identity"
  rights "$identity" "$point" "$work/got"
  holds "$identity: some is allowed and some is not" \
    [ "$(grep -c ' yes$' "$work/expected.$identity")" -gt 2000 -a "$(grep -c ' no$' "$work/expected.$identity")" -gt 2000 ]
  same_text "$identity: $(wc -l <"$work/got") answers as in the tree" "$work/expected.$identity" "$work/got"
done
unmount "random tree" "$point"
mount_source "without allow_other" "$work/snapshot" "$point" || finish
for identity in "${identities[@]}"; do
  become "$identity"
  run "${as[@]}" ls "$point"
  expect "$identity: nothing without allow_other" 2 "Permission denied"
done
unmount "without allow_other" "$point"

# ---- a scan that was told not to read ACLs -----------------------------------------------------------------
scan "--no-acl" "$tree" "$work/snapshot.no-acl" --no-acl
holds "--no-acl is recorded" grep -qx '  "no-acl": "yes",\?' "$work/snapshot.no-acl/manifest.json"
run "$check_program" "$work/snapshot.no-acl"
expect "--no-acl: the snapshot is whole" 0
if have strace; then
  run_traced -f -qqq -o "$work/trace" -e trace=flistxattr,fgetxattr,getxattr,exit_group "$scan_program" --no-acl -o "$work/snapshot.traced" "$tree/1"
  holds "--no-acl: no ACL is asked for" [ -s "$work/trace" -a "$(grep -c xattr "$work/trace")" -eq 0 ]
fi
if mount_source "--no-acl" "$work/snapshot.no-acl" "$point" -o allow_other; then
  find "$point" -type d -perm /077 >"$work/got"
  holds "--no-acl: every directory is closed to others" [ ! -s "$work/got" ]
  for identity in "${identities[@]}"; do
    rights "$identity" "$point" "$work/got"
    grep ' yes$' "$work/got" | sort | comm -13 <(grep ' yes$' "$work/expected.$identity" | sort) - >"$work/detail"
    if [ -s "$work/detail" ]; then fail "--no-acl: $identity may nothing new" "$work/detail"; else ok "--no-acl: $identity may nothing new"; fi
  done
  unmount "--no-acl" "$point"
fi
if mount_source "--no-acl, trusted" "$work/snapshot.no-acl" "$point" -o allow_other,acl=mode; then
  find "$tree" -type d -printf '%m %P\n' | sort >"$work/expected"
  find "$point" -type d -printf '%m %P\n' | sort >"$work/got"
  same_text "--no-acl: trusted, every directory has its own bits" "$work/expected" "$work/got"
  unmount "--no-acl, trusted" "$point"
fi

# ---- what lies above the root ------------------------------------------------------------------------------
# For each line: mode, owner and ACL of the directory above a root that is 0755 1000:2000, and the permission
# bits that are left of the root's.
mkdir "$work/above" && mkdir -m 0755 "$work/above/root" && touch "$work/above/root/file"
chown -R 1000:2000 "$work/above/root"
echo file >"$work/paths"
while read -r mode owner acl left; do
  setfacl -b "$work/above" && chown "$owner" "$work/above" && chmod "$mode" "$work/above"
  [ "$acl" = - ] || setfacl -m "$acl" "$work/above"
  rm -rf "$work/snapshot.above"
  scan "above: $mode $owner $acl" "$work/above/root" "$work/snapshot.above"
  mount_source "above: $mode $owner $acl" "$work/snapshot.above" "$point" -o allow_other || continue
  holds "above: $mode $owner $acl: $left is left" [ "$(stat -c %a "$point")" = "$left" ]
  for identity in "${identities[@]}"; do
    become "$identity"
    run "${as[@]}" ls "$work/above/root"
    original=$status
    run "${as[@]}" ls "$point"
    if [ "$original" -ne 0 ] && [ "$status" -eq 0 ]; then fail "above: $mode $owner $acl: $identity is kept out"; else ok "above: $mode $owner $acl: $identity"; fi
  done
  unmount "above" "$point"
done <<'TABLE'
0755 0:0 - 755
0711 0:0 - 755
0700 0:0 - 0
0700 1000:0 - 700
0750 0:2000 - 50
0750 1000:2000 - 750
0705 0:2000 - 0
0755 0:0 u:1001:--- 0
0755 1000:2000 u:1001:--- 700
TABLE
chmod 0700 "$work/above" && setfacl -b "$work/above" && chown 0:0 "$work/above"
setfacl -m u:1001:rwx "$work/above/root"
rm -rf "$work/snapshot.above"
scan "above, ACL on the root" "$work/above/root" "$work/snapshot.above"
if mount_source "above, ACL on the root" "$work/snapshot.above" "$point" -o allow_other; then
  become 1001:2001:
  run "${as[@]}" ls "$point"
  expect "above: an ACL of the root opens nothing" 2 "Permission denied"
  unmount "above" "$point"
fi
if mount_source "above, trusted" "$work/snapshot.above" "$point" -o allow_other,acl=mode; then
  holds "above: trusted, the root has its own bits" [ "$(stat -c %a "$point")" = "$(stat -c %a "$work/above/root")" ]
  unmount "above" "$point"
fi
finish
