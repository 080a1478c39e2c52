/** A root is deleted with its children, and they with theirs: the leaves first. */
import type { WorkflowId } from '../base/ids.js';
import { VerbRecord, type ChildRef } from '../gen/store/steplock/store/v1/workflow.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isAbsent, isSameCreation, isUnchanged } from '../store/store.js';
import type { DeleteOptions } from './delete-workflow.js';
import type { Run } from './run.js';
import { treeVerb } from './tree-verbs.js';

/** Tells the children that are still there to go; whether all of them have gone. */
export async function deleteChildren(run: Run, options: DeleteOptions): Promise<boolean> {
  const left: WorkflowKey[] = [];
  for (const child of childrenOf(run))
    if ((await options.store.get(keys.head(child))) !== undefined) left.push(child);
  for (const child of left) await tellToGo(run, child, options);
  return left.length === 0;
}

function childrenOf(run: Run): WorkflowKey[] {
  const refs: Pick<ChildRef, 'id' | 'shard'>[] = [...run.head.formerChildren];
  for (const { record } of run.records.values())
    if (record.child !== '') refs.push({ id: record.child, shard: record.childShard });
  const places = new Map(refs.map(({ id, shard }) => [id, { id: id as WorkflowId, shard }]));
  return [...places.values()];
}

async function tellToGo(run: Run, child: WorkflowKey, options: DeleteOptions): Promise<void> {
  const { store, batcher, random, epoch } = options;
  const unitId = random.hex(8);
  const record = treeVerb('ask-delete', run.key, { unitId });
  const at = keys.verb(child, record.requestId);
  // Asked already; it takes its time.
  if ((await store.get(at)) !== undefined) return;
  // Without its head, a verb would stay for ever.
  await batcher.commit({
    id: unitId,
    compares: [
      isSameCreation(keys.shard(run.key.shard), epoch),
      { at: keys.head(child), target: 'create', relation: '>', revision: 0 },
      isUnchanged(keys.live(run.key), run.liveRevision),
      isAbsent(at),
    ],
    ops: [{ type: 'put', key: at, value: encodeRecord(VerbRecord, record) }],
    witness: at,
  });
}
