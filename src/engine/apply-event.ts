/** What was seen of a workflow's keys, applied to its run. No I/O. */
import type { StepId } from '../base/ids.js';
import { IncidentRecord, QueueItem, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { SignalRecord, VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { CacheEvent } from '../store/cache.js';
import { prefixes, workflowOfKey } from '../store/keys.js';
import { decodeRecord, type RecordType } from '../store/records.js';
import type { KeyValue } from '../store/store.js';
import type { Entry, Run } from './run.js';

/**
 * Applies an event to the run. False when what is known has a gap, and the workflow must be read anew.
 *
 * `removedRecords`: records that a retry has taken away, and when; an older event must not bring them back.
 *
 * @throws CorruptRecordError
 */
export function applyEvent(
  run: Run,
  event: CacheEvent,
  removedRecords: ReadonlyMap<StepId, number>,
): boolean {
  const { kv, key, revision } = event;
  const name = workflowOfKey(key)?.rest ?? '';
  switch (key.slice(0, key.indexOf('/') + 1)) {
    case prefixes.queue:
      return applyItem(run, name as StepId, event);
    case prefixes.step: {
      const known = Math.max(revisionOf(run.records, name), removedRecords.get(name as StepId) ?? 0);
      if (kv !== undefined && known < revision) run.end(name as StepId, toEntry(StepRecord, kv));
      return true;
    }
    case prefixes.verb:
      if (revisionOf(run.verbs, name) < revision) setOrDelete(run.verbs, name, VerbRecord, kv);
      return true;
    case prefixes.callback:
      if (kv === undefined) run.callbacks.delete(name);
      else run.callbacks.add(name);
      return true;
    case prefixes.signal:
      if (revisionOf(run.signals, name) < revision) setOrDelete(run.signals, name, SignalRecord, kv);
      return true;
    case prefixes.incident: {
      const id = `${run.key.id}.${name}`;
      if (revisionOf(run.incidents, id) < revision) setOrDelete(run.incidents, id, IncidentRecord, kv);
      return true;
    }
    case prefixes.live:
      // Somebody else moved it: a draft that was started.
      return kv === undefined || run.liveRevision >= revision;
    default:
      return true;
  }
}

function applyItem(run: Run, step: StepId, { kv, revision }: CacheEvent): boolean {
  const known = run.items.get(step);
  if ((known?.revision ?? 0) >= revision) return true;
  if (kv !== undefined) {
    run.refreshItem(step, toEntry(QueueItem, kv));
    return true;
  }
  // Its outcome came with it and was missed: the watch has lost it. Without it the step looks as if it never ran.
  return known === undefined;
}

function revisionOf<T>(map: ReadonlyMap<string, Entry<T>>, key: string): number {
  return map.get(key)?.revision ?? 0;
}

function toEntry<T>(type: RecordType<T>, kv: KeyValue): Entry<T> {
  return { record: decodeRecord(type, kv), revision: kv.modRevision };
}

function setOrDelete<T>(
  map: Map<string, Entry<T>>,
  key: string,
  type: RecordType<T>,
  kv: KeyValue | undefined,
): void {
  if (kv === undefined) map.delete(key);
  else map.set(key, toEntry(type, kv));
}
