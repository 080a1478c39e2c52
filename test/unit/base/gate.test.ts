import { expect } from 'chai';
import { createDeferred } from '../../../src/base/deferred.js';
import { Gate } from '../../../src/base/gate.js';
import { rejection } from '../../support/rejection.js';

const open = new AbortController().signal;
const turn = async (): Promise<void> => {
  await new Promise(setImmediate);
};

describe('Gate', () => {
  it('lets so many through at once, the others in the order of their calls', async () => {
    const gate = new Gate(2);
    const begun: number[] = [];
    const ends = Array.from({ length: 5 }, () => createDeferred<undefined>());
    const all = ends.map(async ({ promise }, index) => {
      return await gate.pass(open, async () => {
        begun.push(index);
        await promise;
        return index;
      });
    });
    await turn();
    expect(begun).to.deep.equal([0, 1]);
    ends[1]?.resolve(undefined);
    await turn();
    expect(begun).to.deep.equal([0, 1, 2]);
    for (const end of ends) end.resolve(undefined);
    expect(await Promise.all(all)).to.deep.equal([0, 1, 2, 3, 4]);
    expect(begun).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('goes on after work that failed', async () => {
    const gate = new Gate(1);
    const failed = rejection(gate.pass(open, async () => await Promise.reject(new Error('failed'))));
    const next = gate.pass(open, async () => await Promise.resolve('done'));
    expect((await failed).message).to.equal('failed');
    expect(await next).to.equal('done');
  });

  it('does not begin what was aborted while it waited, and lets the next one through', async () => {
    const gate = new Gate(1);
    const abort = new AbortController();
    const first = createDeferred<undefined>();
    const busy = gate.pass(open, async () => {
      await first.promise;
    });
    let hasBegun = false;
    const waiting = rejection(
      gate.pass(abort.signal, async () => {
        hasBegun = true;
        await Promise.resolve();
      }),
    );
    const last = gate.pass(open, async () => await Promise.resolve('done'));
    abort.abort(new Error('not wanted any more'));
    first.resolve(undefined);
    await busy;
    expect((await waiting).message).to.equal('not wanted any more');
    expect(await last).to.equal('done');
    expect(hasBegun).to.equal(false);
  });
});
