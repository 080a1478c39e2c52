/** What the model array writes down, one line of JSON each: the history that the checker judges by. */
import type { CallContext } from '../../../src/controller.js';

/** Whose call it is. */
export interface CallId {
  readonly workflow: string;
  readonly uid: string;
  readonly step: string;
  readonly direction: 'forward' | 'undo';
  readonly attempt: number;
  /** Generation and revision. */
  readonly token: readonly [number, number];
  readonly key: string;
  /** Keys under which an object may stand that this call may touch. */
  readonly ownKeys: readonly string[];
}

/**
 * What happened. `create`, `complete` and `destroy` change an object; `again` is a create or complete that found it
 * done, `absent` a destroy that found nothing; `begin`, `check` and `probe` are calls without an object; `task`, `adopt`,
 * `cancel` and `broken` are of external tasks; `refused` is a call with an old token, which did nothing.
 */
export type EntryKind =
  | 'begin'
  | 'create'
  | 'complete'
  | 'again'
  | 'destroy'
  | 'absent'
  | 'check'
  | 'probe'
  | 'task'
  | 'adopt'
  | 'cancel'
  | 'broken'
  | 'refused';

/** One line. */
export interface LogEntry extends CallId {
  readonly kind: EntryKind;
  readonly timeMs: number;
  /** Of `task`: how long each half takes, and whether it breaks after the first. */
  readonly ms?: number;
  readonly breaks?: boolean;
}

/** Names what a step makes: there is one name for one step, whatever call makes it. */
export function objectOf({ uid, step }: Pick<CallId, 'uid' | 'step'>): string {
  return `${uid}/${step}`;
}

/** The call as the array is told of it. */
export function callIdOf(context: CallContext): CallId {
  const { workflow, workflowUid: uid, step, direction, attempt, idempotencyKey: key, undone } = context;
  const { generation, revision } = context.fencingToken;
  const own = direction === 'forward' ? [key, ...context.formerKeys] : [];
  const ownKeys = undone === undefined ? own : [undone.idempotencyKey, ...undone.formerKeys];
  return { workflow, uid, step, direction, attempt, token: [generation, revision], key, ownKeys };
}

/** Whether the first token is lower. */
export function isOlder(
  [generation, revision]: CallId['token'],
  [otherGeneration, otherRevision]: CallId['token'],
): boolean {
  return generation < otherGeneration || (generation === otherGeneration && revision < otherRevision);
}

/** The entries in the text of a log; a last line that was cut off by a kill is left out. */
export function parseLog(text: string): LogEntry[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogEntry);
}
