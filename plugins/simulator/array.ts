/**
 * A simulated array: takes requests, waits as an array does, and changes its state. A change happens at one instant, in
 * which the fence is compared too; before and after it the call can be delayed, fail, or lose its answer.
 */
import {
  failed,
  pending,
  sleep,
  unknown,
  type CallContext,
  type Clock,
  type PollResult,
} from '../../src/controller.js';
import {
  raiseFence,
  StorageRefusal,
  type Look,
  type StorageCall,
  type StorageMethod,
} from '../../src/storage-controller.js';
import type { JsonObject } from '../../src/controller.js';
import { applyChange, lookForChange, type Changed } from './changes.js';
import { createFaults, type Faults } from './faults.js';
import type { SimulatedSystem } from './options.js';
import { lookUp } from './pools.js';
import { openState, type StateStore } from './state-store.js';
import type { ArrayState, ChangeRequest, Job } from './state.js';

/** What a call came to. */
export type Outcome<M extends StorageMethod> =
  Changed<M> | { kind: 'pending'; task: string; pollAfterMs: number };

const jobsKept = 1_000;
/** What becomes a job where the array has jobs: masking is quick everywhere. */
const jobMethods: readonly StorageMethod[] = [
  ...(['create-volume', 'clone-volume', 'delete-volume', 'expand-volume', 'restore-volume-size'] as const),
  ...(['create-snapshot', 'delete-snapshot', 'revert-volume'] as const),
];

/** See the file's head. */
export class SimulatedArray {
  readonly system: SimulatedSystem;
  readonly #clock: Clock;
  readonly #store: StateStore;
  readonly #faults: Faults;
  /** Calls of this process that are under way. */
  #calls = 0;

  constructor(system: SimulatedSystem, clock: Clock) {
    this.system = system;
    this.#clock = clock;
    this.#store = openState(system, clock);
    this.#faults = createFaults(system.faults ?? []);
  }

  /** Raises the call's fence. */
  async fence(context: CallContext): Promise<void> {
    await this.#change((state) => {
      state.fences = raiseFence(state.fences, context);
    });
  }

  /** Looks at the state, or, for tests, changes it behind everybody's back. */
  async inspect<T>(look: (state: ArrayState) => T): Promise<T> {
    return await this.#change(look);
  }

  /** Carries a request out, or begins a job for it. */
  async perform<M extends StorageMethod>(
    { context, signal, trace }: Pick<StorageCall, 'context' | 'signal' | 'trace'>,
    method: M,
    request: ChangeRequest,
  ): Promise<Outcome<M>> {
    const { latencyMs } = lookUp(this.system);
    const { snapshot, volume } = request.args as Readonly<Record<string, string | undefined>>;
    const object = snapshot ?? volume ?? '';
    const leave = await this.#enter();
    try {
      const fault = this.#faults.next(method, object);
      await fault.before(signal);
      if (latencyMs > 0) await sleep(this.#clock, latencyMs, signal);
      const outcome = await this.#change((state) => {
        state.fences = raiseFence(state.fences, context);
        return this.#begin<M>(state, method, request);
      });
      trace.effect = 'some';
      await fault.after(signal);
      return outcome;
    } finally {
      leave();
    }
  }

  /** What came of a request. */
  async look<M extends StorageMethod>(context: CallContext, request: ChangeRequest): Promise<Look<M>> {
    return await this.#change((state) => {
      state.fences = raiseFence(state.fences, context);
      const job = runningJob(state, request);
      if (job !== undefined) return pending(job.id, this.#restMs(job));
      return lookForChange<M>({ state, system: this.system, request });
    });
  }

  /** How a job stands. */
  async poll(task: string): Promise<PollResult> {
    return await this.#change((state): PollResult => {
      const job = state.jobs.find(({ id }) => id === task);
      if (job === undefined) return unknown(`Storage system ${this.system.id} knows no job ${task} any more`);
      switch (job.state) {
        case 'running':
          return pending(job.id, this.#restMs(job));
        case 'done':
          return { kind: 'done', output: job.output ?? {} };
        case 'cancelled':
          return failed('JobCancelled', `Job ${task} was cancelled`, { retryable: true, effect: 'none' });
        case 'failed': {
          const { reason = 'JobFailed', message = '', retryable = false } = job;
          return failed(reason, message, { retryable, effect: 'none' });
        }
      }
    });
  }

  /** Stops a job that has not ended. */
  async cancel(task: string): Promise<void> {
    await this.#change((state) => {
      const job = state.jobs.find(({ id }) => id === task);
      if (job?.state === 'running') job.state = 'cancelled';
    });
  }

  /** Takes one of the places for operations, or refuses. */
  async #enter(): Promise<() => void> {
    const running = await this.#change((state) => state.jobs.filter((job) => job.state === 'running').length);
    const { operationsMax } = lookUp(this.system);
    if (this.#calls + running >= operationsMax) {
      throw new StorageRefusal(
        'SystemBusy',
        `Storage system ${this.system.id} has ${operationsMax} operations under way`,
      );
    }
    this.#calls += 1;
    return () => {
      this.#calls -= 1;
    };
  }

  #begin<M extends StorageMethod>(state: ArrayState, method: M, request: ChangeRequest): Outcome<M> {
    const { jobMs } = this.system;
    const known = runningJob(state, request);
    if (known !== undefined) return pending(known.id, this.#restMs(known));
    const context = { state, system: this.system, request };
    if (jobMs === undefined || !jobMethods.includes(method)) return applyChange<M>(context);
    const look = lookForChange<M>(context);
    // What was done already, and what would be refused, is so at once.
    const trial = applyChange<M>({ ...context, state: structuredClone(state) });
    if (look.kind === 'there') return trial;
    state.jobsBegun += 1;
    const job: Job = {
      ...{ id: `job-${state.jobsBegun}`, request, state: 'running' },
      endsAtMs: this.#clock.nowMs() + jobMs,
    };
    state.jobs = [...state.jobs, job].slice(-jobsKept);
    return pending(job.id, this.#restMs(job));
  }

  /** Runs the work alone, after all jobs that are due. */
  async #change<T>(work: (state: ArrayState) => T): Promise<T> {
    return await this.#store.change((state) => {
      const nowMs = this.#clock.nowMs();
      for (const job of state.jobs) {
        if (job.state === 'running' && job.endsAtMs <= nowMs) this.#end(state, job);
      }
      return work(state);
    });
  }

  #end(state: ArrayState, job: Job): void {
    try {
      job.output = toWire(applyChange({ state, system: this.system, request: job.request }));
      job.state = 'done';
    } catch (error) {
      if (!(error instanceof StorageRefusal)) throw error;
      const { reason, message, retryable } = error;
      Object.assign(job, { state: 'failed', reason, message, retryable });
    }
  }

  #restMs({ endsAtMs }: Job): number {
    return Math.max(1, endsAtMs - this.#clock.nowMs());
  }
}

function runningJob(state: ArrayState, request: ChangeRequest): Job | undefined {
  return state.jobs.find(
    (job) =>
      job.state === 'running' &&
      job.request.method === request.method &&
      job.request.direction === request.direction &&
      request.keys.includes(job.request.owner.key),
  );
}

/** As the contract has it: what defineStorageController() does for answers that come at once. */
function toWire(output: object): JsonObject {
  const rename = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(output as JsonObject).map(([key, value]) => [rename(key), value]));
}
