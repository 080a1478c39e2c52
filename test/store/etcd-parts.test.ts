/** The parts of the etcd store that need no etcd. */
import { expect } from 'chai';
import { toTxnError } from '../../src/store/etcd/errors.js';
import { toRevision } from '../../src/store/etcd/key-space.js';
import { parseQuota } from '../../src/store/etcd/quota.js';
import { isProgressReliable } from '../../src/store/etcd/server-version.js';
import { reasonOf } from './suite/tools.js';

describe('etcd store, parts', () => {
  it('does not take an answer that is too large for us for a refusal', () => {
    const error = toTxnError(new Error('8 RESOURCE_EXHAUSTED: Received message larger than max (9 vs 8)'));
    expect(reasonOf(error)).to.equal('OUTCOME_UNKNOWN');
  });

  it('knows which versions tell of progress in step with events', () => {
    const reliable = ['3.4.25', '3.4.37', '3.5.8', '3.6.0', '3.6.0-rc.1', '3.7.3', '4.0.0'];
    const unreliable = ['3.4.0', '3.4.23', '3.4.24', '3.5.0', '3.5.7', '3.3.27', '2.3.8', '', 'git'];
    expect(reliable.filter(isProgressReliable)).to.deep.equal(reliable);
    expect(unreliable.filter(isProgressReliable)).to.deep.equal([]);
  });

  it('reads the quota from the metrics', () => {
    const page = (value: string): string =>
      `# TYPE x gauge\netcd_server_quota_backend_bytes ${value}\nother 1\n`;
    expect(parseQuota(page('2.147483648e+09'))).to.equal(2 ** 31);
    expect(parseQuota(page('0'))).to.equal(2 ** 31);
    expect(parseQuota(page('-1'))).to.equal(undefined);
    expect(() => parseQuota('other 1\n')).to.throw('No quota');
  });

  it('does not take a revision that a number cannot hold', () => {
    expect(toRevision('9007199254740991')).to.equal(2 ** 53 - 1);
    expect(() => toRevision('9007199254740992')).to.throw('below 2^53');
  });
});
