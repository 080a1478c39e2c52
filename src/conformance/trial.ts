/**
 * One trial: a step of a workflow that does not exist, on objects whose names nobody else has. It makes calls as a node
 * would, looks at what they did, and takes it away again.
 */
import { sleep, type Clock } from '../base/clock.js';
import { canonicalJson, type JsonObject } from '../base/json.js';
import type { Random } from '../base/random.js';
import type {
  ControllerDescription,
  MethodDescription,
  ProbeResult,
  UndoneStep,
} from '../contract/contract.js';
import { errorText, SteplockError } from '../errors/index.js';
import { resolveArguments } from '../model/references.js';
import type { SchemaChecker } from '../model/schema.js';
import type { SentContext } from '../remote/call-codec.js';
import type { DirectCalls } from '../remote/direct-calls.js';
import type { MethodSample, SampleCall, SlowSample } from './samples.js';
import { withUnique } from './unique.js';

/** What all trials share. */
export interface Bench {
  readonly calls: DirectCalls;
  readonly description: ControllerDescription;
  readonly system: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly checker: SchemaChecker;
  /** How long a call, its external task included, may take. */
  readonly timeoutMs: number;
  /** A revision above all that were given out. */
  readonly nextRevision: () => number;
}

/** What came of a call, its external task included. */
export type End =
  | { readonly kind: 'done'; readonly output: JsonObject }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly retryable: boolean;
      readonly effect: string;
    }
  | { readonly kind: 'unknown'; readonly message: string }
  /** The call was not answered, but with this error. */
  | { readonly kind: 'error'; readonly reason: string; readonly message: string };

/** What a trial cannot begin without. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/** How a call differs from the first, ordinary one of its step. */
export interface CallMore {
  readonly revision?: number;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

const pollMsMin = 50;
const pollMsMax = 1_000;

/** See the head of this file. */
export class Trial {
  readonly method: MethodDescription;
  readonly args: JsonObject;
  readonly key: string;
  readonly #bench: Bench;
  readonly #sample: MethodSample;
  readonly #name: string;
  readonly #before: readonly SampleCall[];
  readonly #undos: (() => Promise<End>)[] = [];
  #attempt = 0;
  #made: JsonObject | undefined;

