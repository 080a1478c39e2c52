#!/usr/bin/env bash
# Block storage over the command line, on real parts: a tgtd, a node with its own store, a host that is qemu-io. It registers the
# system and the host, makes a volume with its export, writes to it as that host, takes a snapshot, clones it, finds the old
# bytes in the clone, grows the volume while it is exported, reverts it, ends the export, is refused then, and deletes
# everything. At the end tgtd and the directories are empty. Needs root, Node, and Debian's tgt, libiscsi-bin,
# qemu-utils and qemu-block-extra.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
tgtd_pid='' node_pid=''

end() {
  code=$?
  [ -z "$node_pid" ] || { kill "$node_pid" && wait "$node_pid" || true; }
  # Asked to end, tgtd ends only when it has no target left: then nothing of ours is in it.
  [ -z "$tgtd_pid" ] || { kill -KILL "$tgtd_pid" && wait "$tgtd_pid" || true; } 2>/dev/null
  [ "$code" = 0 ] || cat "$work/node.log" >&2
  rm -rf "$work"
  exit "$code"
}
trap end EXIT

say() { printf '\n── %s\n' "$*"; }
fail() { printf 'block-storage.sh: %s\n' "$*" >&2; exit 1; }
steplock() { node "$here/bin/steplock.mjs" "$@"; }
# The value of a JavaScript expression on what a command printed as JSON.
pick() { node -e "const it = JSON.parse(require('fs').readFileSync(0, 'utf8')); console.log($1)"; }
free_port() { node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })"; }
tgtadm() { TGT_IPC_SOCKET="$work/tgtd" command tgtadm -C 1 --lld iscsi "$@"; }
# What the host does with the unit at $1, one command of qemu-io after another.
as_host() {
  local url=$1 command; shift
  for command in "$@"; do set -- "$@" -c "$command"; shift; done
  qemu-io --image-opts "driver=iscsi,transport=tcp,portal=$portal,target=${url%/*},lun=${url##*/},initiator-name=$iqn" "$@" >"$work/io.log" 2>&1 &&
    ! grep -qi failed "$work/io.log"
}
# target/lun of the export of volume $1.
unit_of() { steplock export list --of "volumes/$1" -o json | pick 'it.resources[0].export.paths[0].target + "/" + (it.resources[0].export.lun ?? 0)'; }

portal=127.0.0.1:$(free_port)
iqn=iqn.2026-11.com.example:web-1
mkdir "$work/shelf"
cat >"$work/controllers.yaml" <<YAML
controllers:
  linux:
    module: linux
    systems:
      - id: shelf
        root_dir: $work/shelf
        tgtd: { control_port: 1, portal: '$portal', ipc_path: $work/tgtd }
        iqn_prefix: iqn.2026-11.com.example:shelf
YAML

TGT_IPC_SOCKET="$work/tgtd" tgtd -f -C 1 --iscsi "portal=$portal" </dev/null >"$work/tgtd.log" 2>&1 &
tgtd_pid=$!
node "$here/bin/steplock.mjs" dev --listen 127.0.0.1:0 --controllers "$work/controllers.yaml" >"$work/node.log" 2>&1 &
node_pid=$!
for _ in $(seq 300); do
  STEPLOCK_SERVER=$(sed -n 's/^steplock listens at //p' "$work/node.log")
  [ -z "$STEPLOCK_SERVER" ] || ! tgtadm --mode target --op show >/dev/null 2>&1 || break
  sleep 0.2
done
export STEPLOCK_SERVER
[ -n "$STEPLOCK_SERVER" ] || fail 'the node does not start'

say 'a storage system and a host'
steplock system register shelf --controller linux --wait
steplock pool list --of systems/shelf
steplock host create web-1 --initiator "$iqn"

say 'a volume, exported to the host; the host writes'
steplock volume create data --size 64MiB --system shelf --export-to web-1 --wait
steplock volume list
unit=$(unit_of data)
as_host "$unit" 'write -P 0x11 0 4M' 'read -P 0x11 0 4M' || fail "the host cannot write: $(cat "$work/io.log")"

say 'a snapshot; the host writes something else; a clone has the old bytes'
steplock snapshot create data monday --wait
as_host "$unit" 'write -P 0x22 0 4M' || fail 'the host cannot write'
steplock volume clone copy --from snapshots/monday --wait
steplock export create copy web-1 --wait
as_host "$(unit_of copy)" 'read -P 0x11 0 4M' || fail 'the clone has other bytes'
as_host "$unit" 'read -P 0x22 0 4M' || fail 'the volume has other bytes'

say 'larger, while it is exported'
steplock volume expand data --size 128MiB --wait
capacity=$(iscsi-readcapacity16 -i "$iqn" -s "iscsi://$portal/$unit")
[ "$capacity" = $((128 * 1024 * 1024)) ] || fail "the host sees $capacity bytes"
as_host "$unit" 'write -P 0x33 120M 4M' 'read -P 0x33 120M 4M' || fail 'the host cannot write to the new end'

say 'back to the snapshot'
steplock volume revert data --to monday --wait
as_host "$unit" 'read -P 0x11 0 4M' || fail 'the volume is not what it was'

say 'what is in use is not deleted'
if steplock volume delete data --wait; then fail 'a volume in use was deleted'; fi

say 'the export ends: the host is refused'
steplock export delete data web-1 --wait
if as_host "$unit" 'read 0 512'; then fail 'the host still reads'; fi

say 'everything is deleted'
steplock export delete copy web-1 --wait
steplock volume delete copy --wait
steplock snapshot delete monday --wait
steplock volume delete data --wait
steplock host delete web-1
steplock system unregister shelf

targets=$(tgtadm --mode target --op show)
[ -z "$targets" ] || fail "tgtd still has: $targets"
left=$(find "$work/shelf" -type f ! -path '*/ledgers/*')
[ -z "$left" ] || fail "still there: $left"
for kind in system pool port host initiator volume snapshot export; do
  [ "$(steplock $kind list -o json | pick '(it.resources ?? []).length')" = 0 ] || fail "the inventory still has a $kind"
done
say 'nothing is left: no target, no file, no record'
