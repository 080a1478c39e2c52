/**
 * Builds a plan. A step is a value: whoever waits for it, or wants its output, names the value and not a text, so that a
 * step that is not there does not compile.
 */
import { idPattern, idRule } from '../base/ids.js';
import type { JsonObject } from '../base/json.js';
import { invalidField } from '../errors/index.js';
import { Plan, type GroupSpec, type StepSpec } from '../gen/wire/steplock/v1/plan.js';
import type { ArgsOf, MethodRef, OperationRef, OutputOf } from './methods.js';
import { outputRef, toWireObject, type Resolved } from './refs.js';
import {
  commonSpec,
  planOfRef,
  toWireNodes,
  toWireRetry,
  toWireUndo,
  type Awaited,
  type CallOptions,
  type GroupRef,
  type StepOptions,
  type StepRef,
  type UndoOptions,
  type WithArgs,
} from './steps.js';

declare const outputOfPlan: unique symbol;

/** A plan as the wire has it, with the type of what its workflow returns. */
export interface TypedPlan<Output> {
  readonly [outputOfPlan]: Output;
  readonly plan: Plan;
}

/** What a workflow returns whose plan says nothing of it. */
export type NoOutput = undefined;

/** What an approval returns. */
export interface ApprovalOutput {
  readonly actor: string;
  readonly reason: string;
}

type OptionalIfEmpty<Options> = Partial<Options> extends Options ? [options?: Options] : [options: Options];

/** See the head of this file. */
export class PlanBuilder {
  readonly #steps: StepSpec[] = [];
  readonly #groups: GroupSpec[] = [];
  readonly #ids = new Set<string>();

  /**
   * Adds a call of a controller.
   *
   * @throws SteplockError INVALID_FIELD for an id that is malformed or taken, or a step or group of another plan.
   */
  call<Methods, Name extends keyof Methods, Undo extends keyof Methods = keyof Methods>(
    id: string,
    method: MethodRef<Methods, Name>,
    ...[options = {} as never]: OptionalIfEmpty<CallOptions<Methods, Undo> & WithArgs<ArgsOf<Methods[Name]>>>
  ): StepRef<OutputOf<Methods[Name]>> {
    const {
      with: args = {},
      system = '',
      retry,
      nodes,
      undo,
    } = options as CallOptions<Methods, Undo> & {
      with?: object;
    };
    const onStep = this.#checkReference(id);
    const call = {
      controller: method.controller,
      method: String(method.method),
      system,
      arguments: toWireObject(args, onStep),
    };
    return this.#add(id, options, {
      action: { $case: 'call', value: call },
      retry: toWireRetry(retry),
      nodes: toWireNodes(nodes),
      undo: toWireUndo(undo as UndoOptions<Record<string, never>, string> | undefined, onStep),
    });
  }

  /** Adds a workflow of its own, which an orchestrator plans; the step ends with it, with its output. */
  child<Types>(
    id: string,
    operation: OperationRef<Types>,
    ...[options = {} as never]: OptionalIfEmpty<
      StepOptions & Pick<CallOptions<unknown, never>, 'retry'> & WithArgs<ArgsOf<Types>>
    >
  ): StepRef<OutputOf<Types>> {
    const { with: args = {}, retry } = options as Pick<CallOptions<unknown, never>, 'retry'> & {
      with?: object;
    };
    const value = {
      orchestrator: operation.orchestrator,
      operation: operation.operation,
      arguments: toWireObject(args, this.#checkReference(id)),
    };
    return this.#add(id, options, { action: { $case: 'child', value }, retry: toWireRetry(retry) });
  }

  /** Adds a step that waits for a person's word. */
  approval(id: string, message: string, options: StepOptions = {}): StepRef<ApprovalOutput> {
    return this.#add(id, options, { action: { $case: 'approval', value: { message } } });
  }

  /** Adds a step that waits for a message of that name from outside, which it returns. */
  signal<Payload extends object = JsonObject>(
    id: string,
    name: string,
    options: StepOptions = {},
  ): StepRef<Payload> {
    return this.#add(id, options, { action: { $case: 'signal', value: { name } } });
  }

  /** Adds a group: steps that others can wait for as a whole. Its members name it. */
  group(id: string, options: Pick<StepOptions, 'needs'> = {}): GroupRef {
    this.#take(id, options);
    this.#groups.push({ id, dependsOn: (options.needs ?? []).map((each) => each.id) });
    return { id, isGroup: true, [planOfRef]: this };
  }

  /** The plan as it stands, without an output of its own. */
  build(): TypedPlan<NoOutput>;
  /** The same; its workflow returns this, once it has succeeded. */
  build<const Output extends object>(output: Output): TypedPlan<Resolved<Output>>;
  build(output?: object): TypedPlan<unknown> {
    const shown = output === undefined ? undefined : toWireObject(output, this.#checkReference('output'));
    const plan = Plan.fromPartial({ steps: this.#steps, groups: this.#groups });
    return { plan: shown === undefined ? plan : { ...plan, output: shown } } as TypedPlan<unknown>;
  }

  #add<Output>(id: string, options: StepOptions, own: Partial<StepSpec>): StepRef<Output> {
    this.#take(id, options);
    this.#steps.push({ ...commonSpec(id, options), ...own });
    return { id, output: outputRef<Output>(id), [planOfRef]: this };
  }

  #take(id: string, { needs = [], group }: StepOptions): void {
    if (!idPattern.test(id)) throw invalidField(`steps.${id}`, idRule);
    if (this.#ids.has(id)) throw invalidField(`steps.${id}`, 'is there already');
    const named: readonly Awaited[] = group === undefined ? needs : [...needs, group];
    for (const each of named) {
      if (each[planOfRef] !== this) throw invalidField(`steps.${id}.needs`, `${each.id} is of another plan`);
    }
    this.#ids.add(id);
  }

  /** What the arguments of `id` refer to must be there, or be itself, which an undo may refer to. */
  #checkReference(id: string): (step: string) => void {
    return (step) => {
      if (step !== id && !this.#ids.has(step))
        throw invalidField(`steps.${id}.with`, `refers to the output of ${step}, which is not in this plan`);
    };
  }
}

/** An empty plan. */
export function newPlan(): PlanBuilder {
  return new PlanBuilder();
}

/** Stands for a part of a step's output that the types do not know, by its JSON pointer. */
export function outputAt<T>(step: Awaited, pointer: string): ReturnType<typeof outputRef<T>> {
  return outputRef<T>(step.id, pointer);
}
