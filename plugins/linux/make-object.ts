/**
 * How a volume or a snapshot comes to be: its bytes are made under a temporary name, get their final name when they are
 * complete, and then their record, with which it exists.
 */
import type { Call } from './call.js';
import type { LinuxFaultPoint } from './fault-points.js';
import { knownFailure } from './refusal.js';
import {
  hasImage,
  hasRecord,
  isPublished,
  makeTemporary,
  nameTaken,
  publish,
  removeForGood,
  removeTemporaries,
} from './volume-store.js';

/** What is made. */
export interface Making {
  /** Instants of it: the temporary is there, is complete, has its final name too, is recorded, is gone. */
  readonly points: Readonly<Record<'made' | 'filled' | 'renamed' | 'recorded' | 'removed', LinuxFaultPoint>>;
  /** Fills the temporary and makes its bytes last. */
  readonly fill: (path: string) => Promise<void>;
  /** Writes the record. */
  readonly record: () => Promise<void>;
}

/** Makes it, or goes on where a dead attempt of the step stopped. */
export async function makeObject(call: Call, { points, fill, record }: Making): Promise<void> {
  try {
    if (!(await isPublished(call))) {
      if (await hasImage(call)) throw await nameTaken(call);
      const path = await makeTemporary(call);
      call.trace.effect = 'some';
      await call.reach(points.made);
      await fill(path);
      await call.reach(points.filled);
      await publish(call);
    }
    call.trace.effect = 'some';
    await call.reach(points.renamed);
    await record();
    await call.reach(points.recorded);
  } catch (error) {
    // What is known not to have worked leaves nothing; what is not known is left for the next attempt.
    if (knownFailure(error) !== undefined) await takeBack(call);
    throw error;
  }
  await removeTemporaries(call);
  await call.reach(points.removed);
}

/** Removes what this step has made, unless it exists already. */
async function takeBack(call: Call): Promise<void> {
  if (await hasRecord(call)) return;
  if (await isPublished(call)) await removeForGood(call, call.paths.image);
  await removeTemporaries(call);
  call.trace.effect = 'none';
}
