/**
 * A process of its own that writes to an embedded store on disk until it is killed. It writes transactions numbered
 * from its first argument on: number n puts `n` and its copy, both n, so that half of it would show. Each number is
 * printed once its transaction is acknowledged.
 */
import { writeSync } from 'node:fs';
import { argv, exit } from 'node:process';
import { systemClock } from '../../src/base/clock.js';
import { toUtf8 } from '../../src/base/bytes.js';
import { errorText, SteplockError } from '../../src/errors/index.js';
import { openEmbeddedStore } from '../../src/store/embedded/index.js';
import type { Op } from '../../src/store/store.js';

/** What the two keys are called. */
const names = ['n', 'copy'];
/** How many are under way at once, so that they share commits. */
const concurrency = 20;

const [, , directory = '', first = '1', valueBytes = '0'] = argv;
const padding = ' '.repeat(Number(valueBytes));
const print = (text: string): void => void writeSync(1, `${text}\n`);

const store = await openEmbeddedStore(directory, { clock: systemClock });
print('open');

let number = Number(first);
async function writeOnAndOn(): Promise<void> {
  for (;;) {
    const mine = number++;
    const value = toUtf8(`${mine}${padding}`);
    const extra: Op = { type: 'put', key: `row/${String(mine).padStart(9, '0')}`, value };
    const puts = names.map((key): Op => ({ type: 'put', key, value }));
    const { revision } = await store.txn({ compares: [], then: [...puts, extra], otherwise: [] });
    print(`${mine} ${revision}`);
  }
}

try {
  await Promise.all(Array.from({ length: concurrency }, writeOnAndOn));
} catch (error) {
  print(error instanceof SteplockError ? error.reason : errorText(error));
  const later = await store.get('n').catch((failure: unknown) => failure);
  print(later instanceof SteplockError ? later.reason : 'no failure');
  await store.close();
  exit(0);
}
