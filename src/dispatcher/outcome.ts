/** From how a step ended to what is stored of it: output checked and sealed, secrets taken out, limits kept. */
import { isUndo, type StepId } from '../base/ids.js';
import { toUtf8 } from '../base/bytes.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import { incidentFor } from '../engine/incident.js';
import {
  EffectKind,
  OutcomeState,
  type AttemptRecord,
  type IncidentRecord,
  type QueueItem,
  type StepRecord,
} from '../gen/store/steplock/store/v1/step.js';
import { cut, errorRecord, type Settlement } from '../model/attempt.js';
import { limits } from '../model/limits.js';
import type { StepCall } from '../model/plan.js';
import { isSecretSchema, subschema, type SchemaChecker } from '../model/schema.js';
import { redactJson, redactText, secretJson } from '../model/secret.js';
import { childPointer } from '../base/json.js';
import type { ErrorRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { WorkflowKey } from '../store/keys.js';
import type { SecretVault } from './ports.js';

/** What storing an outcome looks at. */
export interface OutcomeContext {
  readonly workflow: WorkflowKey;
  readonly item: QueueItem;
  readonly call: StepCall;
  readonly checker: SchemaChecker;
  readonly vault: SecretVault;
  /** Secrets of the call, in clear. */
  readonly secrets: ReadonlySet<string>;
  readonly nowMs: number;
}

/** The records of an outcome. */
export interface Outcome {
  readonly record: StepRecord;
  readonly incident: IncidentRecord | undefined;
}

/** See the head of this file. */
export function toOutcome(settlement: Settlement, context: OutcomeContext): Outcome {
  const { item, workflow, nowMs } = context;
  const step = item.stepId as StepId;
  const checked = checkOutput(settlement, context);
  const error = hideSecrets(checked.settlement.error, context.secrets);
  const { state, effect } = checked.settlement;
  // An undo that fails stops the rollback: a person has to look at it.
  const needsPerson = settlement.needsPerson || (isUndo(step) && state !== OutcomeState.SUCCEEDED);
  const incident =
    needsPerson && error !== undefined
      ? incidentFor(workflow, step, { error, effect, task: item.task, number: item.attempt, nowMs })
      : undefined;
  const result =
    state === OutcomeState.SUCCEEDED ? 'done' : state === OutcomeState.UNKNOWN ? 'unknown' : 'failed';
  const record: StepRecord = {
    unitId: '',
    stepId: step,
    state,
    effect,
    output: checked.output,
    attempts: item.attempt,
    lastAttempts: withAttempt(item, result, error, nowMs),
    task: state === OutcomeState.SUCCEEDED ? '' : item.task,
    series: item.series,
    queueTimeMs: item.queueTimeMs,
    startTimeMs: item.startTimeMs,
    endTimeMs: nowMs,
    incidentId: incident?.incidentId ?? '',
    ...(error === undefined ? {} : { error }),
    ...(item.claim === undefined ? {} : { claim: item.claim }),
  };
  return { record, incident };
}

/** The item's attempts with the current one ended. */
export function withAttempt(
  item: QueueItem,
  result: string,
  error: ErrorRecord | undefined,
  nowMs: number,
): AttemptRecord[] {
  const attempt: AttemptRecord = {
    number: item.attempt,
    node: item.claim?.node ?? '',
    startTimeMs: item.attemptTimeMs,
    endTimeMs: nowMs,
    result,
    ...(error === undefined ? {} : { error }),
  };
  return [...item.lastAttempts, attempt].slice(-limits.rememberedAttemptsMax);
}

/** The error with secrets taken out. */
export function hideSecrets(
  error: ErrorRecord | undefined,
  secrets: ReadonlySet<string>,
): ErrorRecord | undefined {
  if (error === undefined) return undefined;
  return { ...error, message: cut(redactText(error.message, secrets)) };
}

interface CheckedOutput {
  readonly settlement: Settlement;
  readonly output: Buffer;
}

function checkOutput(settlement: Settlement, context: OutcomeContext): CheckedOutput {
  const none = Buffer.alloc(0);
  if (settlement.output === undefined) return { settlement, output: none };
  const problem = problemOfOutput(settlement.output, context);
  const sealed = problem === undefined ? sealOutput(settlement.output, context) : undefined;
  const bytes = sealed === undefined ? none : Buffer.from(toUtf8(JSON.stringify(sealed)));
  const finding =
    problem ??
    (sealed === undefined ? 'the output holds a secret, and this node has no key to seal it' : undefined) ??
    (bytes.length > limits.outputBytesMax
      ? `the output has ${bytes.length} bytes; at most ${limits.outputBytesMax} are allowed`
      : undefined);
  if (finding === undefined) return { settlement, output: bytes };
  const error = errorRecord('INVALID_OUTPUT', finding, false);
  const { FAILED } = OutcomeState;
  return {
    settlement: { state: FAILED, effect: EffectKind.SOME, output: undefined, error, needsPerson: false },
    output: none,
  };
}

function problemOfOutput(output: JsonObject, { call, checker }: OutcomeContext): string | undefined {
  const schema = call.description.outputSchema;
  if (schema === '') return undefined;
  const [violation] = checker.check(schema, output);
  return violation === undefined ? undefined : `the output${violation.at} ${violation.description}`;
}

/** Seals what the schema calls a secret, and takes the call's secrets out of the rest; undefined without a key. */
function sealOutput(output: JsonObject, context: OutcomeContext): JsonObject | undefined {
  const { call, vault, item, secrets } = context;
  const schema = call.description.outputSchema;
  const parsed = schema === '' ? undefined : (JSON.parse(schema) as JsonObject);
  const unsealed: string[] = [];
  const walk = (value: JsonValue, at: string): JsonValue => {
    if (typeof value === 'string' && parsed !== undefined && isSecretSchema(subschema(parsed, at))) {
      const sealed = vault.seal(value, item.uid);
      if (sealed === undefined) unsealed.push(at);
      return secretJson({ sealed: sealed ?? '' });
    }
    if (Array.isArray(value)) return value.map((entry, index) => walk(entry, childPointer(at, index)));
    if (!isJsonObject(value)) return redactJson(value, secrets);
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [
        redactText(key, secrets),
        walk(entry, childPointer(at, key)),
      ]),
    );
  };
  const sealed = walk(output, '');
  return unsealed.length > 0 ? undefined : (sealed as JsonObject);
}
