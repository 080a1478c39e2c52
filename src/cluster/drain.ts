/** Tells the cluster that a node takes no new work: a field of its record, which any node may set. */
import type { LeaseId, NodeId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { NodeRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { Batcher } from '../store/batcher.js';
import { keys } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isUnchanged } from '../store/store.js';
import type { Unit } from '../store/unit.js';

/** A node's record as it stands. */
export interface NodeToDrain {
  readonly record: NodeRecord;
  readonly lease: LeaseId;
  /** Mod revision. */
  readonly revision: number;
}

/** The put that says so; it keeps the record's lease, and with its create revision the node's session. */
export function drainingUnit({ record, lease, revision }: NodeToDrain, random: Random): Unit {
  const unitId = random.hex(8);
  const key = keys.node(record.nodeId as NodeId);
  const value = encodeRecord(NodeRecord, { ...record, unitId, draining: true });
  return {
    id: unitId,
    compares: [isUnchanged(key, revision)],
    ops: [{ type: 'put', key, value, lease }],
    witness: key,
  };
}

/** A node says so of itself, under its session. Gives whether it was written: the record may have changed meanwhile. */
export async function setNodeDraining(node: NodeToDrain, batcher: Batcher, random: Random): Promise<boolean> {
  const { applied } = await batcher.commit(drainingUnit(node, random));
  return applied;
}
