# Completion of the pwalk programs for bash, installed under the name of each.
# tests/lint/completions compares the options with --help.
# SPDX-License-Identifier: MIT
# shellcheck shell=bash

_pwalk() {
  local program=${1##*/} word=$2 before=$3 options
  case $program in
    pwalk-check) options="--help -V --version -q --quiet -j --threads" ;;
    pwalk-du) options="--help -V --version -a --all -d --max-depth -s --summarize -h --human-readable --si
      -k -B --block-size -b --bytes --apparent-size --inodes -l --count-links -S --separate-dirs -c --total
      -0 --null" ;;
    pwalk-dump) options="--help -V --version --printf -0 --print0" ;;
    pwalk-mount) options="--help -V --version -o -f -d -s --readdirplus" ;;
    pwalk-scan) options="--help -V --version -j --threads --max-threads -x --one-file-system --no-acl --timeout
      --deadline --on-interrupt --rate --nice --stat-sync --exclude -X --exclude-from --no-snapshots
      --exclude-caches -d --max-depth -o --output -S --store -n --name --mode -q --quiet -v --verbose
      --progress --no-progress --summary --errors" ;;
    pwalk-store) options="--help -V --version -S --store --json --keep-last --keep-daily --keep-weekly
      --keep-monthly --dry-run -q --quiet" ;;
  esac
  case $program$before in
    pwalk-check-j | pwalk-check--threads) return ;;
    pwalk-du-d | pwalk-du--max-depth) return ;;
    pwalk-du-B | pwalk-du--block-size) return ;;
    pwalk-dump--printf) return ;;
    pwalk-mount-o)
      mapfile -t COMPREPLY < <(compgen -W "allow_other allow_root acl=mode totals=all rbytes xattr xattr=list auto_unmount noexec readdirplus=no io_uring" -- "$word")
      return
      ;;
    pwalk-mount--readdirplus) mapfile -t COMPREPLY < <(compgen -W "yes no" -- "$word"); return ;;
    pwalk-scan-j | pwalk-scan--threads) return ;;
    pwalk-scan--max-threads) return ;;
    pwalk-scan--timeout) return ;;
    pwalk-scan--deadline) return ;;
    pwalk-scan--on-interrupt) mapfile -t COMPREPLY < <(compgen -W "publish discard" -- "$word"); return ;;
    pwalk-scan--rate) return ;;
    pwalk-scan--stat-sync) mapfile -t COMPREPLY < <(compgen -W "auto cached force" -- "$word"); return ;;
    pwalk-scan--exclude) return ;;
    pwalk-scan-d | pwalk-scan--max-depth) return ;;
    pwalk-scan-n | pwalk-scan--name) return ;;
    pwalk-scan--mode) return ;;
    pwalk-scan--summary) mapfile -t COMPREPLY < <(compgen -W "json" -- "$word"); return ;;
    pwalk-scan--errors) mapfile -t COMPREPLY < <(compgen -W "ignore" -- "$word"); return ;;
    pwalk-store--keep-last) return ;;
    pwalk-store--keep-daily) return ;;
    pwalk-store--keep-weekly) return ;;
    pwalk-store--keep-monthly) return ;;
    pwalk-store*pwalk-store | pwalk-store--json | pwalk-store--dry-run)
      if [[ $word != -* ]]; then mapfile -t COMPREPLY < <(compgen -W "list remove prune" -- "$word"); return; fi
      ;;
  esac
  # Everything else is a file: snapshots, stores, roots.
  [[ $word != -* ]] || mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -o default -F _pwalk pwalk-check pwalk-du pwalk-dump pwalk-mount pwalk-scan pwalk-store
