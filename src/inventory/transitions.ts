/**
 * What a step does to one record, and how its undo gives back what was there. Pure: record in, record out.
 *
 * A record that a step wrote names the step's key and holds what it was before, so that a repeated call is told from
 * a new one, and an undo gives back exactly what its step has changed and nothing else. What was before goes one record
 * within another as far as one workflow goes.
 */
import type { JsonObject } from '../base/json.js';
import { ResourceState, type ResourceRecord } from '../gen/store/steplock/store/v1/inventory.js';
import { bodyOf, toBody } from './bodies.js';

/** Who writes. */
export interface Writer {
  /** Id of the workflow. */
  readonly workflow: string;
  /** The step's idempotency key. */
  readonly key: string;
  /** Its former keys. */
  readonly formerKeys: readonly string[];
}

/** What a step wants of a record. */
export interface Wanted {
  readonly state: ResourceState;
  /** Replaces these members of the body. */
  readonly body: JsonObject;
}

/** Whether the step has written this already. */
export function wasWritten(record: Pick<ResourceRecord, 'writtenBy'>, writer: Writer): boolean {
  return record.writtenBy === writer.key || writer.formerKeys.includes(record.writtenBy);
}

/** Whether the step has declared it. */
export function wasDeclared(record: Pick<ResourceRecord, 'declaredBy'>, writer: Writer): boolean {
  return record.declaredBy === writer.key || writer.formerKeys.includes(record.declaredBy);
}

/** The record as the step wants it. Only in AVAILABLE nobody is named as changing it. */
export function written(record: ResourceRecord, writer: Writer, wanted: Wanted): ResourceRecord {
  const isFirst = record.workflow !== writer.workflow;
  const before = { ...record, labels: {}, before: isFirst ? undefined : record.before };
  return {
    ...record,
    state: wanted.state,
    workflow: wanted.state === ResourceState.AVAILABLE ? '' : writer.workflow,
    body: toBody({ ...bodyOf(record), ...wanted.body }),
    writtenBy: writer.key,
    before,
  };
}

/** The record as it was before the step; labels stay as they are now. */
export function unwritten(record: ResourceRecord): ResourceRecord {
  const { before } = record;
  if (before === undefined) return record;
  return { ...before, labels: record.labels };
}
