/** What a parent does about its children: asks them to follow it, and takes note of where they stand. No I/O. */
import { isUndo, undoOf, type StepId, type WorkflowId } from '../base/ids.js';
import {
  EffectKind,
  OutcomeState,
  type QueueItem,
  type StepRecord,
} from '../gen/store/steplock/store/v1/step.js';
import { HeadState, type ChildRef, type VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord, joinEffects } from '../model/attempt.js';
import { askOf } from '../model/waiting.js';
import { isFinal, isStopped, stateName } from '../model/workflow-state.js';
import { keys } from '../store/keys.js';
import { isUnchanged } from '../store/store.js';
import { awaiting, endWaiting } from './release.js';
import type { Run } from './run.js';
import { treeVerb, type TreeVerb } from './tree-verbs.js';
import type { Turn } from './turn.js';

/** Asks each child to be where its parent is, once for each change of mind. */
export function askChildren(run: Run, nowMs: number, turn: Turn): void {
  for (const step of run.waiting) {
    const item = run.items.get(step);
    if (item === undefined || item.record.child === '') continue;
    const ask = askOf(run.head.state, isUndo(step));
    if (ask === undefined || ask === item.record.childAsked) continue;
    if (!turn.hasRoom || item.revision === 0) {
      turn.hasMore = true;
      continue;
    }
    const verb: TreeVerb = `ask-${ask}`;
    const { cancelRunning } = run.head;
    const to = { id: item.record.child as WorkflowId, shard: item.record.childShard };
    const record = treeVerb(verb, run.key, { timeMs: nowMs, cancelRunning, keep: ask === 'cancel' });
    turn.add({ kind: 'tell', to, record });
    rewrite(run, step, { childAsked: ask }, turn);
  }
}

/** A child says where it stands. */
export function noteChild(run: Run, verb: VerbRecord, nowMs: number, turn: Turn): void {
  const forward = verb.step as StepId;
  const step = [forward, undoOf(forward)].find((id) => run.items.get(id)?.record.child === verb.child);
  if (step === undefined) {
    // Old news; unless what is known here is older still, which these then find out.
    const guards = [forward, undoOf(forward)].map((id) =>
      isUnchanged(keys.queue(run.key, id), run.items.get(id)?.revision ?? 0),
    );
    turn.add({ kind: 'grant', guards });
    return;
  }
  const next = isUndo(step) && verb.childState === HeadState.ROLLED_BACK ? childBefore(run, verb) : undefined;
  if (next !== undefined) {
    rewrite(run, step, awaiting(next), turn);
    return;
  }
  const end = isUndo(step) ? endOfUndo(verb) : endOfStep(run, verb);
  if (end === undefined) {
    rewrite(run, step, { childState: verb.childState }, turn);
    return;
  }
  const item = run.items.get(step)?.record;
  const { attempt = 0, lastAttempts = [], effect: before = EffectKind.NONE } = item ?? {};
  // What the children of earlier tries have left is there as well.
  const effect = joinEffects(before, end.effect ?? EffectKind.NONE);
  const { child, childShard } = verb;
  endWaiting(run, step, { attempts: attempt, lastAttempts, child, childShard, ...end, effect }, nowMs, turn);
}

/** The child of the same step's try before that one's. */
function childBefore(run: Run, { step, child }: VerbRecord): ChildRef | undefined {
  const all = run.childrenOf(step as StepId);
  return all[all.findIndex(({ id }) => id === child) + 1];
}

function endOfUndo({ childState }: VerbRecord): Partial<StepRecord> | undefined {
  if (childState !== HeadState.ROLLED_BACK) return undefined;
  return { state: OutcomeState.SUCCEEDED, effect: EffectKind.SOME };
}

/** How a child ended, as the outcome of its step; undefined while it has not. */
function endOfStep(
  run: Run,
  { childState, output, error, child }: VerbRecord,
): Partial<StepRecord> | undefined {
  if (!isFinal(childState)) return undefined;
  if (childState === HeadState.SUCCEEDED && error === undefined)
    return { state: OutcomeState.SUCCEEDED, effect: EffectKind.SOME, output };
  const why = error === undefined ? '' : `: ${error.message}`;
  const message = `Child ${child} is ${stateName(childState)}${why}`;
  const isWanted = childState === HeadState.CANCELLED || isStopped(run.head.state);
  return {
    state: isWanted ? OutcomeState.CANCELLED : OutcomeState.FAILED,
    effect: childState === HeadState.ROLLED_BACK ? EffectKind.NONE : EffectKind.SOME,
    error: errorRecord('CHILD_FAILED', message, false),
  };
}

/** Changes an item that waits: nobody but the owner writes it. */
function rewrite(run: Run, step: StepId, patch: Partial<QueueItem>, turn: Turn): void {
  const former = run.items.get(step);
  if (former === undefined) return;
  const entry = { record: { ...former.record, ...patch }, revision: 0 };
  turn.add({ kind: 'rewrite', step, entry, former: former.revision });
  run.refreshItem(step, entry);
}
