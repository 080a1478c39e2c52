/** Makes of an adapter's facets the controller that the engine calls. */
import type { Clock } from '../base/clock.js';
import { systemClock } from '../base/clock.js';
import type { JsonObject } from '../base/json.js';
import {
  defineController,
  done,
  failed,
  unknown,
  type CallContext,
  type ControllerPort,
  type Effect,
  type ExecuteResult,
  type MethodDefinition,
  type ProbeResult,
} from '../contract/index.js';
import { createSchemaChecker, type SchemaChecker } from '../model/schema.js';
import type { StorageMethod, StorageMethods } from './arguments.js';
import type { StorageAdapter, StorageCall, StorageOperation, StorageQuery } from './facets.js';
import { toCamelKeys, toSnakeKeys } from './json-keys.js';
import { changes, queries, type ChangeMethod, type ChangeRow, type QueryMethod } from './methods.js';
import { StorageRefusal } from './reasons.js';
import { storageSchemas } from './schemas.js';

/** What may be injected. */
export interface StorageControllerOptions {
  /** @default the system's */
  readonly clock?: Clock;
}

interface Setting<H> {
  readonly adapter: StorageAdapter<H>;
  readonly clock: Clock;
  readonly checker: SchemaChecker;
}

/**
 * Makes the controller. It has the methods of the facets that the adapter has; all are idempotent, and those that change
 * something can be probed.
 *
 * @throws TypeError when the adapter breaks a rule of controllers, e.g. in its kind.
 */
export function defineStorageController<H>(
  adapter: StorageAdapter<H>,
  options: StorageControllerOptions = {},
): ControllerPort {
  const setting = { adapter, clock: options.clock ?? systemClock, checker: createSchemaChecker() };
  const methods: Record<string, MethodDefinition> = {};
  for (const name of Object.keys(changes) as ChangeMethod[]) {
    const definition = changeDefinition(setting, name);
    if (definition !== undefined) methods[name] = definition;
  }
  for (const name of Object.keys(queries) as QueryMethod[]) {
    const definition = queryDefinition(setting, name);
    if (definition !== undefined) methods[name] = definition;
  }
  const { kind, version, description } = adapter;
  return defineController({ kind, version, description, methods });
}

function changeDefinition<H>(setting: Setting<H>, method: ChangeMethod): MethodDefinition | undefined {
  const row = rowOf(method);
  const operation = row.operation(setting.adapter);
  if (operation === undefined) return undefined;
  const { jobs } = setting.adapter;
  return {
    description: row.description,
    ...storageSchemas[method],
    undo:
      method === 'expand-volume' && setting.adapter.volumes.restoreSize === undefined
        ? 'irreversible'
        : row.undo,
    limitClass: row.limitClass,
    timeoutMs: row.timeoutMs,
    idempotent: true,
    execute: async (context, args) => await execute(setting, method, operation, context, args),
    probe: async (context, args) => await probe(setting, method, operation, context, args),
    ...(jobs === undefined
      ? {}
      : {
          poll: async (context, task) => await jobs.poll(context, method, task),
          cancel: async (context, task) => {
            await jobs.cancel(context, method, task);
          },
        }),
  };
}

function queryDefinition<H>(setting: Setting<H>, method: QueryMethod): MethodDefinition | undefined {
  const row = queries[method];
  // Each row belongs to its method, which a union of rows does not show.
  const query = row.query(setting.adapter) as StorageQuery<QueryMethod> | undefined;
  if (query === undefined) return undefined;
  return {
    description: row.description,
    ...storageSchemas[method],
    undo: row.undo,
    limitClass: row.limitClass,
    timeoutMs: row.timeoutMs,
    idempotent: true,
    execute: async (context, args) => {
      try {
        return done(toSnakeKeys(await query(context, readArguments(setting, method, args))));
      } catch (error) {
        return answerOf(setting, context, error, 'none');
      }
    },
  };
}

async function execute<H, M extends ChangeMethod>(
  setting: Setting<H>,
  method: M,
  operation: StorageOperation<M, H>,
  context: CallContext,
  args: JsonObject,
): Promise<ExecuteResult> {
  // The same arguments were refused each time, so until they are read nothing was left.
  let trace: { effect: Effect } = { effect: 'none' };
  try {
    const parsed = readChange(setting, method, context, args);
    // A later attempt may stand in for an earlier one that died half way.
    trace = { effect: context.attempt > 1 ? 'unknown' : 'none' };
    return await withCall(setting, method, context, { parsed, trace }, async (call) => {
      const result = await operation.perform(call, parsed);
      return isPending(result) ? result : done(toSnakeKeys(result));
    });
  } catch (error) {
    return answerOf(setting, context, error, trace.effect);
  }
}

