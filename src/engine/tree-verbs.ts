/**
 * What workflows of one tree say to each other: verbs like those of operators, left in the transaction of the sender's
 * own change, so that none is lost. There is one place for each kind from each sender; newer news overwrite older ones.
 */
import { HeadState, type VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { WorkflowKey } from '../store/keys.js';
import { engineActor } from './moves.js';

/** What the owner of a workflow says to another one. */
export type TreeVerb =
  /** Parent to child: where the parent wants it; see model/waiting. */
  | 'ask-run'
  | 'ask-suspend'
  | 'ask-cancel'
  | 'ask-rollback'
  | 'ask-undo'
  /** Parent to child that has ended: go with me. */
  | 'ask-delete'
  /** Child to parent: where it stands now. */
  | 'child-moved'
  /** Child to root: what it wants to lock. */
  | 'want-locks'
  /** Root to child. */
  | 'locks-granted'
  | 'locks-refused';

const places: Readonly<Record<string, string>> = {
  ask: 'parent',
  child: 'child',
  want: 'wants',
  locks: 'locks',
};

/** Whether the verb is one of those. No caller from outside can leave one. */
export function isTreeVerb(verb: string): verb is TreeVerb {
  return verb.split('-', 1)[0] !== verb && Object.hasOwn(places, verb.split('-', 1)[0] ?? '');
}

/** The record of such a verb. `from`: the sender. */
export function treeVerb(verb: TreeVerb, from: WorkflowKey, said: Partial<VerbRecord>): VerbRecord {
  return {
    unitId: '',
    // No UUID, which requests from outside have.
    requestId: `${places[verb.split('-', 1)[0] ?? ''] ?? ''}.${from.id}`,
    verb,
    actor: engineActor,
    reason: '',
    timeMs: 0,
    step: '',
    keep: false,
    cancelRunning: false,
    output: Buffer.alloc(0),
    digest: '',
    resource: '',
    incidentId: '',
    signal: '',
    child: from.id,
    childShard: from.shard,
    childState: HeadState.UNSPECIFIED,
    locks: [],
    ...said,
  };
}
