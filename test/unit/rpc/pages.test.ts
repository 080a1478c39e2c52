import { expect } from 'chai';
import type { Revision } from '../../../src/base/ids.js';
import { isReason } from '../../../src/errors/index.js';
import { pageOf, parsePage } from '../../../src/rpc/pages.js';
import { thrown } from '../../support/rejection.js';

const filter = { state: ['RUNNING'], label: 'a=b' };
const cursor = { key: 'head/003/wf', revision: 9 as Revision };
const after = (pageToken: string, given: object = filter): unknown =>
  parsePage({ pageSize: 0, pageToken }, given as typeof filter, 'head/').after;
const forge = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

describe('parsePage()', () => {
  it('begins where the token says, with the same filter in whatever order it is spelled', () => {
    expect(after('')).to.equal(undefined);
    expect(after(pageOf(cursor, filter))).to.deep.equal(cursor);
    const byAge = { ...cursor, created: 4 as Revision };
    expect(after(pageOf(byAge, filter), { label: 'a=b', state: ['RUNNING'] })).to.deep.equal(byAge);
  });

  it('has a size from 1 to 1,000, by default 50', () => {
    const size = (pageSize: number): number => parsePage({ pageSize, pageToken: '' }, filter, 'head/').size;
    expect([0, 1, 1_000, 1_001, 2 ** 31 - 1].map(size)).to.deep.equal([50, 1, 1_000, 1_000, 1_000]);
    expect(
      isReason(
        thrown(() => size(-1)),
        'INVALID_FIELD',
      ),
    ).to.equal(true);
  });

  it('refuses a token of another filter', () => {
    expect(thrown(() => after(pageOf(cursor, filter), { state: [] })).message).to.match(
      /belongs to another filter/,
    );
  });

  it('refuses what it did not make', () => {
    const [, , , digest] = JSON.parse(
      Buffer.from(pageOf(cursor, filter), 'base64url').toString(),
    ) as unknown[];
    expect(after(forge(cursor.key, 9, 0, digest)), 'The forger knows how').to.deep.equal(cursor);
    const forged = [
      'x',
      '!!!',
      Buffer.from('{}').toString('base64url'),
      Buffer.from('null').toString('base64url'),
      forge(),
      forge('step/003/wf', 9, 0, digest),
      forge('', 9, 0, digest),
      forge(7, 9, 0, digest),
      forge(cursor.key, 0, 0, digest),
      forge(cursor.key, -1, 0, digest),
      forge(cursor.key, 1.5, 0, digest),
      forge(cursor.key, '9', 0, digest),
      forge(cursor.key, 2 ** 53, 0, digest),
      forge(cursor.key, 9, -1, digest),
      forge(cursor.key, 9, null, digest),
      forge(cursor.key, 9, 0),
    ];
    for (const token of forged)
      expect(
        isReason(
          thrown(() => after(token)),
          'INVALID_PAGE_TOKEN',
        ),
        token,
      ).to.equal(true);
  });
});
