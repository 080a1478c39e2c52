/** Deciding what to tell tgtd. */
import { expect } from 'chai';
import {
  chooseTid,
  planExport,
  planWithdrawal,
  type WantedExport,
} from '../../../plugins/linux/export-plan.js';
import type { Target } from '../../../plugins/linux/tgtd-listing.js';

const wanted: WantedExport = {
  ...{ targetName: 'iqn.t:v', path: '/v.img', serial: '6abc', isThin: true },
  ...{ usernames: ['u'], initiators: ['iqn.i:1', 'iqn.i:2'] },
};
const unit = {
  ...{ lun: 1, type: 'disk', scsiId: '6abc', scsiSn: '6abc', isOnline: true, isThin: true, path: '/v.img' },
};
const whole: Target = {
  ...{ tid: 1, name: 'iqn.t:v', state: 'ready', sessions: [], units: [unit] },
  ...{ accounts: ['u'], acl: ['iqn.i:2', 'iqn.i:1'] },
};
const kinds = (target: Target | undefined): string[] => planExport(wanted, target).map(({ kind }) => kind);

describe('linux: `planExport()`', () => {
  it('lets nobody in before the unit has its identity and the target its account', () => {
    expect(kinds(undefined)).to.deep.equal([
      ...['make-target', 'make-unit', 'identify-unit', 'bind-account', 'bind-initiator', 'bind-initiator'],
    ]);
  });

  it('has nothing to do where all is there, whatever else is', () => {
    expect(kinds({ ...whole, acl: [...whole.acl, 'ALL'], accounts: ['x', 'u'] })).to.deep.equal([]);
  });

  it('makes only what is missing', () => {
    expect(kinds({ ...whole, units: [] })).to.deep.equal(['make-unit', 'identify-unit']);
    expect(kinds({ ...whole, units: [{ ...unit, scsiSn: 'beaf11' }] })).to.deep.equal(['identify-unit']);
    expect(kinds({ ...whole, units: [{ ...unit, isThin: false }] })).to.deep.equal(['identify-unit']);
    expect(kinds({ ...whole, accounts: [] })).to.deep.equal(['bind-account']);
    expect(planExport(wanted, { ...whole, acl: ['iqn.i:1'] })).to.deep.equal([
      { kind: 'bind-initiator', initiator: 'iqn.i:2' },
    ]);
    expect(kinds({ ...whole, state: 'offline' })).to.deep.equal(['reopen']);
  });
});

describe('linux: `planWithdrawal()`', () => {
  const left = { usernames: ['b'], initiators: ['iqn.i:2'] };

  it('removes the target when nobody is left', () => {
    const plan = planWithdrawal(
      whole,
      { usernames: ['u'], initiators: ['iqn.i:1'] },
      { usernames: [], initiators: [] },
    );
    expect(plan.removesTarget).to.equal(true);
  });

  it('keeps out who is in no other grant', () => {
    const gone = { usernames: [], initiators: ['iqn.i:1', 'iqn.i:2'] };
    expect(planWithdrawal(whole, gone, left)).to.deep.equal({
      ...{ removesTarget: false, initiators: ['iqn.i:1'], unbind: [], rebind: [] },
    });
  });

  it('unbinds accounts from the end, and binds again what stood behind', () => {
    const target = { ...whole, accounts: ['a', 'x', 'b', 'y', 'c'] };
    const plan = planWithdrawal(target, { usernames: ['x', 'y', 'b'], initiators: [] }, left);
    expect(plan.unbind).to.deep.equal(['c', 'y', 'b', 'x']);
    expect(plan.rebind).to.deep.equal(['b', 'c']);
  });

  it('binds nothing again if only the last account goes', () => {
    const plan = planWithdrawal(
      { ...whole, accounts: ['b', 'x'] },
      { usernames: ['x'], initiators: [] },
      left,
    );
    expect(plan).to.deep.include({ unbind: ['x'], rebind: [] });
  });
});

describe('linux: `chooseTid()`', () => {
  it('gives a serial its own number, and the next one if that is taken', () => {
    const tid = chooseTid('6123456789', new Set());
    expect(tid).to.be.within(1, 2 ** 27 - 1);
    expect(chooseTid('6123456789', new Set([tid]))).to.equal(tid + 1);
    expect(chooseTid('6987654321', new Set())).not.to.equal(tid);
  });

  it('begins again at 1 after the last number', () => {
    const last = `6${(2 ** 27 - 2).toString(16).padStart(8, '0')}`;
    expect(chooseTid(last, new Set())).to.equal(2 ** 27 - 1);
    expect(chooseTid(last, new Set([2 ** 27 - 1, 1]))).to.equal(2);
  });
});
