/**
 * What children lock is taken by their root, in its name and until it has ended: a child's success is provisional until
 * then. What the root has not locked from the start is waited for with a deadline, since two roots could wait for each
 * other. No I/O.
 */
import type { WorkflowId } from '../base/ids.js';
import type { LockNeed } from '../gen/store/steplock/store/v1/plan.js';
import { LockKind } from '../gen/store/steplock/store/v1/plan.js';
import type { ErrorRecord, LateLocks, VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord } from '../model/attempt.js';
import { limits } from '../model/limits.js';
import { uniteLocks } from '../model/locks.js';
import { isStopped } from '../model/workflow-state.js';
import type { Compare } from '../store/store.js';
import type { Run } from './run.js';
import { treeVerb } from './tree-verbs.js';
import type { Turn } from './turn.js';

/** How often it looks for a circle. */
const lookMs = 1_000;

/** What it looks at beside the run. */
export interface LateLockInputs {
  readonly nowMs: number;
  readonly elapsedMs: number;
  /** If nobody comes before that ticket of the workflow: the conditions under which that is true. */
  readonly lateGuards: (run: Run, ticket: number, need: LockNeed) => readonly Compare[] | undefined;
  /** If that ticket of the workflow is the latest that waits in a circle: the conditions under which that is true. */
  readonly cycleGuards: (run: Run, ticket: number) => readonly Compare[] | undefined;
}

/** A child wants locks. */
export function wantLocks(
  run: Run,
  verb: VerbRecord,
  { nowMs, elapsedMs }: LateLockInputs,
  turn: Turn,
): void {
  // It will be told to stop.
  if (isStopped(run.head.state)) return;
  const refusal = refusalOf(run, verb.locks);
  const entry = {
    child: verb.child,
    childShard: verb.childShard,
    needs: verb.locks.map((need) => asAwaited(run, need)),
    sinceElapsedMs: elapsedMs,
  };
  if (refusal !== undefined) {
    tell(run, entry, refusal, nowMs, turn);
    return;
  }
  for (const need of entry.needs) {
    if (isHeld(run, need) || waitsFor(run, need)) continue;
    turn.add({ kind: 'ticket', need, timeMs: nowMs, isLate: true });
  }
  run.head = { ...run.head, lateLocks: [...run.head.lateLocks, entry] };
  turn.headChanged = true;
  // Its place is known once its tickets are written.
  turn.hasMore = true;
}

/** Tells the children that have what they want, and those whose time is up. */
export function settleLateLocks(run: Run, inputs: LateLockInputs, turn: Turn): void {
  if (run.head.lateLocks.length === 0) return;
  if (isStopped(run.head.state)) {
    drop(run, run.head.lateLocks, turn);
    return;
  }
  for (const late of run.head.lateLocks) {
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    if (grant(run, late, inputs, turn)) continue;
    const circle = circleOf(run, late, inputs);
    if (circle !== undefined) {
      turn.add({ kind: 'grant', guards: circle });
      drop(run, [late], turn);
      const message = `It and others wait for each other to lock ${namesOf(late)}; it came last`;
      tell(run, late, errorRecord('LOCK_DEADLOCK', message, true), inputs.nowMs, turn);
      continue;
    }
    const leftMs = late.sinceElapsedMs + limits.lateLockMs - inputs.elapsedMs;
    if (leftMs > 0) {
      // Of who came before it, and closes a circle, its node may hear later.
      turn.wakeAt(inputs.nowMs + Math.min(leftMs, lookMs));
      continue;
    }
    drop(run, [late], turn);
    const message = `It waited ${limits.lateLockMs / 1_000} s to lock ${namesOf(late)}`;
    tell(run, late, errorRecord('LOCK_TIMEOUT', message, true), inputs.nowMs, turn);
  }
}

