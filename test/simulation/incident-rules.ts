/** Invariant B5: an incident is opened together with the note that somebody is to be told of it. */
import { IncidentRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { prefixes } from '../../src/store/keys.js';
import { decodeRecord } from '../../src/store/records.js';
import type { KeyValue } from '../../src/store/store.js';

/** What is wrong with what has just been written; undefined if nothing is, or it is no incident. */
export function missingNote(server: Mvcc, kv: KeyValue): string | undefined {
  if (!kv.key.startsWith(prefixes.incident)) return undefined;
  const { incidentId, resolveTimeMs } = decodeRecord(IncidentRecord, kv);
  const note = server.get(`${prefixes.webhook}${kv.key.slice(prefixes.incident.length)}`);
  const isNoted = resolveTimeMs !== 0 || note?.modRevision === kv.modRevision;
  return isNoted ? undefined : `${incidentId}: opened without a note (B5)`;
}
