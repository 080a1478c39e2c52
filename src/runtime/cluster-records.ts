/** What all nodes of a cluster must agree on, written by the first one. */
import { ClusterRecord, GenerationRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { SteplockError } from '../errors/index.js';
import { keys } from '../store/keys.js';
import { decodeRecord, encodeRecord } from '../store/records.js';
import { isAbsent, type Store } from '../store/store.js';

/** The version of the records that this program reads and writes. */
export const schemaVersion = 1;

/** See above. */
export interface ClusterFacts {
  /** How many shards the workflows are spread over. */
  readonly shards: number;
  /** First part of every fencing token. */
  readonly generation: number;
}

/**
 * Reads them, and writes them if they are not there. Writing twice is harmless: only the first one counts.
 *
 * @throws SteplockError CAPABILITY_UNSUPPORTED when the records are of another version.
 */
export async function readClusterFacts(store: Store, shards: number): Promise<ClusterFacts> {
  await store.txn({
    compares: [isAbsent(keys.cluster)],
    then: [
      {
        type: 'put',
        key: keys.cluster,
        value: encodeRecord(ClusterRecord, { shards, schema: schemaVersion }),
      },
      { type: 'put', key: keys.generation, value: encodeRecord(GenerationRecord, { generation: 1 }) },
    ],
    otherwise: [],
  });
  const [cluster, generation] = await Promise.all([store.get(keys.cluster), store.get(keys.generation)]);
  const facts = cluster === undefined ? { shards, schema: 0 } : decodeRecord(ClusterRecord, cluster);
  if (facts.schema !== schemaVersion) {
    const capability = `records of version ${facts.schema}`;
    throw new SteplockError(
      'CAPABILITY_UNSUPPORTED',
      `This program reads version ${schemaVersion}, not ${capability}`,
      {
        metadata: { capability },
      },
    );
  }
  const first = generation === undefined ? 1 : decodeRecord(GenerationRecord, generation).generation;
  return { shards: facts.shards, generation: first };
}