function circleOf(
  run: Run,
  { needs }: LateLocks,
  { cycleGuards }: LateLockInputs,
): readonly Compare[] | undefined {
  for (const { resource } of needs) {
    const ticket = run.lateTickets.get(resource);
    const guards = ticket === undefined ? undefined : cycleGuards(run, ticket);
    if (guards !== undefined) return guards;
  }
  return undefined;
}

function namesOf({ needs }: LateLocks): string {
  return needs.map(({ resource }) => resource).join(', ');
}

function grant(run: Run, late: LateLocks, inputs: LateLockInputs, turn: Turn): boolean {
  const guards: Compare[] = [];
  for (const need of late.needs) {
    if (isHeld(run, need)) continue;
    const ticket = run.lateTickets.get(need.resource);
    // Written by this very turn, or by the one before: it is looked at in the next.
    const own = ticket === undefined ? undefined : inputs.lateGuards(run, ticket, need);
    if (own === undefined) return false;
    guards.push(...own);
  }
  turn.add({ kind: 'grant', guards });
  const lateLocks = run.head.lateLocks.filter((each) => each !== late);
  run.head = { ...run.head, lateLocks, locks: uniteLocks([run.head.locks, late.needs]) };
  turn.headChanged = true;
  tell(run, late, undefined, inputs.nowMs, turn);
  return true;
}

function drop(run: Run, dropped: readonly LateLocks[], turn: Turn): void {
  run.head = { ...run.head, lateLocks: run.head.lateLocks.filter((late) => !dropped.includes(late)) };
  turn.headChanged = true;
  for (const need of dropped.flatMap(({ needs }) => needs)) {
    if (isHeld(run, need) || waitsFor(run, need) || turn.takeBackTicket(need)) continue;
    if (run.lateTickets.delete(need.resource)) turn.add({ kind: 'unlock', need });
  }
}

function refusalOf(run: Run, needs: readonly LockNeed[]): ErrorRecord | undefined {
  const known = [...run.head.locks, ...run.head.lateLocks.flatMap((late) => late.needs)];
  const upgraded = needs.find(
    ({ resource, kind }) =>
      kind === LockKind.EXCLUSIVE && known.some((each) => each.resource === resource && each.kind !== kind),
  );
  if (upgraded !== undefined) {
    const message = `${upgraded.resource} is locked shared by its root: let that lock it exclusively`;
    return errorRecord('LOCK_UPGRADE', message, false);
  }
  if (uniteLocks([known, needs]).length <= limits.treeLocksMax) return undefined;
  const message = `A workflow with all its children locks ${limits.treeLocksMax} resources at most`;
  return errorRecord('INVALID_CHILD_PLAN', message, false);
}

/** Whether the root has it; exclusively covers shared. */
function isHeld(run: Run, { resource, kind }: LockNeed): boolean {
  return run.head.locks.some(
    (each) => each.resource === resource && (each.kind === kind || each.kind === LockKind.EXCLUSIVE),
  );
}

/** What is waited for already comes as it is waited for: there is one place, and nobody is granted less than it says. */
function asAwaited(run: Run, need: LockNeed): LockNeed {
  const awaited = run.head.lateLocks.flatMap(({ needs }) => needs);
  const isExclusive = awaited.some(
    ({ resource, kind }) => resource === need.resource && kind === LockKind.EXCLUSIVE,
  );
  return isExclusive ? { ...need, kind: LockKind.EXCLUSIVE } : need;
}

function waitsFor(run: Run, { resource }: LockNeed): boolean {
  return run.head.lateLocks.some((late) => late.needs.some((need) => need.resource === resource));
}

function tell(run: Run, late: LateLocks, error: ErrorRecord | undefined, nowMs: number, turn: Turn): void {
  const to = { id: late.child as WorkflowId, shard: late.childShard };
  const verb = error === undefined ? 'locks-granted' : 'locks-refused';
  const said = { timeMs: nowMs, ...(error === undefined ? {} : { error }) };
  turn.add({ kind: 'tell', to, record: treeVerb(verb, run.key, said) });
}
