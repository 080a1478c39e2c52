import { expect } from 'chai';
import { createDeferred } from '../../../src/base/deferred.js';
import { settle } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

describe('createDeferred()', () => {
  it('is settled from outside, and its rejection may be awaited late', async () => {
    const [kept, broken] = [createDeferred<number>(), createDeferred<number>()];
    kept.resolve(1);
    broken.reject(new Error('late'));
    await settle();
    expect(await kept.promise).to.equal(1);
    expect((await rejection(broken.promise)).message).to.equal('late');
  });
});
