/** What the embedded store makes of its journal: nobody sees what is not durable, and a failed write ends it. */
import { expect } from 'chai';
import type { Revision } from '../../src/base/ids.js';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { Journal, JournalListener } from '../../src/store/embedded/journal.js';
import { isAbsent } from '../../src/store/store.js';
import { FakeClock } from '../support/fake-clock.js';
import {
  apply,
  everything,
  eventText,
  expectReason,
  get,
  plus,
  put,
  reasonOf,
  revisionOf,
  texts,
  watchFrom,
} from './suite/tools.js';

/** A journal that writes when the test says so. */
class ManualJournal implements Journal {
  listener: JournalListener | undefined;
  readonly taken: number[] = [];
  closings = 0;

  listen(listener: JournalListener): void {
    this.listener = listener;
  }

  append({ revision }: { readonly revision: Revision }): void {
    this.taken.push(revision);
  }

  write(upTo: number): void {
    this.listener?.onDurable(upTo as Revision);
  }

  fail(): void {
    this.listener?.onFailure(new Error('No space left on device'));
  }

  close(): Promise<void> {
    this.closings++;
    return Promise.resolve();
  }
}

/** Whether the promise is settled once all that can go on has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('Embedded store and its journal', () => {
  let clock: FakeClock;
  let journal: ManualJournal;
  let store: EmbeddedStore;

  beforeEach(() => {
    clock = new FakeClock();
    journal = new ManualJournal();
    store = new EmbeddedStore({ clock, journal });
  });
  afterEach(async () => {
    await store.close();
    expect(clock.timers, 'timers left').to.equal(0);
  });

  it('answers a transaction when its revision is durable', async () => {
    const [first, second, third] = ['a', 'b', 'c'].map((key) => apply(store, put(key)));
    expect(journal.taken).to.deep.equal([2, 3, 4]);
    journal.write(3);
    expect(
      await Promise.all([first, second, third].map((sent) => isSettled(sent ?? Promise.reject(new Error())))),
    ).to.deep.equal([...[true, true, false]]);
    journal.write(4);
    expect((await third)?.revision).to.equal(4);
  });

  it('answers a transaction that has seen what is not durable when that is', async () => {
    const winner = store.txn({ compares: [isAbsent('a')], then: [put('a', '1')], otherwise: [] });
    const loser = store.txn({ compares: [isAbsent('a')], then: [], otherwise: [get('a')] });
    const reader = apply(store, get('a'));
    expect(await isSettled(loser)).to.equal(false);
    expect(await isSettled(reader)).to.equal(false);
    journal.write(2);
    expect((await winner).succeeded).to.equal(true);
    expect((await loser).succeeded).to.equal(false);
    expect((await reader).revision).to.equal(2);
  });

  it('shows nothing to lists and gets that is not durable', async () => {
    const sent = apply(store, put('a', '1'));
    expect(await store.get('a')).to.equal(undefined);
    expect(await store.list(everything)).to.deep.equal({ revision: 1, kvs: [], more: false });
    await expectReason('REVISION_COMPACTED', store.list(everything, { revision: 2 as Revision }));
    await expectReason('REVISION_COMPACTED', store.compact(2 as Revision));
    journal.write(2);
    await sent;
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=1']);
  });

  it('delivers nothing to watches that is not durable', async () => {
    const watch = watchFrom(store, 1 as Revision);
    const sent = [apply(store, put('a', '1')), apply(store, put('a', '2'))];
    const batch = watch.next();
    expect(await isSettled(batch)).to.equal(false);
    journal.write(2);
    expect((await batch).events.map(eventText)).to.deep.equal(['+a=1']);
    journal.write(3);
    await Promise.all(sent);
    expect(await watch.events(1)).to.deep.equal(['+a=2']);
    await watch.stop();
  });

  it('waits for the end of a lease to be durable when it is revoked', async () => {
    const { id } = await store.grantLease(1_000);
    const sent = apply(store, put('a', '', id));
    journal.write(2);
    await sent;
    const revoked = store.revokeLease(id);
    expect(await isSettled(revoked)).to.equal(false);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=']);
    journal.write(3);
    await revoked;
    expect(texts((await store.list(everything)).kvs)).to.deep.equal([]);
  });

  it('leaves open what became of transactions when a write fails, and refuses everything from then on', async () => {
    const lease = await store.grantLease(1_000);
    const sent = [apply(store, put('a')), apply(store, put('b'))];
    journal.write(2);
    const watch = watchFrom(store, 2 as Revision);
    journal.fail();
    expect((await sent[0])?.revision).to.equal(2);
    await expectReason('OUTCOME_UNKNOWN', sent[1] ?? Promise.resolve());
    expect(reasonOf(await watch.failure())).to.equal('STORE_UNAVAILABLE');
    await expectReason('STORE_UNAVAILABLE', apply(store, put('c')));
    await expectReason('STORE_UNAVAILABLE', store.get('a'));
    await expectReason('STORE_UNAVAILABLE', store.list(everything));
    await expectReason('STORE_UNAVAILABLE', store.renewLease(lease.id));
    const refused = await expectReason('STORE_UNAVAILABLE', store.grantLease(1_000));
    expect(refused.message).to.contain('could not write');
    expect(journal.taken, 'nothing is given to a journal that has failed').to.deep.equal([2, 3]);
    clock.advance(5_000);
    expect(journal.taken, 'nor by a lease that ends').to.deep.equal([2, 3]);
  });

  it('ends leases by the timers of its clock', async () => {
    const memory = new EmbeddedStore({ clock });
    const short = await memory.grantLease(1_000);
    const long = await memory.grantLease(5_000);
    await apply(memory, put('a', '', short.id), put('b', '', long.id));
    clock.advance(600);
    await memory.renewLease(short.id);
    clock.advance(999);
    expect(texts((await memory.list(everything)).kvs)).to.deep.equal(['a=', 'b=']);
    clock.advance(1);
    expect(texts((await memory.list(everything)).kvs)).to.deep.equal(['b=']);
    const sooner = await memory.grantLease(100);
    await apply(memory, put('c', '', sooner.id));
    clock.advance(100);
    expect(texts((await memory.list(everything)).kvs)).to.deep.equal(['b=']);
    await memory.close();
  });

  it('tells a watch now and then how far it has come when nothing changes in its range', async () => {
    const memory = new EmbeddedStore({ clock });
    const after = await revisionOf(memory);
    const abort = new AbortController();
    const batches = memory.watch({ start: 'w', end: 'x' }, after, abort.signal)[Symbol.asyncIterator]();
    const first = batches.next();
    for (let index = 0; index < 1_500; index++) await apply(memory, put('a'));
    expect(await first).to.deep.equal({ done: false, value: { revision: after + 1_000, events: [] } });
    abort.abort();
    expect((await batches.next()).done).to.equal(true);
    await memory.close();
  });

  it('does not lose a busy reader at a compaction as long as nothing has come for it', async () => {
    const memory = new EmbeddedStore({ clock });
    const quiet = watchFrom(memory, 1 as Revision, { start: 'q', end: 'r' });
    const loud = watchFrom(memory, 1 as Revision, { start: 'a', end: 'b' });
    await apply(memory, put('a', '1'), put('q', '1'));
    await Promise.all([quiet.next(), loud.next()]);
    const { revision } = await apply(memory, put('a', '2'));
    await apply(memory, put('x'));
    await memory.compact(plus(revision, 1));
    await apply(memory, put('q', '2'));
    expect(await quiet.events(1)).to.deep.equal(['+q=2']);
    expect(reasonOf(await loud.failure())).to.equal('REVISION_COMPACTED');
    await quiet.stop();
    await memory.close();
  });
});
