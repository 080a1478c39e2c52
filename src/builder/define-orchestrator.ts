/** An orchestrator as its author writes it: operations with schemas, each of which makes a plan. */
import type { JsonObject } from '../base/json.js';
import { idPattern, idRule } from '../base/ids.js';
import {
  defaultRetryPolicy,
  type EndNews,
  type ObjectOf,
  type OrchestratorPort,
  type PlanAnswer,
  type PlanContext,
  type Schema,
  type Typed,
  type TypesOfEach,
} from '../contract/index.js';
import { SteplockError } from '../errors/index.js';
import { Plan } from '../gen/wire/steplock/v1/plan.js';
import { WorkflowSettings } from '../gen/wire/steplock/v1/workflow.js';
import type { TypedPlan } from './plan-builder.js';
import { toWireSettings, type Settings } from './settings.js';

declare const outputOfPlanned: unique symbol;

/** A plan whose workflow returns `Output`. */
export type Planned<Output> = PlanAnswer & { readonly kind: 'planned'; readonly [outputOfPlanned]?: Output };
/** Why there is no plan. */
export type Refused = PlanAnswer & { readonly kind: 'failed' };

/** What of the settings an orchestrator can say; whoever submits says the rest. */
export type PlannedSettings = Pick<
  Settings,
  'description' | 'labels' | 'locks' | 'deadlineMs' | 'deadlineAction' | 'onFailure' | 'runningSteps'
>;

/** Answers with a plan. */
export function planned<Output>(
  { plan }: TypedPlan<Output>,
  settings: PlannedSettings = {},
): Planned<Output> {
  const said = WorkflowSettings.toJSON(toWireSettings(settings)) as JsonObject;
  return { kind: 'planned', plan: Plan.toJSON(plan) as JsonObject, settings: said };
}

/** Answers that there is no plan, and why. */
export function refused(
  reason: string,
  message: string,
  { retryable }: { readonly retryable: boolean },
): Refused {
  return { kind: 'failed', reason, message, retryable };
}

/** An operation, without its types. */
export interface OperationDefinition {
  readonly description: string;
  readonly argumentsSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  /** How long planning may take. @default 1 minute */
  readonly timeoutMs?: number;
  /** Makes the plan. It must have no effect: it is asked again whenever its answer is lost, or it throws. */
  readonly plan: (context: PlanContext, args: JsonObject) => Promise<PlanAnswer>;
}

/** An operation as its author writes it, with the types of its schemas. */
export interface TypedOperationDefinition<Args extends Schema, Output extends Schema> extends Omit<
  OperationDefinition,
  'argumentsSchema' | 'outputSchema' | 'plan'
> {
  readonly argumentsSchema: Args;
  /** What the workflow returns: `plan` has to answer with a plan that does. @default anything */
  readonly outputSchema?: Output;
  readonly plan: (
    context: PlanContext,
    args: ObjectOf<Args>,
  ) => Promise<Planned<Schema extends Output ? unknown : ObjectOf<Output>> | Refused>;
}

/** An operation with the types that its schemas say. */
export function operation<const Args extends Schema, const Output extends Schema = Schema>(
  definition: TypedOperationDefinition<Args, Output>,
): OperationDefinition & Typed<{ args: ObjectOf<Args>; output: ObjectOf<Output> }> {
  // Steplock checks the arguments against the schema before it asks.
  return definition as never;
}

/** An orchestrator as its author writes it. */
export interface OrchestratorDefinition<Operations extends Readonly<Record<string, OperationDefinition>>> {
  readonly kind: string;
  readonly version: string;
  readonly description: string;
  readonly operations: Operations;
  /** Is told how a workflow ended, at least once; throws to be told again. @default nothing is done with it */
  readonly ended?: (news: EndNews) => Promise<void>;
}

const planMsDefault = 60_000;

/**
 * Makes an orchestrator of its definition.
 *
 * @throws TypeError when an operation's name breaks a rule.
 */
export function defineOrchestrator<Operations extends Readonly<Record<string, OperationDefinition>>>(
  definition: OrchestratorDefinition<Operations>,
): OrchestratorPort & Typed<TypesOfEach<Operations>> {
  const operations = new Map(Object.entries(definition.operations));
  for (const name of operations.keys())
    if (!idPattern.test(name)) throw new TypeError(`Operation name ${name} ${idRule}`);
  const { kind, version, description } = definition;
  const methods = [...operations].map(([name, each]) => ({
    name,
    description: each.description,
    argumentsSchema: each.argumentsSchema,
    outputSchema: each.outputSchema,
    undo: undefined,
    limitClass: name,
    timeoutMs: each.timeoutMs ?? planMsDefault,
    retry: defaultRetryPolicy,
    canProbe: false,
    idempotent: true,
  }));
  const port: OrchestratorPort = {
    description: { kind, version, description, methods },
    plan: async (context, name, args) => {
      const found = operations.get(name);
      if (found !== undefined) return await found.plan(context, args);
      throw new SteplockError('CAPABILITY_UNSUPPORTED', `Orchestrator ${kind} has no operation ${name}`, {
        metadata: { capability: name },
      });
    },
    ended: async (news) => {
      await definition.ended?.(news);
    },
  };
  return port as OrchestratorPort & Typed<TypesOfEach<Operations>>;
}
