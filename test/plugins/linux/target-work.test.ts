/** What cannot be brought about at a real tgtd at will: commands that never end. */
import { expect } from 'chai';
import { reopenTarget, withdraw, type TargetWork } from '../../../plugins/linux/target-work.js';
import type { TgtdClient } from '../../../plugins/linux/tgtd-client.js';
import type { Target } from '../../../plugins/linux/tgtd-listing.js';
import { errorOf } from './support.js';

const stuck: Target = {
  ...{
    tid: 1,
    name: 'iqn.t:v',
    state: 'ready',
    units: [],
    accounts: ['a', 'b'],
    acl: ['iqn.i:1', 'iqn.i:2'],
  },
  sessions: [{ id: 4, initiator: 'iqn.i:1', connections: [0] }],
};

/** A tgtd whose one session never ends, and a clock that goes a second further at each look. */
function createStuck(): { work: TargetWork; states: string[] } {
  const states: string[] = [];
  let nowMs = 0;
  const tgtd: TgtdClient = {
    instance: () => Promise.resolve('1'),
    show: () => Promise.resolve({ targets: [stuck], accounts: ['a', 'b'] }),
    request: ({ parameters = '' }) => {
      if (parameters.startsWith('state=')) states.push(parameters);
      return Promise.resolve('');
    },
  };
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => (nowMs += 1_000),
    setTimer: (_delayMs: number, callback: () => void) => {
      setImmediate(callback);
      return () => undefined;
    },
    soon: setImmediate,
  };
  const signal = new AbortController().signal;
  return { work: { tgtd, tid: 1, clock, signal, reach: () => Promise.resolve() }, states };
}

describe('linux: a target whose sessions do not end', () => {
  it('is opened again, and nothing is changed', async () => {
    const { work, states } = createStuck();
    let isChanged = false;
    const change = (): Promise<void> => {
      isChanged = true;
      return Promise.resolve();
    };
    expect(await errorOf(reopenTarget(work, '/v.img', change))).to.contain('Commands of iqn.i:1 do not end');
    expect(states).to.deep.equal(['state=offline', 'state=ready']);
    expect(isChanged).to.equal(false);
  });

  it('is opened again for those who stay when another one’s account has to go', async () => {
    const { work, states } = createStuck();
    const plan = { removesTarget: false, initiators: ['iqn.i:1'], unbind: ['b', 'a'], rebind: ['b'] };
    expect(await errorOf(withdraw(work, stuck, plan))).to.contain('do not end');
    expect(states).to.deep.equal(['state=offline', 'state=ready']);
  });

  it('stays closed when it has to go, because nobody stays', async () => {
    const { work, states } = createStuck();
    const plan = { removesTarget: true, initiators: [], unbind: [], rebind: [] };
    expect(await errorOf(withdraw(work, stuck, plan))).to.contain('do not end');
    expect(states).to.deep.equal(['state=offline']);
  });
});
