/** Lists: order, bounds, revisions. */
import { expect } from 'chai';
import { prefixRange, type ListOptions } from '../../../src/store/store.js';
import {
  apply,
  del,
  everything,
  expectReason,
  plus,
  put,
  revisionOf,
  revisionZero,
  texts,
  type StoreOf,
} from './tools.js';

/** See the head of this file. */
export function describeList(storeOf: StoreOf): void {
  const keysOf = async (options?: ListOptions): Promise<string[]> =>
    (await storeOf().list(everything, options)).kvs.map(({ key }) => key);

  it('gives the keys from `start` on to before `end`, in the order of their bytes', async () => {
    const store = storeOf();
    const ordered = ['A', 'B0', 'a', 'a!', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'aa', 'b'];
    await apply(store, ...ordered.toReversed().map((key) => put(key)));
    expect(await keysOf()).to.deep.equal(ordered);
    const { kvs, more } = await store.list({ start: 'a/', end: 'aa' });
    expect(kvs.map(({ key }) => key)).to.deep.equal(['a/', 'a/1', 'a/10', 'a/2', 'a0']);
    expect(more).to.equal(false);
  });

  it('gives those that begin with a prefix', async () => {
    const store = storeOf();
    await apply(store, put('p'), put('p/'), put('p/a'), put('p/~'), put('p0'), put('q'));
    expect((await store.list(prefixRange('p/'))).kvs.map(({ key }) => key)).to.deep.equal([
      'p/',
      'p/a',
      'p/~',
    ]);
    expect((await store.list(prefixRange('none/'))).kvs).to.deep.equal([]);
  });

  it('shows at once what was written', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a', '1'));
    const list = await store.list(everything);
    expect(list.revision).to.be.at.least(revision);
    expect(texts(list.kvs)).to.deep.equal(['a=1']);
  });

  it('lists as of an older revision', async () => {
    const store = storeOf();
    const { revision: first } = await apply(store, put('a', '1'), put('b', '1'));
    const { revision: second } = await apply(store, put('a', '2'), del('b'), put('c', '2'));
    const { revision: third } = await apply(store, del('a'), put('b', '3'));
    const at = async (revision: number): Promise<string[]> => {
      const list = await store.list(everything, { revision: plus(first, revision - first) });
      expect(list.revision).to.equal(revision);
      return texts(list.kvs);
    };
    expect(await at(first)).to.deep.equal(['a=1', 'b=1']);
    expect(await at(second)).to.deep.equal(['a=2', 'c=2']);
    expect(await at(third)).to.deep.equal(['b=3', 'c=2']);
    expect(await at(first - 1)).to.deep.equal([]);
  });

  it('takes revision 0 for now', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a'));
    const list = await store.list(everything, { revision: revisionZero });
    expect(list.revision).to.equal(revision);
    expect(list.kvs).to.have.length(1);
  });

  it('gives at most as many as the limit and says if there are more', async () => {
    const store = storeOf();
    await apply(store, ...['a', 'b', 'c', 'd'].map((key) => put(key)));
    for (const [limit, keys, more] of [
      [1, ['a'], true],
      [3, ['a', 'b', 'c'], true],
      [4, ['a', 'b', 'c', 'd'], false],
      [9, ['a', 'b', 'c', 'd'], false],
    ] as const) {
      const list = await store.list(everything, { limit });
      expect(list.kvs.map(({ key }) => key)).to.deep.equal(keys);
      expect(list.more, `more than ${limit}`).to.equal(more);
    }
  });

  it('is read page by page as of one revision', async () => {
    const store = storeOf();
    const keys = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, '0')}`);
    const { revision } = await apply(store, ...keys.map((key) => put(key)));
    const read: string[] = [];
    for (let start = 'k', more = true; more;) {
      const page = await store.list({ start, end: 'l' }, { revision, limit: 10 });
      read.push(...page.kvs.map(({ key }) => key));
      start = `${read.at(-1) ?? ''}\0`;
      more = page.more;
      await apply(store, del('k24'), put('k05x'));
    }
    expect(read).to.deep.equal(keys);
  });

  it('leaves the values out', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a', 'value'));
    const [kv] = (await store.list(everything, { keysOnly: true })).kvs;
    expect(kv?.value.length).to.equal(0);
    expect(kv).to.deep.include({ key: 'a', createRevision: revision, modRevision: revision });
  });

  it('lists the newest first, by create revision', async () => {
    const store = storeOf();
    for (const key of ['b', 'a', 'd', 'c']) await apply(store, put(key));
    await apply(store, put('b', 'changed'));
    expect(await keysOf({ order: 'newest' })).to.deep.equal(['c', 'd', 'a', 'b']);
    expect(await keysOf({ order: 'newest', limit: 2 })).to.deep.equal(['c', 'd']);
    expect((await store.list(everything, { order: 'newest', limit: 2 })).more).to.equal(true);
    expect((await store.list(everything, { order: 'newest', limit: 4 })).more).to.equal(false);
  });

  it('leaves out what was created later, changed later or not', async () => {
    const store = storeOf();
    await apply(store, put('a'));
    const { revision } = await apply(store, put('b'));
    await apply(store, put('c'));
    await apply(store, put('a', 'changed'));
    expect(await keysOf({ createdUpTo: revision })).to.deep.equal(['a', 'b']);
    expect(await keysOf({ createdUpTo: plus(revision, -1) })).to.deep.equal(['a']);
    expect(await keysOf({ createdUpTo: revisionZero })).to.deep.equal([]);
    expect(await keysOf({ createdUpTo: revision, order: 'newest', limit: 1 })).to.deep.equal(['b']);
    const page = await store.list(everything, { createdUpTo: revision, limit: 2 });
    expect([page.kvs.length, page.more]).to.deep.equal([2, false]);
    expect((await store.list(everything, { createdUpTo: revision, limit: 1 })).more).to.equal(true);
  });

  it('refuses a revision that is not there yet', async () => {
    const store = storeOf();
    await expectReason(
      'REVISION_COMPACTED',
      store.list(everything, { revision: plus(await revisionOf(store), 1) }),
    );
  });
}
