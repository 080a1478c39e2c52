/**
 * How long ended workflows are kept, told without anybody's time of day. Keepers measure time by their monotonic clocks,
 * one at a time, and note now and then at which revision the store stood: what was there already when as much time less
 * the retention had been measured has been there for at least that long. Pure.
 */
import type { RetentionMark, RetentionRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import { isFinal } from './workflow-state.js';

/** Marks in one retention: what has ended is deleted at most this part of it too late. */
const marksPerRetention = 64;

/** What is known when nothing was measured. */
export const nothingMeasured: RetentionRecord = { unitId: '', measuredMs: 0, marks: [] };

/** So much more time was measured, at the end of which the store had come to that revision at least. */
export function addMeasured(
  record: RetentionRecord,
  passedMs: number,
  revision: number,
  retentionMs: number,
): RetentionRecord {
  const measuredMs = record.measuredMs + Math.floor(passedMs);
  // Keys that were copied into another store have other revisions there: such marks say nothing.
  const known = record.marks.filter((mark) => mark.revision <= revision);
  const marks = known.slice(Math.max(0, indexOfDue(known, measuredMs, retentionMs)));
  const last = marks.at(-1);
  if (last === undefined || measuredMs - last.measuredMs >= retentionMs / marksPerRetention)
    marks.push({ revision, measuredMs });
  return { ...record, measuredMs, marks };
}

/** What has not changed since this revision has been there for the whole retention; 0 for nothing. */
export function dueRevision({ marks, measuredMs }: RetentionRecord, retentionMs: number): number {
  return marks[indexOfDue(marks, measuredMs, retentionMs)]?.revision ?? 0;
}

function indexOfDue(marks: readonly RetentionMark[], measuredMs: number, retentionMs: number): number {
  return marks.findLastIndex((mark) => mark.measuredMs <= measuredMs - retentionMs);
}

/**
 * Whether retention may take a workflow that has been at its end for long enough. Whole trees only, from the root: a
 * workflow with a parent goes with it, and never by itself. Its owner asks for more than this (model/verbs.ts).
 */
export function mayRetire(head: WorkflowHead): boolean {
  return isFinal(head.state) && head.parent === undefined;
}
