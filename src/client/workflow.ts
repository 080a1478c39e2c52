/** One workflow as a client has it in hand: what it waits for, watches and says of it. */
import { msToDuration } from '../base/duration.js';
import { newUuid } from '../base/ids.js';
import { sleep, type Clock } from '../base/clock.js';
import type { JsonObject } from '../base/json.js';
import type { Random } from '../base/random.js';
import { isReason, SteplockError } from '../errors/index.js';
import { RunningSteps, type Step, type Stop, type Workflow } from '../gen/wire/steplock/v1/workflow.js';
import type { WorkflowServiceService } from '../gen/wire/steplock/v1/workflow_service.js';
import { cancelled, transientReasons, type CallOptions, type Calls } from './calls.js';
import { isFinalState, stateNameOf, type WorkflowStateName } from './state.js';
import { watchWorkflow, type WorkflowUpdate } from './watch.js';

/** How a workflow came to rest; `Output` is what its plan says that it returns. */
export type Rested<Output> =
  | { readonly state: 'SUCCEEDED'; readonly output: Output; readonly workflow: Workflow }
  | {
      /** Final; `stop` says why. */
      readonly state: 'ROLLED_BACK' | 'CANCELLED' | 'FAILED';
      readonly stop: Stop | undefined;
      readonly workflow: Workflow;
    }
  | {
      /** It waits for a person; `incidents` are the names of what to decide. */
      readonly state: 'SUSPENDED' | 'ROLLBACK_SUSPENDED' | 'ROLLBACK_BLOCKED';
      readonly incidents: readonly string[];
      readonly workflow: Workflow;
    };

/** How a workflow ended. */
export type Ended<Output> = Exclude<Rested<Output>, { readonly incidents: readonly string[] }>;

/** Who says something to a workflow, and why; for the record. */
export interface VerbOptions extends CallOptions {
  /** @default the client's */
  readonly actor?: string;
  readonly reason?: string;
}

/** A verb that must be given a reason. */
export type ReasonedOptions = VerbOptions & { readonly reason: string };

/** How a workflow is stopped. */
export interface StopOptions extends VerbOptions {
  /** What happens to running steps. @default cancel: 'cancel', rollback: 'let-end' */
  readonly runningSteps?: 'let-end' | 'cancel';
}

/** How to wait. */
export interface WaitOptions {
  /** @default as long as it takes */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a handle works with. */
export interface HandleParts {
  readonly workflows: Calls<typeof WorkflowServiceService>;
  readonly clock: Clock;
  readonly random: Random;
  readonly actor: string;
  /** How long one call waits at most. @default 30 s */
  readonly sliceMs?: number;
  /** Waits between two calls; it ends early, without an error, when the signal aborts. @default by the clock */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

interface VerbRequest {
  readonly name: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
}

const sliceMsDefault = 30_000;
const retryMs = 500;
const pageSize = 1_000;

/** See the head of this file. It holds no connection and needs no closing. */
export class WorkflowHandle<Output = JsonObject | undefined> {
  /** `workflows/{workflow}`. */
  readonly name: string;
  readonly #parts: HandleParts;

  constructor(name: string, parts: HandleParts) {
    this.name = name;
    this.#parts = parts;
  }

  /** The id, without `workflows/`. */
  get id(): string {
    return this.name.slice('workflows/'.length);
  }

  /** The workflow as it stands. @throws SteplockError WORKFLOW_NOT_FOUND */
  async get(options?: CallOptions): Promise<Workflow> {
    const { workflow } = await this.#parts.workflows.getWorkflow({ name: this.name }, options);
    return present(workflow);
  }

  /** All of its steps as of one moment, in the plan's order, undos last. */
  async steps(options?: CallOptions): Promise<Step[]> {
    const steps: Step[] = [];
    for (let pageToken = '', isFirst = true; isFirst || pageToken !== ''; isFirst = false) {
      const request = { parent: this.name, pageSize, pageToken, states: [] };
      const page = await this.#parts.workflows.listSteps(request, options);
      steps.push(...page.steps);
      pageToken = page.nextPageToken;
    }
    return steps;
  }

  /**
   * What changes in it, to its end. It goes on after a lost connection, at another node if need be: no change is given
   * twice, none of a step's last state is left out, and the end comes once. It gives up only when the signal aborts, and
   * then ends without an error.
   *
   * @throws SteplockError WORKFLOW_NOT_FOUND when it was never there.
   */
  watch(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<WorkflowUpdate, void, void> {
    return watchWorkflow(this.#parts, this.name, options.signal);
  }

  /**
   * Waits until it rests: has ended, or cannot go on without a person.
   *
   * @throws SteplockError DEADLINE_EXCEEDED when it does not in that time; WORKFLOW_NOT_FOUND; CANCELLED.
   */
  async wait({ timeoutMs = Infinity, signal }: WaitOptions = {}): Promise<Rested<Output>> {
    const { clock, workflows, sliceMs = sliceMsDefault } = this.#parts;
    const untilMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw this.#tooLate(timeoutMs);
      const sliceLeftMs = Math.min(leftMs, sliceMs);
      try {
        const request = { name: this.name, timeout: msToDuration(sliceLeftMs) };
        // The server keeps a margin for its answer's way.
        const call = { timeoutMs: sliceLeftMs + 5_000, ...(signal === undefined ? {} : { signal }) };
        const { rested, workflow } = await workflows.waitWorkflow(request, call);
        if (rested) return toRested<Output>(present(workflow));
      } catch (error) {
        if (!isReason(error, 'DEADLINE_EXCEEDED', ...transientReasons)) throw error;
        await this.#pause(Math.min(retryMs, Math.max(1, leftMs)), signal);
      }
    }
  }

  /**
   * Waits until it has ended, whatever a person has to do before.
   *
   * @throws as {@link wait}.
   */
  async result({ timeoutMs = Infinity, signal }: WaitOptions = {}): Promise<Ended<Output>> {
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const leftMs = Math.max(0, untilMs - clock.monotonicMs());
      const rested = await this.wait({ timeoutMs: leftMs, ...(signal === undefined ? {} : { signal }) });
      if (!('incidents' in rested)) return rested;
      await this.#pause(Math.min(retryMs, leftMs), signal);
    }
  }

