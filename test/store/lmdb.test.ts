/** The embedded store on disk: what is acknowledged outlives everything, and one process has it at a time. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.js';
import { fromUtf8 } from '../../src/base/bytes.js';
import type { Revision } from '../../src/base/ids.js';
import { openEmbeddedStore } from '../../src/store/embedded/index.js';
import type { Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { temporaryDirectory } from './kinds.js';
import {
  apply,
  del,
  everything,
  expectReason,
  expectRefusal,
  plus,
  put,
  reasonOf,
  revisionOf,
  texts,
  watchFrom,
} from './suite/tools.js';

const writerPath = fileURLToPath(new URL('lmdb-writer.ts', import.meta.url));

/** A writer in a process of its own. */
interface Writer {
  readonly child: ChildProcess;
  /** What it has printed. */
  readonly lines: string[];
  /** Its end. */
  readonly exit: Promise<unknown>;
}

function startWriter(directory: string, first: number, valueBytes = 0, fileKilobytesMax?: number): Writer {
  const node = [execPath, '--import', 'tsx', writerPath, directory, String(first), String(valueBytes)];
  // The shell's `ulimit -f` counts in 512 or 1024 bytes; either is a small file.
  const limit = fileKilobytesMax === undefined ? '' : `ulimit -f ${fileKilobytesMax};`;
  const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...node], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { child, lines, exit: once(child, 'close') };
}

/** The numbers that a writer says are acknowledged, with their revisions. */
function acknowledged({ lines }: Writer): [number: number, revision: number][] {
  return lines.flatMap((line) => {
    const match = /^(\d+) (\d+)$/.exec(line);
    return match === null ? [] : [[Number(match[1]), Number(match[2])] as [number, number]];
  });
}

