/**
 * The users of the chaos run: so many workflows under way at a time, submitted to any node, again with the same request
 * id to another one when a node does not answer, some of them cancelled; and an operator who retries what waits for a
 * person.
 */
import { allowManyListeners } from '../../src/base/abort.js';
import { sleep, systemClock } from '../../src/base/clock.js';
import { newUuid } from '../../src/base/ids.js';
import { randomBelow, systemRandom, type Random } from '../../src/base/random.js';
import { msToDuration } from '../../src/base/duration.js';
import { connect, isReason, type SteplockClient } from '../../src/client/index.js';
import {
  Direction,
  RunningSteps,
  StepState,
  WorkflowState,
} from '../../src/gen/wire/steplock/v1/workflow.js';
import type { StepFacts, WorkflowFacts } from './checker.js';
import { drawPlan, isMaker, type ChaosPlan, type PlanTastes } from './plans.js';

/** A workflow that was submitted. */
interface Submitted {
  readonly id: string;
  readonly plan: ChaosPlan;
  wasCancelled: boolean;
}

const callMs = 3_000;
const waitMs = 4_000;
const pauseMs = 150;
const askedAtOnce = 20;
const ended: readonly WorkflowState[] = [
  WorkflowState.SUCCEEDED,
  WorkflowState.ROLLED_BACK,
  WorkflowState.CANCELLED,
  WorkflowState.FAILED,
];

/** What asking again does not change. */
const refusals = [
  'ILLEGAL_TRANSITION',
  'INVALID_PLAN',
  'INVALID_FIELD',
  'WORKFLOW_EXISTS',
  'WORKFLOW_NOT_FOUND',
  'REQUEST_ID_REUSED',
] as const;

/** See the head of this file. */
export class Load {
  readonly submitted: Submitted[] = [];
  /** Steps that an operator retried. */
  retries = 0;
  /** Refusals that nothing explains. */
  readonly strange: string[] = [];
  readonly #addresses: readonly string[];
  readonly #clients = new Map<string, SteplockClient>();
  readonly #random: Random;
  readonly #tastes: PlanTastes;
  #abort = new AbortController();
  #isStopping = false;
  #users: Promise<void>[] = [];

  constructor(addresses: readonly string[], random: Random, tastes: PlanTastes) {
    this.#addresses = addresses;
    this.#random = random;
    this.#tastes = tastes;
  }