  constructor(bench: Bench, method: MethodDescription, sample: MethodSample, slow?: SlowSample) {
    this.#bench = bench;
    this.#sample = sample;
    this.#name = `c${bench.random.hex(5)}`;
    this.method = method;
    this.args = withUnique((slow ?? sample).arguments, this.#name);
    this.#before = slow?.before ?? sample.before;
    this.key = `${this.#name}/step/0`;
  }

  /** Makes what the sample needs first. @throws NotReadyError */
  async prepare(): Promise<void> {
    for (const [index, { method: name, arguments: args }] of this.#before.entries()) {
      const method = this.#bench.description.methods.find((each) => each.name === name);
      if (method === undefined) throw new NotReadyError(`before: the controller has no method ${name}`);
      const trial = new Trial(this.#bench, method, {
        ...{ arguments: withUnique(args, this.#name), before: [] },
        ...{ observe: undefined, slow: undefined, reads: false },
      });
      const end = await trial.execute();
      if (end.kind !== 'done') throw new NotReadyError(`before[${index}]: ${name}: ${say(end)}`);
      if (typeof method.undo === 'object') this.#undos.unshift(async () => await trial.undo());
    }
  }

  /** Executes the step, to the end of its external task. */
  async execute(more: CallMore = {}): Promise<End> {
    const end = await this.#executeOnce(more);
    if (end.kind === 'done') this.#made = end.output;
    return end;
  }

  async #executeOnce({ signal, ...more }: CallMore): Promise<End> {
    const { calls } = this.#bench;
    const context = this.#context(more);
    return await caught(async () => {
      const answer = await calls.execute(context, this.method.name, this.args, signal);
      if (answer === undefined) return { kind: 'error', reason: 'INTERNAL', message: 'it answered nothing' };
      if (answer.kind !== 'pending') return answer;
      return await this.pollToEnd(answer.task, answer.pollAfterMs, more.revision);
    });
  }

  /** Begins the step; gives its task if it goes on outside. */
  async begin(signal: AbortSignal): Promise<End | { readonly kind: 'pending'; readonly task: string }> {
    const { calls } = this.#bench;
    return await caught(async () => {
      const answer = await calls.execute(this.#context(), this.method.name, this.args, signal);
      return answer ?? { kind: 'error', reason: 'INTERNAL', message: 'it answered nothing' };
    });
  }

  /** Asks after the task until it has ended, or for as long as a call may take. */
  async pollToEnd(task: string, afterMs: number, revision?: number): Promise<End> {
    const { calls, clock, timeoutMs } = this.#bench;
    const context = this.#context(revision === undefined ? {} : { revision });
    const endsMs = clock.monotonicMs() + timeoutMs;
    for (let waitMs = afterMs; ;) {
      await sleep(clock, Math.min(Math.max(waitMs, pollMsMin), pollMsMax));
      const answer = await calls.poll(context, this.method.name, task, this.args);
      if (answer.kind !== 'pending') return answer;
      if (clock.monotonicMs() > endsMs)
        return { kind: 'error', reason: 'DEADLINE_EXCEEDED', message: `task ${task} still goes on` };
      waitMs = answer.pollAfterMs;
    }
  }

  /** Asks the controller to stop the task. */
  async cancel(task: string): Promise<void> {
    await this.#bench.calls.cancel(this.#context(), this.method.name, task);
  }

  /** Asks what came of the step. */
  async probe(more: CallMore = {}): Promise<ProbeResult | Extract<End, { kind: 'error' }>> {
    const { calls } = this.#bench;
    return await caught(async () => await calls.probe(this.#context(more), this.method.name, this.args));
  }

  /** Undoes the step, as done by that key. */
  async undo(ofKey = this.key): Promise<End> {
    const { undo } = this.method;
    if (typeof undo !== 'object') throw new TypeError(`${this.method.name} has no undo`);
    const result = this.#made;
    const args =
      undo.arguments === undefined
        ? this.args
        : resolveArguments(
            undo.arguments,
            { output: () => undefined, args: this.args, ...(result === undefined ? {} : { result }) },
            true,
          );
    const undone: UndoneStep = {
      state: result === undefined ? 'unknown' : 'succeeded',
      effect: result === undefined ? 'unknown' : 'some',
      output: result,
      idempotencyKey: ofKey,
      formerKeys: [],
    };
    const { calls } = this.#bench;
    const context: SentContext = {
      ...this.#context(),
      ...{ direction: 'undo', idempotencyKey: `${this.#name}/undo.step/0`, undone },
    };
    return await caught(async () => {
      const answer = await calls.execute(context, undo.method, args);
      if (answer === undefined) return { kind: 'error', reason: 'INTERNAL', message: 'it answered nothing' };
      if (answer.kind !== 'pending') return answer;
      return {
        kind: 'error',
        reason: 'INTERNAL',
        message: 'it goes on as a task, which is not looked at here',
      };
    });
  }

  /** Whether it can be seen what there is. */
  get canSee(): boolean {
    return this.#sample.observe !== undefined || this.method.canProbe;
  }

  /** What the sample's observing method shows now; undefined if it names none. */
  async observe(): Promise<string | undefined> {
    const { observe } = this.#sample;
    if (observe === undefined) return undefined;
    const { calls, random } = this.#bench;
    const seen = `c${random.hex(5)}`;
    const context: SentContext = {
      ...this.#context(),
      ...{ workflow: seen, workflowUid: seen, idempotencyKey: `${seen}/step/0` },
    };
    const answer = await caught(
      async () =>
        (await calls.execute(context, observe.method, withUnique(observe.arguments, this.#name))) ??
        notAnswered,
    );
    if (answer.kind !== 'done') throw new NotReadyError(`observe: ${observe.method}: ${say(answer)}`);
    return canonicalJson(answer.output);
  }

  /**
   * Whether the step's effect is there: by the observing method if there is one, compared with what it showed before the
   * step; else by probing, which raises the fence.
   */
  async isThere(before: string | undefined): Promise<boolean> {
    if (before !== undefined) return (await this.observe()) !== before;
    const found = await this.probe();
    if (found.kind === 'error' || found.kind === 'unknown') throw new NotReadyError(`Probe: ${say(found)}`);
    return found.kind !== 'not-done';
  }

  /** Takes away what was made. Gives what could not be. */
  async clear(): Promise<string[]> {
    const left: string[] = [];
    const undos =
      typeof this.method.undo === 'object' && this.#attempt > 0 ? [async () => await this.undo()] : [];
    for (const undo of [...undos, ...this.#undos]) {
      const end = await undo();
      if (end.kind !== 'done')
        left.push(`${this.method.name} ${canonicalJson(this.args)}: undo: ${say(end)}`);
    }
    return left;
  }

  #context({ revision, deadlineMs }: CallMore = {}): SentContext {
    const { clock, nextRevision, system, timeoutMs } = this.#bench;
    this.#attempt += 1;
    return {
      workflow: this.#name,
      workflowUid: this.#name,
      step: 'step',
      direction: 'forward',
      attempt: this.#attempt,
      fencingToken: { generation: 1, revision: revision ?? nextRevision() },
      idempotencyKey: this.key,
      formerKeys: [],
      deadlineMs: deadlineMs ?? clock.nowMs() + timeoutMs,
      system,
      tenant: '',
      undone: undefined,
    };
  }
}

const notAnswered = { kind: 'error', reason: 'INTERNAL', message: 'it answered nothing' } as const;

async function caught<T>(call: () => Promise<T>): Promise<T | Extract<End, { kind: 'error' }>> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof SteplockError)
      return { kind: 'error', reason: error.reason, message: error.message };
    return { kind: 'error', reason: 'INTERNAL', message: errorText(error) };
  }
}

/** What came of a call, in words. */
export function say(end: End | ProbeResult | { readonly kind: 'pending' }): string {
  switch (end.kind) {
    case 'done':
      return `done, ${canonicalJson(end.output)}`;
    case 'failed':
      return `failed, ${end.reason}: ${end.message}`;
    case 'unknown':
      return `unknown, ${end.message}`;
    case 'error':
      return `error ${end.reason}: ${end.message}`;
    case 'not-done':
      return 'not done';
    case 'pending':
      return 'pending';
  }
}
