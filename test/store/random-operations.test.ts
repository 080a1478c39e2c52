/**
 * Random commands give the same answers, keys, events and refusals on the embedded store and on etcd. fast-check
 * prints the seed and path of a failure; FC_SEED and FC_PATH run it again, FC_RUNS says how many runs there are.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { eventually, within } from '../support/eventually.js';
import { etcdKind, memoryKind } from './kinds.js';
import { command, type Command } from './random/commands.js';
import { Subject } from './random/subject.js';

const runs = Number(process.env['FC_RUNS'] ?? 30);
const commandsMax = 60;
const first: Command = {
  type: 'txn',
  txn: { compares: [], then: [{ type: 'put', key: 'k/a', value: '', lease: 'none' }], otherwise: [] },
};

describe('Random operations', () => {
  const [embedded, etcd] = [memoryKind(), etcdKind()];

  before(async function () {
    this.timeout(20_000);
    await etcd.start();
  });
  after(async () => {
    await etcd.stop();
  });

  async function compare(commands: readonly Command[]): Promise<void> {
    const stores = await Promise.all([embedded.create(), etcd.create()]);
    try {
      const [ours, theirs] = await Promise.all([Subject.start(stores[0]), Subject.start(stores[1])]);
      ours.watch();
      theirs.watch();
      expect(await ours.run(first)).to.deep.equal(await theirs.run(first));
      // A watch that has delivered something is up to date, and a compaction cannot overtake it any more.
      await eventually(() => {
        expect(theirs.watched).to.have.length(1);
      });
      // Compactions end a replay from before them: from the last one on, all is there.
      let compacted = 0;
      for (const [index, step] of commands.entries()) {
        const answer = await ours.run(step);
        expect(await theirs.run(step), `command ${index}`).to.deep.equal(answer);
        if (step.type === 'compact' && step.back >= 0)
          compacted = Math.max(compacted, ours.newest - step.back);
      }
      await eventually(() => {
        expect(theirs.watched).to.deep.equal(ours.watched);
      });
      const replayed = await ours.replay(compacted);
      expect(await within(5_000, 'a replay', theirs.replay(compacted))).to.deep.equal(replayed);
      await ours.stop();
      await theirs.stop();
    } finally {
      for (const store of stores) await store.close();
    }
  }

  it(`give the same answers on both (${runs} runs)`, async function () {
    const timeoutMs = 30_000 + runs * 1_000;
    this.timeout(timeoutMs + 20_000);
    const seed = process.env['FC_SEED'];
    const path = process.env['FC_PATH'];
    await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: commandsMax, size: 'max' }), compare), {
      numRuns: runs,
      // Shrinking a failure that shows only after a wait would take for ever.
      interruptAfterTimeLimit: timeoutMs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    });
  });
});
