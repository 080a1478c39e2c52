/** Which workflows get a verb that deletes them, and when: by what was measured, whatever a wall clock says. */
import { expect } from 'chai';
import type { WorkflowId } from '../../../src/base/ids.js';
import { systemRandom } from '../../../src/base/random.js';
import { IncidentRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import {
  EndedRecord,
  HeadState,
  VerbRecord,
  WorkflowHead,
} from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { silentLogger } from '../../../src/log/log.js';
import { Retention, type RetentionOptions } from '../../../src/runtime/retention.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, prefixes, workflowOfKey, type WorkflowKey } from '../../../src/store/keys.js';
import { decodeRecord, encodeRecord } from '../../../src/store/records.js';
import { prefixRange, type Op } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';
import { incidentRecord, workflowHead } from '../../support/records.js';
import { rejection } from '../../support/rejection.js';

const dayMs = 86_400_000;
const retentionMs = 30 * dayMs;
const { signal } = new AbortController();

function make(more: Partial<RetentionOptions> = {}) {
  const clock = new FakeClock();
  const store = createEmbeddedStore({ clock });
  const write = async (...then: readonly Op[]): Promise<number> =>
    (await store.txn({ compares: [], then, otherwise: [] })).revision;
  const options: RetentionOptions = {
    store,
    // It knows nothing of verbs: nobody is waited for.
    cache: { get: () => undefined } as never,
    clock,
    random: systemRandom,
    log: silentLogger,
    isKeeper: () => true,
    commit: async ({ compares, ops }) => {
      const { succeeded, revision } = await store.txn({ compares, then: ops, otherwise: [] });
      return { applied: succeeded, revision } as never;
    },
    retentionMs,
    archive: undefined,
    ...more,
  };
  const keyOf = (id: string): WorkflowKey => ({ shard: 3, id: id as WorkflowId });
  return {
    clock,
    write,
    keyOf,
    keeper: () => new Retention(options),
    /** A workflow ends. */
    end: async (id: string, patch: Partial<WorkflowHead> = {}, stamp = 1) => {
      const head = workflowHead({
        workflowId: id,
        state: HeadState.SUCCEEDED,
        lastLiveRevision: stamp,
        ...patch,
      });
      const value = encodeRecord(EndedRecord, { unitId: 'u' });
      await write(
        { type: 'put', key: keys.head(keyOf(id)), value: encodeRecord(WorkflowHead, head) },
        { type: 'put', key: keys.ended(keyOf(id), stamp), value },
      );
    },
    /** The workflows that a verb was left for. */
    asked: async () => {
      const { kvs } = await store.list(prefixRange(prefixes.verb));
      for (const kv of kvs)
        expect(decodeRecord(VerbRecord, kv)).to.include({ verb: 'delete', actor: 'steplock', digest: '' });
      return kvs.map(({ key }) => workflowOfKey(key)?.workflow.id);
    },
    /** Looks as often as it does in that time. */
    pass: async (keeper: Retention, ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += dayMs / 2) {
        clock.stall(dayMs / 2);
        await keeper.look(signal);
      }
    },
    list: async (prefix: string) => (await store.list(prefixRange(prefix))).kvs.map(({ key }) => key),
  };
}

describe('Retention', () => {
  it('deletes nothing because a wall clock is a year ahead', async () => {
    const { clock, end, keeper, asked } = make();
    await end('old');
    const first = keeper();
    await first.look(signal);
    clock.jumpWall(365 * dayMs);
    await first.look(signal);
    await keeper().look(signal);
    expect(await asked()).to.deep.equal([]);
  });

  it('deletes what was there for the retention, and not what ended later', async () => {
    const { end, keeper, asked, pass } = make();
    await end('first');
    const only = keeper();
    await only.look(signal);
    await pass(only, 15 * dayMs);
    // Its record of liveliness is as old as that of the first: only the revision of its end counts.
    await end('second');
    await pass(only, 14.5 * dayMs);
    expect(await asked()).to.deep.equal([]);
    await pass(only, dayMs / 2);
    expect(await asked()).to.deep.equal(['first']);
    await pass(only, 16 * dayMs);
    expect(await asked()).to.deep.equal(['first', 'second']);
  });

  it('goes on from what former keepers measured; what one measured while another did counts once', async () => {
    const { end, keeper, asked, pass } = make();
    await end('old');
    const [one, two] = [keeper(), keeper()];
    await one.look(signal);
    await pass(one, 20 * dayMs);
    // Both believe that they are the keeper.
    for (let half = 0; half < 19; half++) {
      await pass(half % 2 === 0 ? one : two, dayMs / 2);
      await (half % 2 === 0 ? two : one).look(signal);
    }
    expect(await asked()).to.deep.equal([]);
    await pass(two, 11 * dayMs);
    expect(await asked()).to.deep.equal(['old']);
  });

  it('does not count the time in which there was no keeper', async () => {
    const { clock, end, keeper, asked } = make();
    await end('old');
    await keeper().look(signal);
    clock.stall(100 * dayMs);
    const next = keeper();
    await next.look(signal);
    await next.look(signal);
    expect(await asked()).to.deep.equal([]);
  });

  it('leaves alone what has an open incident, is no final state, or came to another end', async () => {
    const { end, keeper, asked, pass, write, keyOf } = make();
    const open = (id: string, resolveTimeMs: number): Promise<number> =>
      write({
        type: 'put',
        key: keys.incident(keyOf(id), 's.1'),
        value: encodeRecord(IncidentRecord, incidentRecord('s', { resolveTimeMs })),
      });
    await end('open');
    await open('open', 0);
    await end('settled');
    await open('settled', 7);
    await end('deleting', { state: HeadState.DELETING });
    await end('again', { lastLiveRevision: 99 });
    await write({ type: 'put', key: keys.ended(keyOf('gone'), 1), value: new Uint8Array() });
    const only = keeper();
    await only.look(signal);
    await pass(only, 31 * dayMs);
    expect(await asked()).to.deep.equal(['settled']);
  });

  it('asks for what was written to the archive only, and for nothing when it cannot be written', async () => {
    let isFull = true;
    const { end, keeper, asked, pass } = make({
      archive: {
        write: async (workflows) => {
          await Promise.resolve();
          if (isFull) throw new Error('ENOSPC');
          return workflows.filter(({ id }) => id !== ('corrupt' as WorkflowId));
        },
      },
    });
    await end('fine');
    await end('corrupt');
    const only = keeper();
    await only.look(signal);
    expect((await rejection(pass(only, 31 * dayMs))).message).to.equal('ENOSPC');
    expect(await asked()).to.deep.equal([]);
    isFull = false;
    await only.look(signal);
    expect(await asked()).to.deep.equal(['fine']);
  });

  it('finds all of many pages', async () => {
    const { end, keeper, asked, pass } = make();
    for (let index = 0; index < 170; index++) await end(`w${index}`, {}, 1 + (index % 7));
    const only = keeper();
    await only.look(signal);
    await pass(only, 31 * dayMs);
    expect(new Set(await asked()).size).to.equal(170);
  });

  it('writes nothing while nothing has ended', async () => {
    const { keeper, pass, list } = make();
    const only = keeper();
    await pass(only, 3 * dayMs);
    expect(await list('')).to.deep.equal([]);
  });
});
