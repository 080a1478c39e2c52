/**
 * A controller that does as a test says: with the methods, schemas and undos of a real one, and none of its doing. What is
 * not scripted succeeds at once, with the smallest output that fits the schema.
 */
import { sleep, type Clock } from '../base/clock.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import {
  done,
  notDone,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type PollResult,
  type ProbeResult,
  type TypesOf,
} from '../contract/index.js';
import type { ArgsOf, OutputOf } from '../builder/index.js';

/** A call that a script answers. */
export interface ScriptedCall<Args = JsonObject> {
  readonly args: Args;
  readonly context: CallContext;
  /** Which call of this step it is, 1 for the first. */
  readonly times: number;
  /** Lets that much of the test's time go by. @throws when the call is told to stop. */
  readonly wait: (ms: number) => Promise<void>;
  /** Never answers, until it is told to stop. */
  readonly hang: () => Promise<never>;
}

/** What a step or method answers; undefined for what it would without a script. */
export type Script<Args = JsonObject, Output = JsonObject> = (
  call: ScriptedCall<Args>,
) => ExecuteResult<Output> | Promise<ExecuteResult<Output>> | undefined;

type AnyScript = (call: ScriptedCall) => ExecuteResult | Promise<ExecuteResult> | undefined;

/** See the head of this file. */
export class ScriptedController<Methods> {
  /** What the engine calls. */
  readonly port: ControllerPort;
  readonly #byMethod = new Map<string, AnyScript>();
  readonly #byStep = new Map<string, AnyScript>();
  readonly #polls = new Map<string, (task: string) => PollResult>();
  readonly #probes = new Map<string, () => ProbeResult>();
  readonly #times = new Map<string, number>();
  #clock: Clock | undefined;

  constructor({ description }: Pick<ControllerPort, 'description'>) {
    this.port = {
      description,
      execute: async (context, method, args) => await this.#execute(context, method, args),
      poll: async (_context, method, task) =>
        await Promise.resolve(this.#polls.get(method)?.(task) ?? done(this.#smallest(method))),
      probe: async (_context, method) =>
        await Promise.resolve(this.#probes.get(method)?.() ?? notDone('none')),
      cancel: async () => {
        await Promise.resolve();
      },
    };
  }

  /** Says what a method answers. */
  on<Name extends keyof Methods & string>(
    method: Name,
    script: Script<ArgsOf<Methods[Name]>, OutputOf<Methods[Name]>>,
  ): this {
    this.#byMethod.set(method, script as unknown as AnyScript);
    return this;
  }

  /** Says what a step answers, whatever its method is; `undo.` in front for its undo. It goes before {@link on}. */
  onStep(step: string, script: AnyScript): this {
    this.#byStep.set(step, script);
    return this;
  }

  /** Says how a method's external task stands, after it answered `pending`. */
  onPoll(method: keyof Methods & string, answer: (task: string) => PollResult): this {
    this.#polls.set(method, answer);
    return this;
  }

  /** Says what came of a method's call in doubt. */
  onProbe(method: keyof Methods & string, answer: () => ProbeResult): this {
    this.#probes.set(method, answer);
    return this;
  }

  /** Gives it the time of the engine that it is in. */
  attach(clock: Clock): void {
    this.#clock = clock;
  }

  async #execute(context: CallContext, method: string, args: JsonObject): Promise<ExecuteResult> {
    const step = context.direction === 'undo' ? `undo.${context.step}` : context.step;
    const key = `${context.workflowUid}/${step}`;
    const times = (this.#times.get(key) ?? 0) + 1;
    this.#times.set(key, times);
    const script = this.#byStep.get(step) ?? this.#byMethod.get(method);
    const clock = this.#clock;
    if (clock === undefined) throw new Error('A scripted controller belongs into a test engine');
    const call: ScriptedCall = {
      args,
      context,
      times,
      wait: async (ms) => {
        await sleep(clock, ms, context.signal);
      },
      hang: async () => await untilStopped(context.signal),
    };
    return (await script?.(call)) ?? done(this.#smallest(method));
  }

  #smallest(method: string): JsonObject {
    const { outputSchema } = this.port.description.methods.find(({ name }) => name === method) ?? {};
    const smallest = outputSchema === undefined ? {} : smallestOf(outputSchema);
    return isJsonObject(smallest) ? smallest : {};
  }
}

/** A scripted controller in the place of that one, of which it takes the description alone. */
export function scripted<C extends Pick<ControllerPort, 'description'>>(
  controller: C,
): ScriptedController<TypesOf<C>> {
  return new ScriptedController<TypesOf<C>>(controller);
}

async function untilStopped(signal: AbortSignal): Promise<never> {
  return await new Promise<never>((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** The smallest value that fits a plain schema; of one with patterns and the like a test says what is answered. */
function smallestOf(schema: JsonObject): JsonValue {
  const { type, required } = schema;
  if (schema['const'] !== undefined) return schema['const'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0] ?? null;
  switch (Array.isArray(type) ? type[0] : type) {
    case 'string':
      return ''.padEnd(Number(schema['minLength'] ?? 0), 'x');
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object': {
      const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
      const names = Array.isArray(required) ? required.map(String) : [];
      const entries = names.map((name) => {
        const each = properties[name];
        return [name, isJsonObject(each) ? smallestOf(each) : null] as const;
      });
      return Object.fromEntries(entries);
    }
    default:
      return null;
  }
}
