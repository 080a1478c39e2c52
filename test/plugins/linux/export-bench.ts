/** A tgtd and a volume for the tests of exports, and what they look at. */
import type { JsonObject } from '../../../src/controller.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import type { Target } from '../../../plugins/linux/tgtd-listing.js';
import { callOf, createBench, initiatorName, mebibyte, startTestTgtd, type Bench } from './support.js';

/** CHAP accounts. */
export const alice = { username: 'alice', secret: 'open-sesame-alice' };
export const bob = { username: 'bob', secret: 'open-sesame-bob-2' };

/** What a test of exports works with. */
export interface ExportBench {
  readonly tgtd: RunningTgtd;
  /** With a volume `a` of 8 MiB, made by step `make`. */
  readonly bench: Bench;
  /** The volume's unit. */
  readonly unit: { readonly target: string; readonly lun: number };
  /** The volume's target as tgtd shows it. */
  target(): Promise<Target | undefined>;
  accounts(): Promise<readonly string[]>;
  /** Everything that tgtd has, to be compared. */
  everything(): Promise<string>;
}

/** Arguments that export the volume to the host. */
export const exportTo = (host: string, chap?: JsonObject): JsonObject => ({
  volume: 'a',
  initiators: [initiatorName(host)],
  ...(chap === undefined ? {} : { chap }),
});

/** Sets the hooks up: one tgtd for all tests of the suite, a new volume for each. */
export function useExportBench(): ExportBench {
  let tgtd: RunningTgtd;
  let bench: Bench;
  before(async () => {
    tgtd = await startTestTgtd();
  });
  after(async () => {
    await tgtd.stop();
  });
  beforeEach(async () => {
    bench = await createBench(tgtd);
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: 8 * mebibyte });
  });
  afterEach(async () => {
    const { client } = tgtd;
    const { targets, accounts } = await client.show();
    for (const { tid } of targets) {
      await client.request({ mode: 'target', operation: 'delete', tid, force: true });
    }
    for (const username of accounts) {
      await client.request({ mode: 'account', operation: 'delete', parameters: `user=${username}` });
    }
    await bench.remove();
  });
  return {
    get tgtd() {
      return tgtd;
    },
    get bench() {
      return bench;
    },
    get unit() {
      return { target: bench.targetOf('a'), lun: 1 };
    },
    target: async () => (await tgtd.client.show()).targets.find(({ name }) => name === bench.targetOf('a')),
    accounts: async () => (await tgtd.client.show()).accounts,
    everything: async () => JSON.stringify(await tgtd.client.show()),
  };
}
