/** Whoever sits at the command line in a simulated run: asks for this and that, sets limits and holds, settles what waits. */
import { newUuid, type StepId } from '../../src/base/ids.js';
import { randomBelow, type Random } from '../../src/base/random.js';
import type { PlanStep } from '../../src/gen/store/steplock/store/v1/plan.js';
import { PolicyRecord, type HoldRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import { IncidentRecord, OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { Verb } from '../../src/model/verbs.js';
import { isFinal } from '../../src/model/workflow-state.js';
import type { Api } from '../../src/rpc/context.js';
import { askOwner } from '../../src/rpc/workflow/verbs.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, ranges } from '../../src/store/keys.js';
import type { Checker } from './checker.js';
import type { FaultKind } from './fault-counts.js';
import type { Scheduler } from './scheduler.js';

/** What the operator sees of the world. */
export interface OperatorView {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  readonly checker: Checker;
  /** A node of those that run, at random. */
  readonly anyApi: () => Api | undefined;
  readonly trace: (line: string) => void;
  /** Counts what he does. */
  readonly count: (kind: FaultKind) => void;
  /** Called with what went wrong: a refusal is an answer, anything else a defect. */
  readonly onError: (what: string, error: unknown) => void;
}

interface Target {
  readonly step?: StepId;
  readonly signal?: string;
  readonly incidentId?: string;
}

/** See above. */
export class Operator {
  readonly #view: OperatorView;
  /** Whether two systems have limits. */
  hasLimits = false;
  /** Whether he has ever asked for a workflow to be deleted. */
  hasDeleted = false;
  #max = { 'sys-0': 1, 'sys-1': 2 };
  #holds: HoldRecord[] = [];

  constructor(view: OperatorView) {
    this.#view = view;
  }

  /** Holds something, releases everything, or changes a limit. */
  changePolicy(): void {
    const { scheduler, count } = this.#view;
    const { random } = scheduler;
    const kind = random.next();
    if (kind < 0.4) {
      this.#holds = [];
    } else if (kind < 0.75) {
      const [what = 'cluster', name = ''] = holdable[randomBelow(random, holdable.length)] ?? [];
      this.#holds = [{ kind: what, name, actor: 'operator', reason: 'because', timeMs: 1 }];
      count('operator: a hold placed');
    } else {
      this.#max = { 'sys-0': 1 + randomBelow(random, 2), 'sys-1': 1 + randomBelow(random, 3) };
      if (this.hasLimits) count('operator: a limit changed');
    }
    this.#writePolicy();
  }

  /** Releases everything; limits stay. */
  release(): void {
    this.#holds = [];
    this.#writePolicy();
  }

  #writePolicy(): void {
    const holds = this.#holds;
    this.#view.trace(`policy: held are ${holds.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`);
    const limits = Object.entries(this.#max).map(([system, max]) => ({ system, limitClass: '', max }));
    const record = { unitId: 'operator', limits: this.hasLimits ? limits : [], holds };
    const value = PolicyRecord.encode(record).finish();
    this.#view.server.txn({ compares: [], then: [{ type: 'put', key: keys.policy, value }], otherwise: [] });
  }

  /** An operator does something at random, to a root or a child; much of it is refused. */
  operate(): void {
    const { random } = this.#view.scheduler;
    const { checker } = this.#view;
    const open = checker.ids.filter((each) => !isFinal(checker.headOf(each)?.state ?? 0));
    // Mostly to what has not ended; what has is deleted, or refuses.
    const ids = open.length > 0 && random.next() < 0.8 ? open : checker.ids;
    const id = ids[randomBelow(random, Math.max(1, ids.length))];
    if (id === undefined) return;
    const verb = verbs[randomBelow(random, verbs.length)] ?? 'resume';
    const steps = this.#view.checker.planOf(id).steps.filter((step) => canConcern(verb, step));
    const spec = steps[randomBelow(random, Math.max(1, steps.length))];
    if (spec === undefined) return;
    this.#view.count('operator: a verb');
    this.hasDeleted ||= verb === 'delete';
    this.ask(id, verb, targetOf(random, verb, spec), random.next() < 0.3);
  }

  /** Asks for it; what comes of it is seen in the store. */
  ask(id: string, verb: Verb, target: Target, keep: boolean): void {
    const { random } = this.#view.scheduler;
    const api = this.#view.anyApi();
    if (api === undefined) return;
    this.#view.trace(`operator: ${verb} ${id} ${target.step ?? target.signal ?? ''}`);
    const call = {
      verb,
      workflow: this.#view.checker.keyOf(id),
      requestId: newUuid(random),
      actor: 'operator',
      reason: 'because',
      body: { verb },
      keep,
      cancelRunning: random.next() < 0.5,
      output: { object: verb === 'signal' ? 'signalled' : 'skipped' },
      resource: 'array/0',
      ...target,
    };
    askOwner(api, call, { signal: new AbortController().signal, deadlineMs: Infinity, traceParent: '' }).then(
      () => {
        this.#view.trace(`operator: ${verb} ${id} answered`);
      },
      (error: unknown) => {
        this.#view.onError(`operator: ${verb}`, error);
      },
    );
  }

  /** A patient operator settles whatever still waits for a person. */
  resolveForEver(): void {
    for (const id of this.#view.checker.ids) this.#resolve(id);
    this.#view.scheduler.after(15_000, () => {
      this.resolveForEver();
    });
  }

  #resolve(id: string): void {
    const head = this.#view.checker.headOf(id);
    const state = head?.state ?? 0;
    if (head === undefined || state === HeadState.DELETING) return;
    if (isFinal(state)) {
      this.#decideIncidents(id);
      return;
    }
    for (const step of this.#view.checker.planOf(id).steps) this.#settle(id, state, step);
    // What its parent holds back goes on with that.
    const isHeld = head.suspension?.verb === 'ask-suspend';
    const isSuspended = state === HeadState.SUSPENDED || state === HeadState.ROLLBACK_SUSPENDED;
    if (isSuspended && !isHeld) this.ask(id, 'resume', {}, false);
  }

  /** What is not known of a step that ended with its workflow holds its permits until a person has looked. */
  #decideIncidents(id: string): void {
    const { kvs } = this.#view.server.list(ranges.incidents(this.#view.checker.keyOf(id)));
    for (const { incidentId, resolveTimeMs } of kvs.map((kv) => IncidentRecord.decode(kv.value)))
      if (resolveTimeMs === 0) this.ask(id, 'resolve', { incidentId }, false);
  }

  #settle(id: string, state: HeadState, { id: step, kind, prompt }: PlanStep): void {
    const { checker } = this.#view;
    if (state === HeadState.RUNNING && checker.itemOf(id, step as StepId) !== undefined) {
      if (kind === 'approval') this.ask(id, 'approve', { step: step as StepId }, false);
      if (kind === 'signal') this.ask(id, 'signal', { signal: prompt }, false);
    }
    const { UNKNOWN, FAILED, CANCELLED } = OutcomeState;
    for (const name of [step, `undo.${step}`] as StepId[]) {
      const outcome = checker.recordOf(id, name)?.state;
      const isRollback = state === HeadState.ROLLBACK_BLOCKED || state === HeadState.ROLLBACK_SUSPENDED;
      const isStuck =
        outcome === UNKNOWN ||
        (name !== step && outcome === FAILED) ||
        (!isRollback && name === step && (outcome === FAILED || outcome === CANCELLED));
      if (isStuck) this.ask(id, 'skip', { step: name }, false);
    }
  }
}

const holdable = [
  ['system', 'sys-1'],
  ['system', 'sys-2'],
  ['controller', 'remote'],
  ['cluster', ''],
] as const;

const verbs: readonly Verb[] = [
  ...([
    'suspend',
    'resume',
    'resume',
    'resume',
    'cancel',
    'rollback',
    'retry',
    'retry',
    'skip',
    'skip',
  ] as const),
  ...(['break', 'approve', 'approve', 'reject', 'signal', 'signal', 'delete'] as const),
];

/** Whether that can be asked about that step, or about a workflow with that step. */
function canConcern(verb: Verb, { method, kind }: PlanStep): boolean {
  // Only a person who has looked may call such a method again.
  if (verb === 'retry') return method !== 'make-once';
  if (verb === 'approve' || verb === 'reject') return kind === 'approval';
  return verb !== 'signal' || kind === 'signal';
}

function targetOf(random: Random, verb: Verb, { id, prompt }: PlanStep): Target {
  if (verb === 'signal') return { signal: prompt };
  if (verb === 'approve' || verb === 'reject') return { step: id as StepId };
  if (verb !== 'retry' && verb !== 'skip') return {};
  return { step: (random.next() < 0.5 ? id : `undo.${id}`) as StepId };
}
