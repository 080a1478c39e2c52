/** Transactions: compares, results, nesting, atomicity. */
import { expect } from 'chai';
import {
  isAbsent,
  isSameCreation,
  isUnchanged,
  prefixRange,
  type Compare,
  type OpResult,
  type TxnResult,
} from '../../../src/store/store.js';
import {
  apply,
  del,
  everything,
  get,
  nested,
  plus,
  put,
  revisionOf,
  texts,
  txnOf,
  type StoreOf,
} from './tools.js';

/** What the gets of a result found, as text. */
function found(results: readonly OpResult[]): string[][] {
  return results.flatMap((result) => (result.type === 'get' ? [texts(result.kvs)] : []));
}

function nestedResult(result: TxnResult, index: number): TxnResult {
  const op = result.results[index];
  if (op?.type !== 'txn') throw new Error('Not a nested result');
  return op.result;
}

/** See the head of this file. */
export function describeTxn(storeOf: StoreOf): void {
  it('puts a key with its revisions, and keeps the create revision until it is deleted', async () => {
    const store = storeOf();
    const first = await apply(store, put('a', 'one'));
    const second = await apply(store, put('a', 'two'));
    expect(second.revision).to.equal(first.revision + 1);
    expect(await store.get('a')).to.deep.include({
      key: 'a',
      createRevision: first.revision,
      modRevision: second.revision,
      lease: undefined,
    });
    await apply(store, del('a'));
    expect(await store.get('a')).to.equal(undefined);
    const third = await apply(store, put('a', 'three'));
    expect(await store.get('a')).to.deep.include({
      createRevision: third.revision,
      modRevision: third.revision,
    });
  });

  it('keeps any bytes as a value, none too', async () => {
    const store = storeOf();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await apply(store, put('bytes', bytes), put('none', ''));
    expect([...((await store.get('bytes'))?.value ?? [])]).to.deep.equal([...bytes]);
    expect((await store.get('none'))?.value.length).to.equal(0);
  });

  it('does not see what the caller does to a buffer afterwards', async () => {
    const store = storeOf();
    const value = Buffer.from('before');
    await apply(store, put('a', value));
    value.write('after!');
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=before']);
  });

  it('takes `then` if all compares hold, else `otherwise`, and answers each operation of it', async () => {
    const store = storeOf();
    await apply(store, put('a', '1'));
    const txn = {
      compares: [isAbsent('b'), { at: 'a', target: 'create', relation: '>', revision: 0 } as const],
      then: [put('b', '2'), get('a'), del('nothing')],
      otherwise: [get('b')],
    };
    const taken = await store.txn(txn);
    expect(taken.succeeded).to.equal(true);
    expect(taken.results.map(({ type }) => type)).to.deep.equal(['put', 'get', 'delete']);
    expect(taken.results[2]).to.deep.equal({ type: 'delete', deleted: 0 });
    expect(found(taken.results)).to.deep.equal([['a=1']]);
    const refused = await store.txn(txn);
    expect(refused.succeeded).to.equal(false);
    expect(found(refused.results)).to.deep.equal([['b=2']]);
  });

  it('gives the revision of its writes, or the present one if it wrote nothing', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a'), put('b'), put('c'));
    expect((await store.get('a'))?.modRevision).to.equal(revision);
    expect((await store.get('c'))?.modRevision).to.equal(revision);
    expect((await apply(store, get('a'))).revision).to.equal(revision);
    expect((await apply(store, del('nothing'), del({ start: 'x', end: 'y' }))).revision).to.equal(revision);
    expect(
      (await store.txn({ compares: [isAbsent('a')], then: [put('a')], otherwise: [] })).revision,
    ).to.equal(revision);
    expect((await store.txn(txnOf())).revision).to.equal(revision);
    expect(await revisionOf(store)).to.equal(revision);
  });

  for (const target of ['create', 'mod'] as const) {
    it(`compares the ${target} revision in each relation`, async () => {
      const store = storeOf();
      await apply(store, put('a'));
      await apply(store, put('a'));
      const kv = await store.get('a');
      const actual = (target === 'create' ? kv?.createRevision : kv?.modRevision) ?? 0;
      const outcomes = [-1, 0, 1].flatMap((distance) =>
        (['=', '!=', '<', '>'] as const).map(async (relation) => {
          const compare: Compare = { at: 'a', target, relation, revision: actual + distance };
          return (await store.txn({ compares: [compare], then: [], otherwise: [] })).succeeded;
        }),
      );
      // actual =, !=, <, > one less; the same; one more.
      expect(await Promise.all(outcomes)).to.deep.equal([
        ...[false, true, false, true],
        ...[true, false, false, false],
        ...[false, true, true, false],
      ]);
    });
  }

  it('takes an absent key and an empty range for revision 0', async () => {
    const store = storeOf();
    const holds = async (compare: Compare): Promise<boolean> =>
      (await store.txn({ compares: [compare], then: [], otherwise: [] })).succeeded;
    for (const at of ['nothing', prefixRange('nothing/')]) {
      expect(await holds(isAbsent(at))).to.equal(true);
      expect(await holds({ at, target: 'mod', relation: '=', revision: 0 })).to.equal(true);
      expect(await holds({ at, target: 'mod', relation: '<', revision: 1 })).to.equal(true);
      expect(await holds({ at, target: 'create', relation: '>', revision: 0 })).to.equal(false);
    }
  });

  it('holds a compare of a range if every key of it fulfils it', async () => {
    const store = storeOf();
    await apply(store, put('r/a'));
    const { revision } = await apply(store, put('r/b'));
    const holds = async (compare: Omit<Compare, 'at'>): Promise<boolean> =>
      (await store.txn({ compares: [{ at: prefixRange('r/'), ...compare }], then: [], otherwise: [] }))
        .succeeded;
    expect(await holds({ target: 'mod', relation: '<', revision: revision + 1 })).to.equal(true);
    expect(await holds({ target: 'mod', relation: '<', revision })).to.equal(false);
    expect(await holds({ target: 'mod', relation: '=', revision })).to.equal(false);
    expect(await holds({ target: 'create', relation: '>', revision: 0 })).to.equal(true);
    expect(await holds({ target: 'create', relation: '=', revision: 0 })).to.equal(false);
  });

  it('has conditions for absent, unchanged and the same creation', async () => {
    const store = storeOf();
    const { revision: created } = await apply(store, put('a'));
    const { revision: changed } = await apply(store, put('a'));
    const holds = async (compare: Compare): Promise<boolean> =>
      (await store.txn({ compares: [compare], then: [], otherwise: [] })).succeeded;
    expect(await holds(isUnchanged('a', changed))).to.equal(true);
    expect(await holds(isUnchanged('a', created))).to.equal(false);
    expect(await holds(isUnchanged('b', 0))).to.equal(true);
    expect(await holds(isSameCreation('a', created))).to.equal(true);
    expect(await holds(isSameCreation('a', changed))).to.equal(false);
    expect(await holds(isAbsent('a'))).to.equal(false);
  });

  it('evaluates the compares of all nested transactions before it applies any', async () => {
    const store = storeOf();
    const both = await apply(
      store,
      nested([isAbsent('a')], [put('a', 'first')]),
      nested([isAbsent('a')], [put('b', 'second')]),
      nested([isAbsent(prefixRange('a'))], [put('c', 'third')]),
    );
    expect(both.results.map((_, index) => nestedResult(both, index).succeeded)).to.deep.equal([
      true,
      true,
      true,
    ]);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=first', 'b=second', 'c=third']);
  });

  it('evaluates an inner compare before an outer write, at any depth', async () => {
    const store = storeOf();
    const result = await apply(
      store,
      put('a'),
      nested([], [nested([isAbsent('a')], [put('b')], [put('c')])]),
    );
    expect(nestedResult(nestedResult(result, 1), 0).succeeded).to.equal(true);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=', 'b=']);
  });

  it('takes the branches of nested transactions one by one', async () => {
    const store = storeOf();
    await apply(store, put('there', '1'));
    const result = await apply(
      store,
      nested([isAbsent('there')], [put('x')], [get('there'), nested([], [put('deep')])]),
      nested([isAbsent('gone')], [put('y')], [put('z')]),
    );
    expect(nestedResult(result, 0).succeeded).to.equal(false);
    expect(found(nestedResult(result, 0).results)).to.deep.equal([['there=1']]);
    expect(nestedResult(nestedResult(result, 0), 1).succeeded).to.equal(true);
    expect(nestedResult(result, 1).succeeded).to.equal(true);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['deep=', 'there=1', 'y=']);
  });

  it('gives nested results the revision of the whole', async () => {
    const store = storeOf();
    const result = await apply(
      store,
      nested([isAbsent('a')], []),
      put('b'),
      nested([], [nested([], [put('c')])]),
    );
    expect(nestedResult(result, 0).revision).to.equal(result.revision);
    expect(nestedResult(nestedResult(result, 2), 0).revision).to.equal(result.revision);
    expect((await store.get('c'))?.modRevision).to.equal(result.revision);
  });

  it('lets an operation see what those before it wrote, and none what comes after', async () => {
    const store = storeOf();
    await apply(store, put('k/a', 'old'), put('k/b', 'old'));
    const { revision, results } = await apply(
      store,
      get('k/a'),
      put('k/a', 'new'),
      get('k/a'),
      put('k/c', 'new'),
      get(prefixRange('k/')),
      nested([], [get('k/c'), put('k/d', 'inner')]),
      get(prefixRange('k/')),
      del('k/b'),
      get(prefixRange('k/')),
    );
    expect(found(results)).to.deep.equal([
      ['k/a=old'],
      ['k/a=new'],
      ['k/a=new', 'k/b=old', 'k/c=new'],
      ['k/a=new', 'k/b=old', 'k/c=new', 'k/d=inner'],
      ['k/a=new', 'k/c=new', 'k/d=inner'],
    ]);
    const seen = results[2];
    expect(seen?.type === 'get' && seen.kvs[0]?.modRevision).to.equal(revision);
  });

  it('deletes a range, and counts a key that the same transaction has already deleted once', async () => {
    const store = storeOf();
    await apply(store, put('k/a'), put('k/b'), put('k/c'), put('l'));
    const { results } = await apply(store, del('k/b'), del(prefixRange('k/')), del('k/a'));
    expect(results.map((result) => result.type === 'delete' && result.deleted)).to.deep.equal([1, 2, 0]);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['l=']);
  });

  it('leaves values out of a get of keys only', async () => {
    const store = storeOf();
    await apply(store, put('a', 'value'));
    const { results } = await apply(store, { type: 'get', at: 'a', keysOnly: true });
    expect(found(results)).to.deep.equal([['a=']]);
  });

  it('gets no more keys than the limit, the first ones', async () => {
    const store = storeOf();
    await apply(store, put('a', '1'), put('b', '2'), put('c', '3'));
    const at = { start: 'a', end: 'z' };
    const { results } = await apply(store, { type: 'get', at, limit: 2 });
    expect(found(results)).to.deep.equal([['a=1', 'b=2']]);
  });

  it('gives each of many transactions sent at once a revision of its own', async () => {
    const store = storeOf();
    const before = await revisionOf(store);
    const sent = Array.from({ length: 200 }, (_, index) => apply(store, put(`k${index}`)));
    const revisions = (await Promise.all(sent))
      .map(({ revision }) => revision)
      .sort((left, right) => left - right);
    expect(revisions).to.deep.equal(Array.from({ length: 200 }, (_, index) => plus(before, index + 1)));
  });

  it('lets exactly one of many guarded transactions through', async () => {
    const store = storeOf();
    const guarded = (value: string) => ({
      compares: [isAbsent('a')],
      then: [put('a', value)],
      otherwise: [get('a')],
    });
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.txn(guarded(String(index)))),
    );
    const winners = results.flatMap(({ succeeded }, index) => (succeeded ? [index] : []));
    expect(winners).to.have.length(1);
    for (const { succeeded, results: answers } of results) {
      if (!succeeded) expect(found(answers)).to.deep.equal([[`a=${winners[0]}`]]);
    }
  });
}