describe('Embedded store on disk', () => {
  const clock = systemClock;
  let directory: string;
  let store: Store | undefined;

  const open = async (): Promise<Store> => (store = await openEmbeddedStore(directory, { clock }));
  const close = async (): Promise<void> => {
    await store?.close();
    store = undefined;
  };

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await close();
    await rm(directory, { recursive: true });
  });

  it('holds what was written when it is opened again', async () => {
    const first = await open();
    await apply(first, put('a', '1'), put('b', '1'), put('gone', '1'));
    await apply(first, put('a', '2'), del('gone'));
    const before = await first.list(everything);
    await close();
    const second = await open();
    expect(await second.list(everything)).to.deep.equal(before);
    expect(texts(before.kvs)).to.deep.equal(['a=2', 'b=1']);
  });

  it('goes on with the next revision, and keeps create revisions', async () => {
    const first = await open();
    const { revision: created } = await apply(first, put('a', '1'));
    await apply(first, put('b'));
    const { revision: last } = await apply(first, del('b'));
    await close();
    const second = await open();
    expect(await revisionOf(second)).to.equal(last);
    const { revision } = await apply(second, put('a', '2'));
    expect(revision).to.equal(last + 1);
    expect((await second.get('a'))?.createRevision).to.equal(created);
  });

  it('has forgotten history, but can be watched from where it ended', async () => {
    const first = await open();
    const { revision: older } = await apply(first, put('a', '1'));
    const { revision: last } = await apply(first, put('a', '2'));
    await close();
    const second = await open();
    await expectReason('REVISION_COMPACTED', second.list(everything, { revision: older }));
    expect(reasonOf(await watchFrom(second, older).failure())).to.equal('REVISION_COMPACTED');
    const watch = watchFrom(second, last);
    await apply(second, put('a', '3'));
    expect(await watch.events(1)).to.deep.equal(['+a=3']);
    await watch.stop();
  });

  it('ends the leases of the process before, and never grants their ids again', async () => {
    const first = await open();
    const leases = [await first.grantLease(3_600_000), await first.grantLease(3_600_000)];
    await apply(first, put('a', '', leases[0]?.id), put('b', '', leases[1]?.id), put('c', '', leases[1]?.id));
    const { revision } = await apply(first, put('free'));
    await close();
    const second = await open();
    expect(texts((await second.list(everything)).kvs)).to.deep.equal(['free=']);
    expect(await revisionOf(second)).to.equal(revision + 2);
    const lease = await second.grantLease(3_600_000);
    for (const { id } of leases) {
      expect(lease.id).not.to.equal(id);
      await expectReason('LEASE_LOST', second.renewLease(id));
      await expectRefusal('LEASE_NOT_FOUND', apply(second, put('a', '', id)));
    }
    await close();
    const third = await open();
    expect(await revisionOf(third), 'keys deleted at the second opening stay so').to.equal(revision + 2);
  });

  it('writes large and many values, and any bytes', async () => {
    const first = await open();
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
    await apply(first, put('large', bytes), put('none', ''));
    const rows = Array.from({ length: 5_000 }, (_, index) => `row/${index}`);
    await Promise.all(rows.map((key) => apply(first, put(key, key))));
    await close();
    const second = await open();
    expect(Buffer.compare((await second.get('large'))?.value ?? new Uint8Array(), bytes)).to.equal(0);
    expect((await second.get('none'))?.value.length).to.equal(0);
    const list = await second.list({ start: 'row/', end: 'row0' });
    expect(list.kvs.map(({ value }) => fromUtf8(value))).to.deep.equal(rows.toSorted());
  });

  it('holds after any changes what it held before it was closed', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const op = fc.oneof(
      fc.tuple(key, fc.string()).map(([name, value]) => put(name, value)),
      key.map((name) => del({ start: name, end: `${name}~` })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 30 }), fc.nat(30), async (ops, at) => {
        for (const part of [ops.slice(0, at), ops.slice(at)]) {
          const writing = await open();
          await Promise.all(part.map((one) => apply(writing, one)));
          const before = await writing.list(everything);
          await close();
          expect(await (await open()).list(everything)).to.deep.equal(before);
          await close();
        }
      }),
      { numRuns: 25 },
    );
  }).timeout(20_000);

  it('is refused to a second one, by name, in this process', async () => {
    await open();
    const error = await expectReason('STORE_UNAVAILABLE', openEmbeddedStore(directory, { clock }));
    expect(error.message).to.contain(directory);
    expect(error.metadata).to.deep.equal({ directory, pid: String(process.pid) });
    await close();
    await open();
  });

  it('is refused to a second process while the first lives, and free when that was killed', async () => {
    const writer = startWriter(directory, 1);
    await eventually(() => {
      expect(writer.lines).to.include('open');
    }, 15_000);
    const error = await expectReason('STORE_UNAVAILABLE', open());
    expect(error.metadata).to.deep.equal({ directory, pid: String(writer.child.pid) });
    writer.child.kill('SIGKILL');
    await writer.exit;
    await open();
  }).timeout(20_000);

  it('holds all that was acknowledged, and nothing by half, when it is killed at any moment', async () => {
    let [next, lastRevision, largest] = [1, 0, 0];
    for (let round = 0; round < 6; round++) {
      const writer = startWriter(directory, next);
      await eventually(() => {
        expect(writer.lines).to.include('open');
      }, 15_000);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      writer.child.kill('SIGKILL');
      await writer.exit;
      const opened = await open();
      const { revision, kvs } = await opened.list(everything);
      // One number a revision: what is there must be the first so many of those written, without a gap.
      const rows = kvs.filter((kv) => kv.key.startsWith('row/')).map((kv) => Number(kv.key.slice(4)));
      largest = rows.length;
      expect(rows).to.deep.equal(Array.from({ length: largest }, (_, index) => index + 1));
      const acks = acknowledged(writer);
      for (const [number, at] of acks) {
        expect(number, 'an acknowledged number is there').to.be.at.most(largest);
        expect(at, 'a revision is never used again').to.be.greaterThan(lastRevision).and.at.most(revision);
      }
      for (const key of ['n', 'copy']) {
        const value = await opened.get(key);
        expect(value === undefined ? 0 : Number(fromUtf8(value.value))).to.equal(largest);
      }
      expect(revision).to.equal(largest + 1);
      [lastRevision, next] = [revision, largest + 1];
      await close();
    }
    expect(largest, 'numbers written in all rounds').to.be.greaterThan(100);
  }).timeout(60_000);

  it('never acknowledges what it cannot write, and refuses everything then', async () => {
    const writer = startWriter(directory, 1, 4_000, 2_000);
    await writer.exit;
    const acks = acknowledged(writer);
    expect(acks.length).to.be.greaterThan(10);
    expect(writer.lines.slice(-2)).to.deep.equal(['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']);
    const opened = await open();
    const { kvs } = await opened.list({ start: 'row/', end: 'row0' }, { keysOnly: true });
    expect(kvs.map(({ key }) => Number(key.slice(4)))).to.deep.equal(kvs.map((_, index) => index + 1));
    expect(kvs.length).to.be.at.least(Math.max(...acks.map(([number]) => number)));
    await apply(opened, put('more'));
  }).timeout(30_000);

  it('waits for what comes after the revision that a crash has left', async () => {
    const first = await open();
    const { revision } = await apply(first, put('a'));
    await close();
    const second = await open();
    const watch = watchFrom(second, plus(revision, 1));
    await apply(second, put('b'));
    await apply(second, put('c'));
    expect(await watch.events(1)).to.deep.equal(['+c=']);
    await watch.stop();
    await second.compact((revision + 2) as Revision);
  });
});
