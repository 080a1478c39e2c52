/**
 * Deletes all records of a workflow, page by page, its live record and its head last: whatever cuts it off, the next
 * owner finds the live record in state DELETING and goes on.
 */
import type { Batcher } from '../store/batcher.js';
import { LiveRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { Random } from '../base/random.js';
import { keys, ranges } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isSameCreation, isUnchanged, type KeyRange, type Store } from '../store/store.js';
import type { UnitOp } from '../store/unit.js';
import { liveRecordOf } from './commit.js';
import type { Run } from './run.js';

/** What deleting needs. */
export interface DeleteOptions {
  readonly store: Store;
  readonly batcher: Batcher;
  readonly random: Random;
  readonly epoch: number;
}

const pageSize = 50;

/** See the head of this file. Ends early, to be called again, when a commit is refused. */
export async function deleteWorkflow(run: Run, options: DeleteOptions): Promise<void> {
  const { key } = run;
  const parts = [
    ranges.chunks('plan', key),
    ranges.chunks('draft', key),
    ranges.steps(key),
    ranges.queue(key),
    ranges.verbs(key),
    ranges.incidents(key),
    ranges.signals(key),
    ranges.callbacks(key),
    ranges.webhooks(key),
  ];
  let liveRevision = run.liveRevision;
  for (const range of parts) {
    const revision = await deleteRange(run, range, liveRevision, options);
    if (revision === undefined) return;
    liveRevision = revision;
  }
  // Applied or not: the actor reads again, and finds nothing, or goes on.
  await options.batcher.commit({
    id: options.random.hex(8),
    compares: [
      isSameCreation(keys.shard(key.shard), options.epoch),
      isUnchanged(keys.live(key), liveRevision),
    ],
    ops: [
      { type: 'delete', at: keys.ended(key, run.head.lastLiveRevision) },
      { type: 'delete', at: keys.head(key) },
      { type: 'delete', at: keys.live(key) },
    ],
    witness: undefined,
  });
}

/** Deletes a range in pages; gives the live record's revision afterwards, or undefined when a commit was refused. */
async function deleteRange(
  run: Run,
  range: KeyRange,
  liveRevision: number,
  options: DeleteOptions,
): Promise<number | undefined> {
  const { key } = run;
  let revision = liveRevision;
  for (;;) {
    const page = await options.store.list(range, { limit: pageSize, keysOnly: true });
    if (page.kvs.length === 0) return revision;
    const unitId = options.random.hex(8);
    const live = encodeRecord(LiveRecord, liveRecordOf({ ...run.head, unitId }));
    const ops: UnitOp[] = page.kvs.map((kv) => ({ type: 'delete', at: kv.key }));
    const result = await options.batcher.commit({
      id: unitId,
      compares: [isSameCreation(keys.shard(key.shard), options.epoch), isUnchanged(keys.live(key), revision)],
      ops: [...ops, { type: 'put', key: keys.live(key), value: live }],
      witness: keys.live(key),
    });
    if (!result.applied) return undefined;
    revision = result.revision;
  }
}