  /** Lets running steps end and starts nothing new, until it is resumed. */
  async suspend(options?: VerbOptions): Promise<Workflow> {
    const { workflows } = this.#parts;
    return present((await workflows.suspendWorkflow(this.#verb(options), options)).workflow);
  }

  /** Goes on with what was suspended. */
  async resume(options?: VerbOptions): Promise<Workflow> {
    const { workflows } = this.#parts;
    return present((await workflows.resumeWorkflow(this.#verb(options), options)).workflow);
  }

  /** Stops it, and undoes what was done unless that is to be kept. */
  async cancel(options: StopOptions & { readonly keep?: boolean } = {}): Promise<Workflow> {
    const { keep = false, runningSteps } = options;
    const request = { ...this.#verb(options), keep, runningSteps: toRunningSteps(runningSteps) };
    return present((await this.#parts.workflows.cancelWorkflow(request, options)).workflow);
  }

  /** Undoes what was done. */
  async rollback(options: StopOptions = {}): Promise<Workflow> {
    const request = { ...this.#verb(options), runningSteps: toRunningSteps(options.runningSteps) };
    return present((await this.#parts.workflows.rollbackWorkflow(request, options)).workflow);
  }

  /** Tries a failed or unknown step once more; `undo.{step}` for an undo. */
  async retryStep(step: string, options: ReasonedOptions): Promise<Workflow> {
    const { workflows } = this.#parts;
    return present((await workflows.retryStep(this.#stepVerb(step, options), options)).workflow);
  }

  /** Leaves a step, or an undo, out; `output` is what it is taken to have returned. */
  async skipStep(
    step: string,
    options: ReasonedOptions & { readonly output?: JsonObject },
  ): Promise<Workflow> {
    const request = { ...this.#stepVerb(step, options), output: options.output };
    return present((await this.#parts.workflows.skipStep(request, options)).workflow);
  }

  /** Approves what an approval step asks for. */
  async approve(step: string, options?: VerbOptions): Promise<Workflow> {
    const { workflows } = this.#parts;
    return present((await workflows.approveStep(this.#stepVerb(step, options), options)).workflow);
  }

  /** Rejects it: the step fails. */
  async reject(step: string, options: ReasonedOptions): Promise<Workflow> {
    const { workflows } = this.#parts;
    return present((await workflows.rejectStep(this.#stepVerb(step, options), options)).workflow);
  }

  /** Gives it a message, for the steps that wait for a signal of that name. */
  async signal(name: string, payload: JsonObject = {}, options?: VerbOptions): Promise<Workflow> {
    const request = { ...this.#verb(options), signal: name, payload };
    return present((await this.#parts.workflows.sendSignal(request, options)).workflow);
  }

  /** Deletes it, once it has ended. */
  async delete(options?: VerbOptions): Promise<void> {
    await this.#parts.workflows.deleteWorkflow(this.#verb(options), options);
  }

  #verb(options: VerbOptions = {}): VerbRequest {
    const { actor = this.#parts.actor, reason = '' } = options;
    return { name: this.name, requestId: newUuid(this.#parts.random), actor, reason };
  }

  #stepVerb(step: string, options?: VerbOptions): VerbRequest {
    return { ...this.#verb(options), name: `${this.name}/steps/${step}` };
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, pause } = this.#parts;
    await (pause === undefined ? sleep(clock, ms, signal).catch(() => undefined) : pause(ms, signal));
    if (signal?.aborted === true) throw cancelled(signal);
  }

  #tooLate(timeoutMs: number): SteplockError {
    return new SteplockError('DEADLINE_EXCEEDED', `${this.name} does not rest after ${timeoutMs} ms`, {
      metadata: { name: this.name },
    });
  }
}

/** The workflow of an answer, which has one. @throws SteplockError INTERNAL */
export function present(workflow: Workflow | undefined): Workflow {
  if (workflow === undefined) throw new SteplockError('INTERNAL', 'The answer has no workflow');
  return workflow;
}

function toRested<Output>(workflow: Workflow): Rested<Output> {
  const state: WorkflowStateName = stateNameOf(workflow.state);
  // What the plan says that it returns is checked against no schema: its references are, where they were made.
  if (state === 'SUCCEEDED') return { state, output: workflow.output as Output, workflow };
  if (isFinalState(workflow.state))
    return { state: state as 'ROLLED_BACK' | 'CANCELLED' | 'FAILED', stop: workflow.stop, workflow };
  return { state: state as 'SUSPENDED', incidents: workflow.incidents, workflow };
}

function toRunningSteps(said: StopOptions['runningSteps']): RunningSteps {
  if (said === undefined) return RunningSteps.UNSPECIFIED;
  return said === 'cancel' ? RunningSteps.CANCEL : RunningSteps.LET_END;
}
