/**
 * Makes of a queued step the call of its controller: the plan's arguments with references resolved and secrets
 * opened, checked against the frozen schema.
 */
import { isUndo, undoneOf, type StepId } from '../base/ids.js';
import { fromUtf8 } from '../base/bytes.js';
import { isDeeperThan, type JsonObject, type JsonValue } from '../base/json.js';
import type { UndoneStep } from '../contract/contract.js';
import type { StepReason } from '../errors/index.js';
import { EffectKind, OutcomeState, StepRecord, type QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { parseArguments } from '../model/check-arguments.js';
import { limits } from '../model/limits.js';
import { callOf, stepOf, type Plan, type StepCall } from '../model/plan.js';
import { findReferences, resolveArguments, UnresolvedReferenceError } from '../model/references.js';
import type { SchemaChecker } from '../model/schema.js';
import { mapSecrets, secretJson, secretScopeOf, type SecretForm } from '../model/secret.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import type { Store } from '../store/store.js';
import type { ControllerDirectory, OutcomeSink, SecretVault } from './ports.js';

/** A call that can be made. */
export interface PreparedCall {
  readonly call: StepCall;
  readonly args: JsonObject;
  /** For an undo: what is known of its step. */
  readonly undone: UndoneStep | undefined;
  /** Every secret in the arguments, in clear: for taking them out of whatever comes back. */
  readonly secrets: ReadonlySet<string>;
}

/** Why a call cannot be made; nothing was sent. */
export class UnpreparedError extends Error {
  override readonly name = 'UnpreparedError';
  readonly reason: StepReason;
  readonly retryable: boolean;

  constructor(reason: StepReason, message: string, retryable: boolean) {
    super(message);
    this.reason = reason;
    this.retryable = retryable;
  }
}

/** What preparing needs. */
export interface PrepareOptions {
  readonly store: Store;
  readonly outcomes: OutcomeSink;
  readonly secrets: SecretVault;
  readonly checker: SchemaChecker;
  readonly controllers: ControllerDirectory;
}

/**
 * Prepares the call.
 *
 * @throws UnpreparedError when a reference or a secret is not there, or the arguments do not fit.
 * @throws SteplockError STORE_UNAVAILABLE.
 */
export async function prepareCall(
  workflow: WorkflowKey,
  item: QueueItem,
  plan: Plan,
  options: PrepareOptions,
): Promise<PreparedCall> {
  const id = item.stepId as StepId;
  const call = callOf(plan, id);
  const records = await readRecords(workflow, recordsNeeded(plan, id), options);
  const resolved = resolve(plan, id, records);
  const secrets = new Set<string>();
  const keepsReferences = options.controllers.find(call.controller)?.resolvesReferences === true;
  // Outputs in the place of references can take it deeper than the plan's own arguments may be.
  if (isDeeperThan(resolved, limits.resolvedDepthMax)) {
    const message = `The arguments, references resolved, are nested deeper than ${limits.resolvedDepthMax} levels`;
    throw new UnpreparedError('INVALID_ARGUMENTS', message, false);
  }
  // An orchestrator passes secrets on into its plan, and must not be able to write them there in clear.
  const isPassedOn = item.kind === 'child';
  const args = isPassedOn
    ? resolved
    : await openSecrets(resolved, secretScopeOf(item), options.secrets, {
        opened: secrets,
        keepsReferences,
      });
  checkResolved(call, args, options.checker);
  return {
    call,
    args,
    secrets,
    undone: isUndo(id) ? undoneStep(item.uid, records.get(undoneOf(id))) : undefined,
  };
}

/** The key of a step's calls: one for all attempts, until an operator retries a known failure. */
export function idempotencyKey(uid: string, step: StepId, series: number): string {
  return `${uid}/${step}/${series}`;
}

/** The keys of the series before that one. */
export function formerKeys(uid: string, step: StepId, series: number): string[] {
  return Array.from({ length: series }, (_, former) => idempotencyKey(uid, step, former));
}

function recordsNeeded(plan: Plan, id: StepId): Set<StepId> {
  const step = stepOf(plan, id);
  const needed = new Set<StepId>();
  const bytes = isUndo(id) ? [step.arguments, step.undoArguments] : [step.arguments];
  for (const reference of bytes.flatMap((part) => findReferences(parseArguments(part)))) {
    if (reference.kind === 'output') needed.add(reference.step as StepId);
  }
  if (isUndo(id)) needed.add(undoneOf(id));
  return needed;
}

async function readRecords(
  workflow: WorkflowKey,
  ids: ReadonlySet<StepId>,
  { store, outcomes }: PrepareOptions,
): Promise<Map<StepId, StepRecord>> {
  const records = new Map<StepId, StepRecord>();
  await Promise.all(
    [...ids].map(async (id) => {
      // An outcome never changes once others depend on it, so what the owner remembers is as good as the store.
      const known = outcomes.peekRecord(workflow, id);
      const kv = known === undefined ? await store.get(keys.step(workflow, id)) : undefined;
      const record = known ?? (kv === undefined ? undefined : decodeRecord(StepRecord, kv));
      if (record !== undefined) records.set(id, record);
    }),
  );
  return records;
}

function outputOf(record: StepRecord | undefined): JsonObject | undefined {
  if (record === undefined || record.output.length === 0) return undefined;
  return JSON.parse(fromUtf8(record.output)) as JsonObject;
}

function resolve(plan: Plan, id: StepId, records: ReadonlyMap<StepId, StepRecord>): JsonObject {
  const step = stepOf(plan, id);
  const output = (from: string): JsonObject | undefined => outputOf(records.get(from as StepId));
  try {
    // A skipped step's dependents may refer to an output that never came.
    const forward = resolveArguments(parseArguments(step.arguments), { output }, isUndo(id));
    if (!isUndo(id) || step.undoArguments.length === 0) return forward;
    const result = output(step.id);
    const sources = { output, args: forward, ...(result === undefined ? {} : { result }) };
    return resolveArguments(parseArguments(step.undoArguments), sources, true);
  } catch (error) {
    if (!(error instanceof UnresolvedReferenceError)) throw error;
    throw new UnpreparedError('UNRESOLVED_REFERENCE', error.message, false);
  }
}

interface Opening {
  /** Gets every text that is opened. */
  readonly opened: Set<string>;
  /** Leave `env` and `file` as they are: the controller looks them up where it runs. */
  readonly keepsReferences: boolean;
}

async function openSecrets(
  args: JsonObject,
  uid: string,
  vault: SecretVault,
  { opened, keepsReferences }: Opening,
): Promise<JsonObject> {
  const isKept = (form: SecretForm): boolean => keepsReferences && ('env' in form || 'file' in form);
  const forms: SecretForm[] = [];
  mapSecrets(args, (form) => {
    if (!isKept(form)) forms.push(form);
    return null;
  });
  if (forms.length === 0) return args;
  const texts = await Promise.all(forms.map(async (form) => await openSecret(form, uid, vault)));
  for (const text of texts) opened.add(text);
  let index = 0;
  return mapSecrets(args, (form): JsonValue =>
    isKept(form) ? secretJson(form) : (texts[index++] ?? ''),
  ) as JsonObject;
}

async function openSecret(form: SecretForm, uid: string, vault: SecretVault): Promise<string> {
  try {
    return await vault.open(form, uid);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'A secret cannot be opened';
    throw new UnpreparedError('UNRESOLVED_REFERENCE', message, true);
  }
}

function checkResolved(call: StepCall, args: JsonObject, checker: SchemaChecker): void {
  const unresolved = findReferences(args).map((reference) => reference.at);
  const [violation] = checker.check(call.description.argumentsSchema, args, unresolved);
  if (violation === undefined) return;
  const message = `Arguments${violation.at} of ${call.controller}/${call.method}: ${violation.description}`;
  throw new UnpreparedError('INVALID_ARGUMENTS', message, false);
}

const undoneStates = new Map<OutcomeState, UndoneStep['state']>([
  [OutcomeState.SUCCEEDED, 'succeeded'],
  [OutcomeState.FAILED, 'failed'],
  [OutcomeState.CANCELLED, 'cancelled'],
]);

const effects = new Map<EffectKind, UndoneStep['effect']>([
  [EffectKind.NONE, 'none'],
  [EffectKind.SOME, 'some'],
]);

function undoneStep(uid: string, record: StepRecord | undefined): UndoneStep {
  const step = (record?.stepId ?? '') as StepId;
  return {
    state: undoneStates.get(record?.state ?? OutcomeState.UNKNOWN) ?? 'unknown',
    effect: effects.get(record?.effect ?? EffectKind.UNKNOWN) ?? 'unknown',
    output: outputOf(record),
    idempotencyKey: idempotencyKey(uid, step, record?.series ?? 0),
    formerKeys: formerKeys(uid, step, record?.series ?? 0),
  };
}
