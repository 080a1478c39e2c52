/**
 * A controller that does as the test says, step by step, and remembers every call. Its methods differ in what they
 * declare, not in what they do: by default all of them succeed at once.
 */
import {
  defineController,
  done,
  notDone,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type JsonObject,
  type MethodDefinition,
  type PollResult,
  type ProbeResult,
} from '../../../src/controller.js';
import { eventually } from '../../support/eventually.js';

/** A call as it came. */
export interface SeenCall {
  readonly kind: 'execute' | 'poll' | 'probe' | 'cancel';
  readonly workflow: string;
  /** The step; `undo.` in front for an undo. */
  readonly step: string;
  readonly method: string;
  readonly args: JsonObject;
  readonly context: CallContext;
}

/** What a step does in place of succeeding. */
export interface StepScript {
  readonly execute?: (context: CallContext, args: JsonObject) => Promise<ExecuteResult> | ExecuteResult;
  readonly poll?: (context: CallContext, task: string) => Promise<PollResult> | PollResult;
  readonly probe?: (context: CallContext, args: JsonObject) => Promise<ProbeResult> | ProbeResult;
  readonly cancel?: (context: CallContext, task: string) => Promise<void> | void;
}

/** Text that the `secret` method takes as one. */
const secretText: JsonObject = { type: 'string', 'x-steplock-secret': true };
const quickRetry = { maxAttempts: 3, initialBackoffMs: 20, maxBackoffMs: 100, multiplier: 2 };

/** See the head of this file. */
export class ScriptedController {
  readonly port: ControllerPort;
  readonly calls: SeenCall[] = [];
  readonly #scripts = new Map<string, StepScript>();

  constructor() {
    this.port = defineController({
      kind: 'scripted',
      version: '1',
      description: 'Does as the test says',
      methods: {
        make: this.#method('make', { undo: { method: 'unmake' }, idempotent: true }),
        unmake: this.#method('unmake', { undo: 'none-needed', idempotent: true }),
        probed: this.#method('probed', { undo: { method: 'unmake' } }, true),
        blind: this.#method('blind', { undo: { method: 'unmake-blind' } }),
        'unmake-blind': this.#method('unmake-blind', { undo: 'none-needed' }),
        final: this.#method('final', { undo: 'irreversible', idempotent: true }),
        free: this.#method('free', { undo: 'none-needed', idempotent: true }),
        typed: this.#method('typed', {
          undo: { method: 'untyped', arguments: { id: { $result: '/id' }, name: { $args: '/name' } } },
          idempotent: true,
          argumentsSchema: {
            type: 'object',
            properties: {
              name: { type: 'string', maxLength: 20 },
              size: { type: 'integer', minimum: 1 },
              password: secretText,
            },
            required: ['name'],
            additionalProperties: false,
          },
          outputSchema: {
            type: 'object',
            properties: { id: { type: 'string' }, token: secretText },
            additionalProperties: false,
          },
        }),
        untyped: this.#method('untyped', { undo: 'none-needed', idempotent: true }),
      },
    });
  }

  /** Says what a step of a workflow, `*` for any, does; `undo.` in front for its undo. */
  script(workflow: string, step: string, script: StepScript | StepScript['execute']): void {
    this.#scripts.set(
      `${workflow}/${step}`,
      typeof script === 'function' ? { execute: script } : (script ?? {}),
    );
  }

  /** The calls of a workflow, in the order in which they came. */
  callsOf(workflow: string, step?: string): SeenCall[] {
    return this.calls.filter(
      (call) => call.workflow === workflow && (step === undefined || call.step === step),
    );
  }

  /** The steps of a workflow in the order in which they were first executed. */
  order(workflow: string): string[] {
    const steps = this.callsOf(workflow).filter(({ kind }) => kind === 'execute');
    return [...new Set(steps.map(({ step }) => step))];
  }

  /** Waits until a step was called that way. */
  async called(
    workflow: string,
    step: string,
    kind: SeenCall['kind'] = 'execute',
    times = 1,
  ): Promise<SeenCall> {
    return await eventually(() => {
      const found = this.callsOf(workflow, step).filter((call) => call.kind === kind);
      const call = found[times - 1];
      if (call === undefined)
        throw new Error(`${workflow}/${step}: ${found.length} calls of ${kind}, not ${times}`);
      return call;
    }, 20_000);
  }

  #method(
    name: string,
    declared: Pick<MethodDefinition, 'undo'> & Partial<MethodDefinition>,
    canProbe = false,
  ): MethodDefinition {
    const see = (kind: SeenCall['kind'], context: CallContext, args: JsonObject): StepScript => {
      const step = context.direction === 'undo' ? `undo.${context.step}` : context.step;
      this.calls.push({ kind, workflow: context.workflow, step, method: name, args, context });
      return this.#scripts.get(`${context.workflow}/${step}`) ?? this.#scripts.get(`*/${step}`) ?? {};
    };
    return {
      description: name,
      argumentsSchema: { type: 'object' },
      retry: quickRetry,
      timeoutMs: 60_000,
      ...declared,
      execute: async (context, args) =>
        (await see('execute', context, args).execute?.(context, args)) ?? done({ made: context.step }),
      poll: async (context, task, args) => (await see('poll', context, args).poll?.(context, task)) ?? done(),
      cancel: async (context, task) => {
        await see('cancel', context, {}).cancel?.(context, task);
      },
      ...(canProbe
        ? {
            probe: async (context: CallContext, args: JsonObject) =>
              (await see('probe', context, args).probe?.(context, args)) ?? notDone('none'),
          }
        : {}),
    };
  }
}

/** Waits until it is told to stop; then ends with the signal's reason. No timer: that would outlive the test. */
export async function untilStopped({ signal }: CallContext): Promise<never> {
  // Without a timer, which would keep the process of the tests from ending.
  return await new Promise<never>((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** A gate: who passes it waits until the test opens it, or until he is told to stop. */
export function createGate(): {
  readonly open: () => void;
  readonly pass: (context: CallContext) => Promise<ExecuteResult>;
} {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    open: () => {
      open();
    },
    pass: async (context) => {
      await Promise.race([opened, untilStopped(context)]);
      return done({ made: context.step });
    },
  };
}

/** A controller whose methods do not say how they are undone, as a remote one may be. */
export function bareController(): ControllerPort {
  const { port } = new ScriptedController();
  const methods = port.description.methods.map((method) => ({ ...method, undo: undefined }));
  return { ...port, description: { ...port.description, methods } };
}
