import { expect } from 'chai';
import { AsyncQueue } from '../../../src/base/async-queue.js';
import type { Revision } from '../../../src/base/ids.js';
import { SteplockError } from '../../../src/errors/index.js';
import { silentLogger } from '../../../src/log/log.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { isUnchanged, type Op, type Store } from '../../../src/store/store.js';
import type { Unit } from '../../../src/store/unit.js';
import { FakeClock, settle } from '../../support/fake-clock.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const put = (key: string, text = ''): Op => ({ type: 'put', key, value: bytes(text) });
const del = (key: string): Op => ({ type: 'delete', at: key });

/** A cache of `k/` over a store whose watch is silent if the test wants it so. */
class Bench {
  readonly clock = new FakeClock();
  readonly store = createEmbeddedStore({ clock: this.clock });
  readonly events: string[] = [];
  readonly watchedFrom: number[] = [];
  readonly end = new AbortController();
  isSilent = false;
  /** What the next watches throw. */
  readonly failures: Error[] = [];
  readonly cache: StoreCache;

  constructor() {
    const watch: Store['watch'] = (range, after, signal) => {
      this.watchedFrom.push(after);
      const failure = this.failures.shift();
      if (failure !== undefined) return failing(failure);
      return this.isSilent ? silent(signal) : this.store.watch(range, after, signal);
    };
    const store = new Proxy(this.store, {
      get: (target, name) => {
        if (name === 'watch') return watch;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    this.cache = new StoreCache({
      store,
      clock: this.clock,
      log: silentLogger,
      range: { start: '', end: '~' },
      kept: ['k/'],
      resyncMs: 30_000,
    });
    this.cache.subscribe(({ key, kv }) =>
      this.events.push(kv === undefined ? `-${key}` : `+${key}=${Buffer.from(kv.value).toString()}`),
    );
  }

  async apply(...then: Op[]): Promise<number> {
    const { revision } = await this.store.txn({ compares: [], then, otherwise: [] });
    await settle();
    return revision;
  }

  async start(): Promise<void> {
    await this.cache.start(this.end.signal);
    await settle();
    this.events.length = 0;
  }
}

async function* failing(error: Error): AsyncGenerator<never> {
  await Promise.resolve();
  throw error;
}

async function* silent(signal: AbortSignal): AsyncGenerator<never> {
  const queue = new AsyncQueue<never>(1);
  signal.addEventListener('abort', () => {
    queue.end();
  });
  for await (const item of queue) yield item;
}

const unitOf = (...ops: Unit['ops']): Unit => ({ id: 'u', compares: [], ops, witness: undefined });

describe('StoreCache', () => {
  it('knows what was there before it began, and hears of what comes, in order', async () => {
    const bench = new Bench();
    await bench.apply(put('k/a', '1'), put('other', 'x'));
    await bench.cache.start(bench.end.signal);
    expect(bench.events).to.deep.equal(['+k/a=1']);
    await bench.apply(put('k/a', '2'));
    await bench.apply(put('k/b', '3'), put('other', 'y'));
    await bench.apply(del('k/a'));
    expect(bench.events.slice(1)).to.deep.equal(['+k/a=2', '+k/b=3', '+other=y', '-k/a']);
    expect([...bench.cache.entries('k/')].map(({ key }) => key)).to.deep.equal(['k/b']);
    expect(bench.cache.get('other'), 'Only what is kept is kept').to.equal(undefined);
    bench.end.abort();
  });

  it('tells those who wait for one key of that key alone, until they leave', async () => {
    const bench = new Bench();
    await bench.start();
    const heard: string[] = [];
    const leave = bench.cache.subscribeKey('k/a', ({ key }) => heard.push(`first ${key}`));
    bench.cache.subscribeKey('k/a', ({ key }) => heard.push(`second ${key}`));
    await bench.apply(put('k/a'), put('k/b'));
    leave();
    await bench.apply(del('k/a'));
    expect(heard).to.deep.equal(['first k/a', 'second k/a', 'second k/a']);
    bench.end.abort();
  });

  it('finds everything by its list alone, missed deletes included', async () => {
    const bench = new Bench();
    await bench.apply(put('k/a', '1'), put('k/b', '1'));
    bench.isSilent = true;
    await bench.start();
    await bench.apply(put('k/a', '2'), del('k/b'));
    expect(bench.events).to.deep.equal([]);
    await bench.clock.run(30_000);
    await settle();
    expect(bench.events).to.deep.equal(['+k/a=2', '-k/b']);
    bench.end.abort();
  });

  it('opens a watch that broke again where it was, so that nothing is missed or told twice', async () => {
    const bench = new Bench();
    bench.failures.push(new SteplockError('STORE_UNAVAILABLE', 'broke'));
    await bench.start();
    const from = await bench.apply(put('k/a', '1'));
    await bench.clock.run(5_000);
    await settle();
    expect(bench.events).to.deep.equal(['+k/a=1']);
    expect(new Set(bench.watchedFrom)).to.deep.equal(new Set([from - 1]));
    bench.end.abort();
  });

  it('lists again when what it missed was compacted away', async () => {
    const bench = new Bench();
    await bench.apply(put('k/a', '1'), put('k/b', '1'));
    bench.failures.push(new SteplockError('STORE_UNAVAILABLE', 'broke'));
    await bench.start();
    await bench.apply(put('k/a', '2'));
    const last = await bench.apply(del('k/b'));
    await bench.store.compact(last as Revision);
    await bench.clock.run(5_000);
    for (let count = 0; count < 5; count++) await settle();
    expect(bench.events).to.deep.equal(['+k/a=2', '-k/b']);
    expect(bench.watchedFrom.at(-1)).to.equal(last);
    bench.end.abort();
  });

  it('takes what this node commits at once, and its echo for nothing new', async () => {
    const bench = new Bench();
    await bench.start();
    bench.isSilent = true;
    const ops = [{ type: 'put', key: 'k/a', value: bytes('1') } as const];
    const { revision } = await bench.store.txn({ compares: [], then: ops, otherwise: [] });
    bench.cache.applyUnit(unitOf(...ops), revision);
    expect(bench.events).to.deep.equal(['+k/a=1']);
    await settle();
    expect(bench.events).to.deep.equal(['+k/a=1']);
    expect(bench.cache.get('k/a')).to.deep.include({ createRevision: revision, modRevision: revision });
    bench.end.abort();
  });

  it('leaves to the watch what it does not know: when a record was created that this node changed', async () => {
    const bench = new Bench();
    bench.isSilent = true;
    await bench.start();
    const created = await bench.apply(put('k/a', '1'));
    const changes: Unit = {
      ...unitOf({ type: 'put', key: 'k/a', value: bytes('2') }),
      compares: [isUnchanged('k/a', created)],
    };
    bench.cache.applyUnit(changes, created + 1);
    expect(bench.cache.get('k/a')).to.equal(undefined);
    await bench.apply(put('k/a', '2'));
    await bench.clock.run(30_000);
    await settle();
    expect(bench.cache.get('k/a')).to.deep.include({ createRevision: created, modRevision: created + 1 });
    // Known now, it is taken over at once again.
    const again = { ...changes, compares: [isUnchanged('k/a', created + 1)] };
    bench.cache.applyUnit(again, created + 2);
    expect(bench.cache.get('k/a')).to.deep.include({ createRevision: created, modRevision: created + 2 });
    bench.end.abort();
  });

  it('does not bring back what this node deleted when older news of it come', async () => {
    const bench = new Bench();
    await bench.start();
    const before = (await bench.store.list({ start: '', end: '~' })).revision;
    // Both are applied before the watch tells of either.
    bench.cache.applyUnit(unitOf({ type: 'put', key: 'k/a', value: bytes('1') }), before + 1);
    bench.cache.applyUnit(unitOf({ type: 'delete', at: 'k/a' }), before + 2);
    await bench.apply(put('k/a', '1'));
    await bench.apply(del('k/a'));
    await settle();
    expect(bench.events).to.deep.equal(['+k/a=1', '-k/a']);
    expect(bench.cache.get('k/a')).to.equal(undefined);
    bench.end.abort();
  });

  it('moves its cursor with each batch of its watch', async () => {
    const bench = new Bench();
    await bench.start();
    const revision = await bench.apply(put('k/a'), put('k/b'));
    expect(bench.events).to.deep.equal(['+k/a=', '+k/b=']);
    expect(bench.cache.cursor).to.equal(revision);
    bench.end.abort();
  });
});
