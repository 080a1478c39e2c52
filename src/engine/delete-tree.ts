/** A root is deleted with its children, and they with theirs: the leaves first. */
import { sleep, type Clock } from '../base/clock.js';
import type { WorkflowId } from '../base/ids.js';
import { VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isAbsent, isSameCreation, isUnchanged } from '../store/store.js';
import { deleteWorkflow, type DeleteOptions } from './delete-workflow.js';
import type { Run } from './run.js';
import { treeVerb } from './tree-verbs.js';

/** What deleting a tree needs. */
export interface DeleteTreeOptions extends DeleteOptions {
  readonly clock: Clock;
  /** Aborts when the shard or the session is lost. */
  readonly signal: AbortSignal;
}

/** How long to wait for children that are being deleted before looking again. */
const childrenMs = 250;

/** Deletes what can be deleted now; to be called again until the workflow is gone. */
export async function deleteTree(run: Run, options: DeleteTreeOptions): Promise<void> {
  const { clock, signal } = options;
  if (await haveChildrenGone(run, options)) await deleteWorkflow(run, options);
  else await sleep(clock, childrenMs, signal).catch(() => undefined);
}

/** Tells the children that are still there to go; whether all of them have gone. */
async function haveChildrenGone(run: Run, options: DeleteOptions): Promise<boolean> {
  const left: WorkflowKey[] = [];
  for (const child of childrenOf(run))
    if ((await options.store.get(keys.head(child))) !== undefined) left.push(child);
  for (const child of left) await tellToGo(run, child, options);
  return left.length === 0;
}

function childrenOf(run: Run): WorkflowKey[] {
  const refs = [...run.head.formerChildren];
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
