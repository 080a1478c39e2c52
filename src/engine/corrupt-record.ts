/**
 * A record that cannot be read never stops its shard's owner: its workflow stands still, with an incident that names
 * the record, and all others go on. Nothing is decided about the workflow, so the guard is the shard's epoch alone.
 */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { EffectKind, IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Logger } from '../log/log.js';
import { errorRecord } from '../model/attempt.js';
import type { Batcher } from '../store/batcher.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord, type CorruptRecordError } from '../store/records.js';
import { isAbsent, isSameCreation } from '../store/store.js';
import { incidentKeyName, webhookNote } from './incident.js';
import { noteIncident } from './notes.js';
import type { Telemetry } from '../telemetry/index.js';

/** What opening such an incident needs. */
export interface CorruptRecordOptions {
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly epoch: number;
}

/** Opens the incident, unless one is there. */
export async function reportCorruptRecord(
  workflow: WorkflowKey,
  error: CorruptRecordError,
  { batcher, clock, random, log, telemetry, epoch }: CorruptRecordOptions,
): Promise<void> {
  const unitId = random.hex(8);
  const message = `Record ${error.key} cannot be read; nothing of the workflow goes on until it is repaired`;
  const incident: IncidentRecord = {
    unitId,
    // A workflow has one of this kind at a time. No step's incident has such a name: theirs end in a number.
    incidentId: `${workflow.id}.record`,
    workflowId: workflow.id,
    stepId: '',
    error: errorRecord('RECORD_CORRUPT', message, false),
    effect: EffectKind.UNKNOWN,
    task: '',
    openTimeMs: clock.nowMs(),
    resolveTimeMs: 0,
  };
  const key = keys.incident(workflow, incidentKeyName(incident));
  const { applied } = await batcher.commit({
    id: unitId,
    compares: [isSameCreation(keys.shard(workflow.shard), epoch), isAbsent(key)],
    ops: [
      { type: 'put', key, value: encodeRecord(IncidentRecord, incident) },
      ...webhookNote(workflow, incident),
    ],
    witness: key,
  });
  if (applied) noteIncident(incident, { log, telemetry });
}