  /** Starts so many users, each with one workflow at a time, and the operator. */
  start(users: number): void {
    const { signal } = this.#abort;
    allowManyListeners(signal);
    const onError = (error: unknown): void => {
      if (!signal.aborted) this.strange.push(String(error));
    };
    this.#users = Array.from({ length: users }, async () => {
      while (!this.#isStopping) await this.#runOne().catch(onError);
    });
    void this.#operate().catch(onError);
  }

  /** Submits nothing more, and waits so long for what is under way. */
  async finish(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    const cancel = systemClock.setTimer(timeoutMs, () => {
      this.#abort.abort(new Error('The time is over'));
    });
    await Promise.all(this.#users);
    cancel();
    // The operator goes home too; what comes now are questions.
    this.#abort.abort(new Error('The load is over'));
    this.#abort = new AbortController();
  }

  /** What the API says of all of them now. */
  async facts(): Promise<WorkflowFacts[]> {
    const facts: WorkflowFacts[] = [];
    for (let at = 0; at < this.submitted.length; at += askedAtOnce) {
      const some = this.submitted.slice(at, at + askedAtOnce);
      facts.push(...(await Promise.all(some.map(async (submitted) => await this.#factsOf(submitted)))));
    }
    return facts;
  }

  /** Lets go of everything. */
  close(): void {
    this.#abort.abort(new Error('The load is closed'));
    for (const client of this.#clients.values()) client.close();
  }

  async #runOne(): Promise<void> {
    const plan = drawPlan(this.#random, this.#tastes);
    const one = { id: `c${this.submitted.length}`, plan, wasCancelled: false };
    this.submitted.push(one);
    const request = {
      requestId: newUuid(systemRandom),
      workflowId: one.id,
      settings: plan.settings,
      plan: { steps: plan.steps, groups: [] },
      actor: 'user',
      planHash: '',
    };
    await this.#ask(async ({ workflows }) => await workflows.submitWorkflow(request, { timeoutMs: callMs }));
    if (plan.cancelAfterMs !== undefined) await this.#cancel(one, plan.cancelAfterMs);
    await this.#untilEnded(one.id);
  }

  async #cancel(one: Submitted, afterMs: number): Promise<void> {
    await sleep(systemClock, afterMs, this.#abort.signal);
    one.wasCancelled = true;
    const request = {
      name: `workflows/${one.id}`,
      requestId: newUuid(systemRandom),
      actor: 'user',
      reason: 'chaos',
      keep: one.plan.cancelKeeps,
      runningSteps: RunningSteps.CANCEL,
    };
    await this.#ask(async ({ workflows }) => {
      await workflows.cancelWorkflow(request, { timeoutMs: callMs }).catch((error: unknown) => {
        // It was faster, or it is being undone already.
        if (!isReason(error, 'ILLEGAL_TRANSITION')) throw error;
      });
    });
  }

  async #untilEnded(id: string): Promise<void> {
    const timeout = msToDuration(waitMs);
    for (;;) {
      const { workflow } = await this.#ask(
        async ({ workflows }) =>
          await workflows.waitWorkflow({ name: `workflows/${id}`, timeout }, { timeoutMs: waitMs + callMs }),
      );
      if (workflow !== undefined && ended.includes(workflow.state)) return;
      // It may rest for an operator.
      await sleep(systemClock, pauseMs, this.#abort.signal);
    }
  }

  /** Whoever finds an incident looks into it and says: again. */
  async #operate(): Promise<void> {
    for (;;) {
      await sleep(systemClock, 2_000, this.#abort.signal);
      const { incidents } = await this.#ask(
        async (client) =>
          await client.incidents.listIncidents({ pageSize: 100, pageToken: '', includeResolved: false }),
      );
      for (const { step, waysOut } of incidents) {
        if (!waysOut.includes('RETRY')) continue;
        // In a rollback it is the undo that is retried, also of a step of which nobody knows what came of it.
        const isRetried =
          (await this.#retry(step)) || (await this.#retry(step.replace('/steps/', '/steps/undo.')));
        if (isRetried) this.retries += 1;
      }
    }
  }

  /** Gives whether the step could be retried. */
  async #retry(name: string): Promise<boolean> {
    const request = { name, requestId: newUuid(systemRandom), actor: 'operator', reason: 'chaos' };
    return await this.#ask(async ({ workflows }) => {
      try {
        await workflows.retryStep(request, { timeoutMs: callMs });
        return true;
      } catch (error) {
        if (isReason(error, 'ILLEGAL_TRANSITION', 'STEP_NOT_FOUND')) return false;
        throw error;
      }
    });
  }

  /** Asks one node after the other, with the same request, until one answers. */
  async #ask<T>(call: (client: SteplockClient) => Promise<T>): Promise<T> {
    const { signal } = this.#abort;
    for (let at = randomBelow(this.#random, this.#addresses.length); ; at++) {
      const address = this.#addresses[at % this.#addresses.length] ?? '';
      signal.throwIfAborted();
      try {
        return await call(await this.#client(address));
      } catch (error) {
        signal.throwIfAborted();
        if (isReason(error, ...refusals)) throw error;
      }
      await sleep(systemClock, pauseMs, signal);
    }
  }

  async #client(address: string): Promise<SteplockClient> {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const client = await connect(address, { timeoutMs: 1_000 });
    const other = this.#clients.get(address);
    if (other !== undefined) {
      client.close();
      return other;
    }
    this.#clients.set(address, client);
    return client;
  }

  async #factsOf({ id, plan, wasCancelled }: Submitted): Promise<WorkflowFacts> {
    const name = `workflows/${id}`;
    const found = await this.#ask(async ({ workflows }) => {
      const { workflow } = await workflows.getWorkflow({ name });
      const { steps } = await workflows.listSteps({ parent: name, pageSize: 100, pageToken: '', states: [] });
      return { workflow, steps };
    }).catch((error: unknown) => {
      if (!isReason(error, 'WORKFLOW_NOT_FOUND')) throw error;
      return undefined;
    });
    const { workflow, steps } = found ?? { steps: [] };
    const states = new Map(
      steps.filter(({ direction }) => direction === Direction.FORWARD).map((step) => [step.id, step.state]),
    );
    const { uid = '', state = WorkflowState.UNSPECIFIED } = workflow ?? {};
    return {
      id,
      uid,
      state: found === undefined ? 'NOT THERE' : nameOf(WorkflowState, state),
      expected: plan.expected,
      wasCancelled,
      steps: plan.steps.map(({ id: step, dependsOn, action }): StepFacts => ({
        id: step,
        dependsOn,
        makes: action?.$case === 'call' && isMaker(action.value.method),
        state: nameOf(StepState, states.get(step) ?? StepState.UNSPECIFIED),
      })),
    };
  }
}

function nameOf(states: object, state: number): string {
  return Object.entries(states).find(([, value]) => value === state)?.[0] ?? String(state);
}
