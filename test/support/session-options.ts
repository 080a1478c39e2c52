/** What a session of a test is opened with. */
import type { NodeId } from '../../src/base/ids.js';
import { createSeededRandom } from '../../src/base/random.js';
import type { NodeRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import type { SessionOptions } from '../../src/lease/session.js';
import { silentLogger } from '../../src/log/log.js';
import type { Store } from '../../src/store/store.js';
import type { FakeClock } from './fake-clock.js';

export const ttlMs = 9_000;
/** A tenth of it is kept as a margin. */
export const ownMs = 8_100;
export const nodeId = 'n1' as NodeId;

const node: Omit<NodeRecord, 'unitId'> = {
  nodeId,
  instance: 'i1',
  address: '127.0.0.1:1',
  neighborhood: '',
  version: '1',
  capacity: 1,
  controllers: [],
  joinTimeMs: 1,
  labels: {},
  draining: false,
};

/** With everything else as it may be. */
export function sessionOptions(
  store: Store,
  clock: FakeClock,
  signal = new AbortController().signal,
): SessionOptions {
  return { store, clock, random: createSeededRandom(1), log: silentLogger, ttlMs, node, signal };
}
