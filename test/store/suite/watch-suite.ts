/** Watches: nothing missed, nothing twice, whole revisions, bounded. */
import { expect } from 'chai';
import { prefixRange, type Store, type WatchBatch } from '../../../src/store/store.js';
import { within } from '../../support/eventually.js';
import {
  apply,
  del,
  everything,
  eventText,
  nested,
  plus,
  put,
  reasonOf,
  revisionOf,
  revisionZero,
  watchFrom,
  type StoreOf,
} from './tools.js';

/** See the head of this file. */
export function describeWatch(storeOf: StoreOf): void {
  it('delivers what changes after the revision, and not what changed before', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a', 'before'));
    const watch = watchFrom(store, revision);
    await apply(store, put('b', '1'));
    await apply(store, put('a', '2'));
    await apply(store, del('b'));
    expect(await watch.events(3)).to.deep.equal(['+b=1', '+a=2', '-b']);
    await watch.stop();
  });

  it('replays history from a revision on, then goes on', async () => {
    const store = storeOf();
    const start = await revisionOf(store);
    const revisions = [];
    for (let index = 0; index < 5; index++)
      revisions.push((await apply(store, put('a', String(index)))).revision);
    const watch = watchFrom(store, revisions[1] ?? start);
    expect(await watch.events(3)).to.deep.equal(['+a=2', '+a=3', '+a=4']);
    await apply(store, put('a', '5'));
    expect(await watch.events(1)).to.deep.equal(['+a=5']);
    await watch.stop();
  });

  it('gives events the revisions, creation and lease of their keys', async () => {
    const store = storeOf();
    const lease = await store.grantLease(60_000);
    const { revision: created } = await apply(store, put('a', '1', lease.id));
    const { revision: changed } = await apply(store, put('a', '2'));
    const { revision: deleted } = await apply(store, del('a'));
    const watch = watchFrom(store, plus(created, -1));
    const events = [];
    while (events.length < 3) events.push(...(await watch.next()).events);
    const [first, second, third] = events;
    expect(first?.type === 'put' && { ...first.kv, value: undefined }).to.deep.equal({
      ...{ key: 'a', value: undefined, createRevision: created, modRevision: created, lease: lease.id },
    });
    expect(second?.type === 'put' && { ...second.kv, value: undefined }).to.deep.equal({
      ...{ key: 'a', value: undefined, createRevision: created, modRevision: changed, lease: undefined },
    });
    expect(third).to.deep.equal({ type: 'delete', key: 'a', revision: deleted });
    await watch.stop();
    await store.revokeLease(lease.id);
  });

  it('delivers the changes of one revision together, in the order of the operations', async () => {
    const store = storeOf();
    await apply(store, put('z'));
    const after = await revisionOf(store);
    const watch = watchFrom(store, after);
    const { revision } = await apply(store, put('c'), put('a'), nested([], [put('b'), del('z')]));
    await apply(store, put('d'));
    const batch = await watch.next();
    expect(batch.revision).to.be.at.least(revision);
    expect(batch.events.map(eventText).slice(0, 4)).to.deep.equal(['+c=', '+a=', '+b=', '-z']);
    await watch.stop();
  });

  it('says up to which revision it has delivered everything', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    for (let index = 0; index < 20; index++) await apply(store, put(`k${index % 3}`, String(index)));
    const watch = watchFrom(store, after);
    let [cursor, seen] = [after as number, 0];
    while (seen < 20) {
      const { revision, events } = await watch.next();
      for (const event of events) {
        const eventRevision = event.type === 'put' ? event.kv.modRevision : event.revision;
        expect(eventRevision).to.be.greaterThan(cursor).and.at.most(revision);
      }
      [cursor, seen] = [revision, seen + events.length];
    }
    expect(cursor).to.equal(after + 20);
    await watch.stop();
  });

  it('delivers changes of the range alone', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    const watch = watchFrom(store, after, prefixRange('in/'));
    await apply(store, put('in'), put('in/a', '1'), put('in0'));
    await apply(store, put('out'));
    await apply(store, del({ start: 'a', end: 'z' }));
    expect(await watch.events(2)).to.deep.equal(['+in/a=1', '-in/a']);
    await watch.stop();
  });

  it('misses nothing and delivers nothing twice when it is opened again from its cursor', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    const writes = (async () => {
      for (let index = 0; index < 150; index++)
        await apply(store, put('a', String(index)), put('b', String(index)));
    })();
    const read: string[] = [];
    for (let cursor = after; read.length < 300;) {
      const watch = watchFrom(store, cursor);
      const batch = await watch.next();
      read.push(...batch.events.map(eventText));
      cursor = batch.revision;
      await watch.stop();
    }
    await writes;
    const expected = Array.from({ length: 150 }, (_, index) => [`+a=${index}`, `+b=${index}`]);
    expect(read).to.deep.equal(expected.flat());
  }).timeout(30_000);

  it('waits for a revision that is not there yet', async () => {
    const store = storeOf();
    const watch = watchFrom(store, plus(await revisionOf(store), 2));
    for (const value of ['1', '2', '3', '4']) await apply(store, put('a', value));
    expect(await watch.events(2)).to.deep.equal(['+a=3', '+a=4']);
    await watch.stop();
  });

  it('starts from the first revision with 0', async () => {
    const store = storeOf();
    const revision = await revisionOf(store);
    await store.compact(plus(revision, 0));
    if (revision > 1) {
      expect(reasonOf(await watchFrom(store, revisionZero).failure())).to.equal('REVISION_COMPACTED');
    } else {
      const watch = watchFrom(store, revisionZero);
      await apply(store, put('a'));
      expect(await watch.events(1)).to.deep.equal(['+a=']);
      await watch.stop();
    }
  });

  it('ends without an error when the signal aborts, before and after it has begun', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    const watch = watchFrom(store, after);
    await watch.stop();
    const reading = watchFrom(store, after);
    await apply(store, put('a'));
    await reading.next();
    await reading.stop();
    const ended = await store.watch(everything, after, AbortSignal.abort())[Symbol.asyncIterator]().next();
    expect(ended.done).to.equal(true);
  });

  it('is refused after a compaction, and one from the compacted revision on is not', async () => {
    const store = storeOf();
    const { revision: first } = await apply(store, put('a', '1'), put('b', '1'));
    const { revision: second } = await apply(store, put('a', '2'), del('b'));
    await apply(store, put('a', '3'));
    await store.compact(second);
    expect(reasonOf(await watchFrom(store, plus(first, -1)).failure())).to.equal('REVISION_COMPACTED');
    // What `second` itself did is not whole any more: etcd before 3.4.34 would leave out the delete.
    expect(reasonOf(await watchFrom(store, first).failure())).to.equal('REVISION_COMPACTED');
    const watch = watchFrom(store, second);
    expect(await watch.events(1)).to.deep.equal(['+a=3']);
    await watch.stop();
  });

  it('is not disturbed by a compaction once it is up to date', async () => {
    const store = storeOf();
    const watch = watchFrom(store, await revisionOf(store), prefixRange('w/'));
    await apply(store, put('w/a', '1'));
    expect(await watch.events(1)).to.deep.equal(['+w/a=1']);
    for (let index = 0; index < 10; index++) await apply(store, put('x'));
    const { revision } = await apply(store, put('x'));
    // etcd brings a watch up to date every 100 ms; one that has delivered something is.
    await store.compact(revision);
    await apply(store, put('w/a', '2'));
    expect(await watch.events(1)).to.deep.equal(['+w/a=2']);
    await watch.stop();
  });

  it('delivers revisions that are together larger than a message, each whole', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    const value = new Uint8Array(250_000);
    for (let index = 0; index < 5; index++) {
      await apply(store, ...['a', 'b', 'c', 'd', 'e'].map((key) => put(`${key}${index}`, value)));
    }
    const watch = watchFrom(store, after);
    for (let seen = 0; seen < 25;) {
      const batch: WatchBatch = await watch.next();
      expect(batch.events.length % 5, 'whole revisions').to.equal(0);
      seen += batch.events.length;
      expect(batch.revision).to.equal(after + seen / 5);
    }
    await watch.stop();
  });

  it('keeps no more than it must for a slow reader, and the reader misses nothing', async () => {
    const store = storeOf();
    const after = await revisionOf(store);
    const watch = watchFrom(store, after);
    await apply(store, put('k', '0'));
    await watch.next();
    const value = new Uint8Array(500_000);
    const writes = 60;
    await writeMany(store, writes, value);
    let seen = 0;
    for (let cursor = 0; seen < writes;) {
      const { revision, events } = await watch.next();
      expect(revision).to.be.greaterThan(cursor);
      [cursor, seen] = [revision, seen + events.length];
    }
    expect(seen).to.equal(writes);
    await watch.stop();
  }).timeout(30_000);

  it('fails when the store is closed', async () => {
    const store = storeOf();
    const watch = watchFrom(store, await revisionOf(store));
    await apply(store, put('a'));
    await watch.next();
    await store.close();
    expect(reasonOf(await within(2_000, 'the end of the watch', watch.failure()))).to.equal(
      'STORE_UNAVAILABLE',
    );
  });
}

async function writeMany(store: Store, count: number, value: Uint8Array): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => apply(store, put(`k${index}`, value))));
}
