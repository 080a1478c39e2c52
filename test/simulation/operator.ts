/** Whoever sits at the command line in a simulated run: asks for this and that, sets limits and holds, settles what waits. */
import { newUuid, type StepId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import { PolicyRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import { OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { Verb } from '../../src/model/verbs.js';
import { isFinal } from '../../src/model/workflow-state.js';
import type { Api } from '../../src/rpc/context.js';
import { askOwner } from '../../src/rpc/workflow/verbs.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys } from '../../src/store/keys.js';
import type { Checker } from './checker.js';
import type { Scheduler } from './scheduler.js';

/** What the operator sees of the world. */
export interface OperatorView {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  readonly checker: Checker;
  /** Of the workflows that were submitted. */
  readonly ids: readonly string[];
  /** A node of those that run, at random. */
  readonly anyApi: () => Api | undefined;
  readonly trace: (line: string) => void;
  /** Called with what went wrong: a refusal is an answer, anything else a defect. */
  readonly onError: (what: string, error: unknown) => void;
}

/** See above. */
export class Operator {
  readonly #view: OperatorView;
  /** Whether two systems have limits. */
  hasLimits = false;

  constructor(view: OperatorView) {
    this.#view = view;
  }

  /** Limits of two systems, and what is held. */
  setPolicy(held: readonly string[]): void {
    this.#view.trace(`policy: held are ${held.join(', ')}`);
    const value = PolicyRecord.encode({
      unitId: 'operator',
      limits: this.hasLimits
        ? [
            { system: 'sys-0', limitClass: '', max: 1 },
            { system: 'sys-1', limitClass: '', max: 2 },
          ]
        : [],
      holds: held.map((name) => ({ kind: 'system', name, actor: 'operator', reason: 'because', timeMs: 1 })),
    }).finish();
    this.#view.server.txn({ compares: [], then: [{ type: 'put', key: keys.policy, value }], otherwise: [] });
  }

  /** An operator does something at random; much of it is refused. */
  operate(): void {
    const { random } = this.#view.scheduler;
    const id = this.#view.ids[randomBelow(random, Math.max(1, this.#view.ids.length))];
    if (id === undefined) return;
    const verbs: Verb[] = [
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
      'break',
    ];
    const verb = verbs[randomBelow(random, verbs.length)] ?? 'resume';
    const steps = this.#view.checker.planOf(id).steps;
    const spec = steps[randomBelow(random, Math.max(1, steps.length))];
    const isAboutStep = verb === 'retry' || verb === 'skip';
    // Only a person who has looked may call such a method again.
    if (spec === undefined || (verb === 'retry' && spec.method === 'make-once')) return;
    const step = (random.next() < 0.5 ? spec.id : `undo.${spec.id}`) as StepId;
    this.#ask(id, verb, isAboutStep ? step : undefined, random.next() < 0.3);
  }

  #ask(id: string, verb: Verb, step: StepId | undefined, keep: boolean, incidentId = ''): void {
    const { random } = this.#view.scheduler;
    const api = this.#view.anyApi();
    if (api === undefined) return;
    this.#view.trace(`operator: ${verb} ${id} ${step ?? ''}`);
    const call = {
      verb,
      workflow: this.#view.checker.keyOf(id),
      requestId: newUuid(random),
      actor: 'operator',
      reason: 'because',
      body: { verb },
      keep,
      cancelRunning: random.next() < 0.5,
      output: { object: 'skipped' },
      resource: 'array/0',
      incidentId,
      ...(step === undefined ? {} : { step }),
    };
    askOwner(api, call, { signal: new AbortController().signal, deadlineMs: Infinity }).then(
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
    for (const id of this.#view.ids) this.#resolve(id);
    this.#view.scheduler.after(15_000, () => {
      this.resolveForEver();
    });
  }

  /** What a workflow that has ended left open: its permits keep others from working until a person has decided. */
  #resolveLeftOver(id: string): void {
    for (const { id: step } of this.#view.checker.planOf(id).steps) {
      const record = this.#view.checker.recordOf(id, step as StepId);
      if (record === undefined || record.permits.length === 0) continue;
      this.#ask(id, 'resolve', undefined, false, record.incidentId);
    }
  }

  #resolve(id: string): void {
    const state = this.#view.checker.stateOf(id);
    if (isFinal(state)) {
      this.#resolveLeftOver(id);
      return;
    }
    const { UNKNOWN, FAILED, CANCELLED } = OutcomeState;
    for (const { id: step } of this.#view.checker.planOf(id).steps) {
      for (const name of [step, `undo.${step}`] as StepId[]) {
        const outcome = this.#view.checker.recordOf(id, name)?.state;
        const isRollback = state === HeadState.ROLLBACK_BLOCKED || state === HeadState.ROLLBACK_SUSPENDED;
        const isStuck =
          outcome === UNKNOWN ||
          (name !== step && outcome === FAILED) ||
          (!isRollback && name === step && (outcome === FAILED || outcome === CANCELLED));
        if (isStuck) this.#ask(id, 'skip', name, false);
      }
    }
    if (state === HeadState.SUSPENDED || state === HeadState.ROLLBACK_SUSPENDED)
      this.#ask(id, 'resume', undefined, false);
  }
}
