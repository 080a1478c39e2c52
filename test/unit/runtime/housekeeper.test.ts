/** What the keeper forgets, and when: never by a clock that may be wrong. */
import { expect } from 'chai';
import { systemRandom } from '../../../src/base/random.js';
import { silentLogger } from '../../../src/log/log.js';
import { limits } from '../../../src/model/limits.js';
import { Housekeeper } from '../../../src/runtime/housekeeper.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { prefixes } from '../../../src/store/keys.js';
import { prefixRange } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';

const hourMs = 3_600_000;

describe('Housekeeper.sweepOld()', () => {
  const make = () => {
    const clock = new FakeClock();
    const store = createEmbeddedStore({ clock });
    const housekeeper = new Housekeeper({
      store,
      clock,
      random: systemRandom,
      log: silentLogger,
      isKeeper: () => true,
      commit: async ({ compares, ops }) => {
        const { succeeded, revision } = await store.txn({ compares, then: ops, otherwise: [] });
        return { applied: succeeded, revision } as never;
      },
    });
    const put = async (id: string): Promise<void> => {
      const op = { type: 'put', key: `${prefixes.request}${id}`, value: new Uint8Array() } as const;
      await store.txn({ compares: [], then: [op], otherwise: [] });
    };
    const ids = async (): Promise<string[]> => {
      const { kvs } = await store.list(prefixRange(prefixes.request));
      return kvs.map(({ key }) => key.slice(prefixes.request.length));
    };
    return { clock, housekeeper, put, ids };
  };

  it('forgets nothing because a wall clock is ahead', async () => {
    const { clock, housekeeper, put, ids } = make();
    await put('fresh');
    clock.jumpWall(10 * limits.requestLifeMs);
    expect(await housekeeper.sweepOld()).to.equal(0);
    expect(await housekeeper.sweepOld()).to.equal(0);
    expect(await ids()).to.deep.equal(['fresh']);
  });

  it('forgets what it has seen there for a day, and nothing that came later', async () => {
    const { clock, housekeeper, put, ids } = make();
    await put('first');
    await housekeeper.sweepOld();
    await put('second');
    clock.stall(limits.requestLifeMs - hourMs);
    expect(await housekeeper.sweepOld()).to.equal(0);
    clock.stall(hourMs);
    expect(await housekeeper.sweepOld()).to.equal(1);
    expect(await ids()).to.deep.equal(['second']);
    clock.stall(limits.requestLifeMs - hourMs);
    expect(await housekeeper.sweepOld()).to.equal(1);
    expect(await ids()).to.deep.equal([]);
  });
});
