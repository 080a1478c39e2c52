import { expect } from 'chai';
import type { StepId, WorkflowId } from '../../../src/base/ids.js';
import { QueueItem } from '../../../src/gen/store/steplock/store/v1/step.js';
import { keys, ranges, shardOf, workflowOfKey, type WorkflowKey } from '../../../src/store/keys.js';
import { CorruptRecordError, decodeRecord, encodeRecord, wasWrittenBy } from '../../../src/store/records.js';
import { isInRange } from '../../../src/store/store.js';
import { queueItem } from '../../support/records.js';
import { thrown } from '../../support/rejection.js';

describe('Records', () => {
  it('tell by their bytes which unit wrote them', () => {
    const bytes = encodeRecord(QueueItem, queueItem({ unitId: 'abc' }));
    expect(wasWrittenBy(bytes, 'abc')).to.equal(true);
    for (const other of ['abd', 'ab', 'abcd', '', 'xbc'])
      expect(wasWrittenBy(bytes, other), other).to.equal(false);
    expect(wasWrittenBy(Buffer.alloc(0), 'abc')).to.equal(false);
    expect(wasWrittenBy(bytes.subarray(0, 4), 'abc'), 'Cut short').to.equal(false);
  });

  it('that cannot be read are named by their key', () => {
    const good = encodeRecord(QueueItem, queueItem({ unitId: 'abc' }));
    for (const value of [Buffer.from([0x0a, 0x7f]), Buffer.from([0xff]), good.subarray(0, 3)]) {
      const error = thrown(() => decodeRecord(QueueItem, { key: 'queue/003/wf/s', value }));
      expect(error).to.be.instanceOf(CorruptRecordError);
      expect(error).to.have.property('key', 'queue/003/wf/s');
    }
    expect(decodeRecord(QueueItem, { key: 'k', value: good }).unitId).to.equal('abc');
  });
});

describe('Keys', () => {
  const workflow: WorkflowKey = { shard: 3, id: 'wf' as WorkflowId };
  const step = 'undo.a' as StepId;

  it('say which workflow they are of', () => {
    for (const [key, rest] of [
      [keys.head(workflow), ''],
      [keys.step(workflow, step), 'undo.a'],
      [keys.queue(workflow, step), 'undo.a'],
      [keys.verb(workflow, 'r1'), 'r1'],
      [keys.incident(workflow, 'a.1'), 'a.1'],
      [keys.chunk('plan', workflow, 12), '0012'],
    ] as const)
      expect(workflowOfKey(key)).to.deep.equal({ workflow, rest });
    for (const key of [keys.shard(3), keys.generation, keys.request('r'), keys.controller('c'), ''])
      expect(workflowOfKey(key), key).to.equal(undefined);
  });

  it('of one workflow do not stand in the ranges of another whose name begins like it', () => {
    const longer: WorkflowKey = { shard: 3, id: 'wf-2' as WorkflowId };
    expect(isInRange(keys.step(workflow, step), ranges.steps(workflow))).to.equal(true);
    expect(isInRange(keys.step(longer, step), ranges.steps(workflow))).to.equal(false);
    expect(isInRange(keys.step({ ...workflow, shard: 30 }, step), ranges.steps(workflow))).to.equal(false);
  });

  it('keep every workflow in the shard that it has had from the first version on', () => {
    // Published values of FNV-1a, modulo 64.
    expect(['a', 'foobar'].map((id) => shardOf(id as WorkflowId, 64))).to.deep.equal([44, 40]);
    const shards = new Set(
      Array.from({ length: 1_000 }, (_, index) => shardOf(`wf-${index}` as WorkflowId, 64)),
    );
    expect(shards.size).to.equal(64);
  });
});
