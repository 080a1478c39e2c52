/** The ramp after a hold: what it kept back does not start all at once, and nothing else is kept back. */
import { expect } from 'chai';
import { Admission } from '../../../src/admission/admission.js';
import { PolicyRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { silentLogger } from '../../../src/log/log.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, ranges } from '../../../src/store/keys.js';
import { FakeClock } from '../../support/fake-clock.js';

const rampMs = 10_000;
const steps = Array.from({ length: 200 }, (_, index) => `queue/000/wf/s${index}`);
const on = (system: string): { system: string; controller: string; limitClass: string } => ({
  system,
  controller: 'model',
  limitClass: '',
});

describe('The ramp after a hold', () => {
  const clock = new FakeClock();
  const store = createEmbeddedStore({ clock });
  const options = { store, clock, log: silentLogger, range: ranges.all, kept: [keys.policy] };
  const cache = new StoreCache({ ...options, resyncMs: 30_000 });
  const admission = new Admission(cache, clock);
  const delays = (system: string): number[] => steps.map((step) => admission.rampDelayMs(step, on(system)));

  async function hold(...names: readonly string[]): Promise<void> {
    const holds = names.map((name) => ({ kind: 'system', name, actor: 'ann', reason: 'because', timeMs: 1 }));
    const value = PolicyRecord.encode({ unitId: 'u', limits: [], holds }).finish();
    await store.txn({ compares: [], then: [{ type: 'put', key: keys.policy, value }], otherwise: [] });
    await cache.resync();
  }

  it('spreads what was held over some seconds, and leaves alone what was not', async () => {
    await hold('a', 'b');
    expect(admission.isHeld(on('a'))).to.equal(true);
    expect(Math.max(...delays('a')), 'while it is held it is not spread').to.equal(0);
    await hold('b');
    const spread = delays('a');
    expect(Math.min(...spread)).to.be.below(rampMs / 10);
    expect(Math.max(...spread)).to.be.within(rampMs * 0.9, rampMs);
    expect(Math.max(...delays('c')), 'a system that nobody held').to.equal(0);
    expect(Math.max(...delays('b')), 'a system that is still held').to.equal(0);
  });

  it('is over after that', async () => {
    await clock.run(rampMs / 2);
    const left = delays('a');
    expect(left.filter((delay) => delay === 0).length).to.be.within(50, 150);
    await clock.run(rampMs / 2);
    expect(Math.max(...delays('a'))).to.equal(0);
  });
});