async function probe<H, M extends ChangeMethod>(
  setting: Setting<H>,
  method: M,
  operation: StorageOperation<M, H>,
  context: CallContext,
  args: JsonObject,
): Promise<ProbeResult> {
  try {
    const parsed = readChange(setting, method, context, args);
    const trace = { effect: 'unknown' as const };
    return await withCall<H, M, ProbeResult>(setting, method, context, { parsed, trace }, async (call) => {
      const look = await operation.look(call, parsed);
      return look.kind === 'there' ? done(toSnakeKeys(look.output)) : look;
    });
  } catch (error) {
    const refusal = explain(setting, error);
    if (refusal === undefined) throw error;
    return unknown(refusal.message);
  }
}

async function withCall<H, M extends ChangeMethod, T>(
  { adapter, clock }: Setting<H>,
  method: M,
  context: CallContext,
  { parsed, trace }: { readonly parsed: StorageMethods[M][0]; readonly trace: { effect: Effect } },
  work: (call: StorageCall<H>) => Promise<T>,
): Promise<T> {
  const [key, ...former] = ownKeys(context);
  const { workflow, workflowUid, step, tenant } = context;
  const deadline = new AbortController();
  const cancelDeadline = clock.setTimer(context.deadlineMs - clock.nowMs(), () => {
    deadline.abort(new Error(`Call of ${workflow}/${step} is past its deadline`));
  });
  const signal = AbortSignal.any([context.signal, deadline.signal]);
  const objects = rowOf(method).objects(parsed);
  try {
    signal.throwIfAborted();
    return await adapter.guard.hold(context, signal, objects, async (held) => {
      const owner = { key, workflow, workflowUid, step, tenant };
      return await work({ context, held, signal, owner, keys: [key, ...former], trace });
    });
  } finally {
    cancelDeadline();
  }
}

/** The method's row; a lookup by a union of names does not show that they belong together. */
function rowOf<M extends ChangeMethod>(method: M): ChangeRow<M> {
  return changes[method];
}

/** The keys of the step, or for an undo of the undone step; the last one first. */
function ownKeys(context: CallContext): readonly [string, ...string[]] {
  if (context.direction === 'forward') return [context.idempotencyKey, ...context.formerKeys];
  const { step, undone } = context;
  if (undone === undefined) throw new TypeError(`Undo of ${step} does not say what it undoes`);
  return [undone.idempotencyKey, ...undone.formerKeys];
}

function readChange<H, M extends ChangeMethod>(
  setting: Setting<H>,
  method: M,
  context: CallContext,
  args: JsonObject,
): StorageMethods[M][0] {
  const parsed = readArguments(setting, method, args);
  const { needs } = rowOf(method);
  if (needs !== undefined && context.direction === 'forward' && args[needs] === undefined) {
    throw new StorageRefusal(
      'InvalidArguments',
      `Argument ${needs} must be given: ${method} destroys, and a name may be another object's by now`,
    );
  }
  return parsed;
}

/** The engine has checked them, but what comes in here names files and is sent to arrays. */
function readArguments<H, M extends StorageMethod>(
  { checker }: Setting<H>,
  method: M,
  args: JsonObject,
): StorageMethods[M][0] {
  const schema = JSON.stringify(storageSchemas[method].argumentsSchema);
  const [violation] = checker.check(schema, args);
  if (violation === undefined) return toCamelKeys(args);
  // The rule and never the value, which may be a secret.
  const at = violation.at === '' ? 'Arguments' : `Argument ${violation.at.slice(1).replaceAll('/', '.')}`;
  const isSize = violation.at.endsWith('size_bytes') && typeof args['size_bytes'] === 'number';
  throw new StorageRefusal(isSize ? 'InvalidSize' : 'InvalidArguments', `${at} ${violation.description}`);
}

function explain<H>({ adapter }: Setting<H>, error: unknown): StorageRefusal | undefined {
  return error instanceof StorageRefusal ? error : adapter.explain?.(error);
}

function answerOf<H>(
  setting: Setting<H>,
  context: CallContext,
  error: unknown,
  effect: Effect,
): ExecuteResult {
  const refusal = explain(setting, error);
  if (refusal === undefined) throw error;
  const { reason, message, retryable } = refusal;
  context.log.info({ reason, effect }, 'Refused');
  return failed(reason, message, { retryable, effect });
}

function isPending(result: object): result is Extract<ExecuteResult, { kind: 'pending' }> {
  return 'kind' in result && result.kind === 'pending';
}
