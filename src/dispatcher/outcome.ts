/** From how a step ended to what is stored of it: output checked and sealed, secrets taken out, limits kept. */
import { isUndo, type StepId } from '../base/ids.js';
import { toUtf8 } from '../base/bytes.js';
import { isDeeperThan, isJsonObject, toPlainJson } from '../base/json.js';
import { incidentFor } from '../engine/incident.js';
import type { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
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
import type { SchemaChecker } from '../model/schema.js';
import { sealOutput } from '../model/seal-output.js';
import { redactText, secretScopeOf } from '../model/secret.js';
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
  /** What the step adds, or what is wrong with that; undefined for nothing. */
  readonly added: PlanChunk | string | undefined;
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
    child: '',
    childShard: 0,
    queueTimeMs: item.queueTimeMs,
    startTimeMs: item.startTimeMs,
    endTimeMs: nowMs,
    incidentId: incident?.incidentId ?? '',
    // Its call may still be going on at the system: it counts until a person has decided.
    permits: state === OutcomeState.UNKNOWN ? item.permits : [],
    ...(error === undefined ? {} : { error }),
    ...(item.claim === undefined ? {} : { claim: item.claim }),
    ...(checked.added === undefined ? {} : { added: checked.added }),
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
  readonly added: PlanChunk | undefined;
}

function checkOutput(settlement: Settlement, context: OutcomeContext): CheckedOutput {
  const { added } = context;
  const none = Buffer.alloc(0);
  if (settlement.output === undefined) return { settlement, output: none, added: undefined };
  const stored = toStored(settlement.output, context);
  if (typeof stored === 'string') return invalid(stored);
  return typeof added === 'string' ? invalid(added) : { settlement, output: stored, added };
}

/** It took effect, and what it answered is of no use: as a failure, so that it is undone. */
function invalid(problem: string): CheckedOutput {
  const error = errorRecord('INVALID_OUTPUT', problem, false);
  const { FAILED } = OutcomeState;
  const none = { output: undefined, steps: undefined };
  return {
    settlement: { ...none, state: FAILED, effect: EffectKind.SOME, error, needsPerson: false },
    output: Buffer.alloc(0),
    added: undefined,
  };
}

/** The output as it is stored: checked, sealed, with the call's secrets taken out of the rest; or what is wrong. */
function toStored(given: unknown, context: OutcomeContext): Buffer | string {
  const { call, vault, item, secrets, checker } = context;
  const output = toPlainJson(given);
  if (!isJsonObject(output)) return 'the output is no JSON object';
  if (isDeeperThan(output, limits.jsonDepthMax))
    return `the output is nested deeper than ${limits.jsonDepthMax} levels`;
  const schema = call.description.outputSchema;
  const [violation] = schema === '' ? [] : checker.check(schema, output);
  if (violation !== undefined) return `the output${violation.at} ${violation.description}`;
  const sealed = sealOutput(output, {
    schema,
    seal: (text) => vault.seal(text, secretScopeOf(item)),
    plain: (text) => redactText(text, secrets),
  });
  if (!sealed.ok) {
    return sealed.why === 'no-key'
      ? `the output${sealed.at} is a secret, and this node has no key to seal it`
      : `the output${sealed.at} is a secret, and only a text can be sealed`;
  }
  const bytes = Buffer.from(toUtf8(JSON.stringify(sealed.output)));
  if (bytes.length <= limits.outputBytesMax) return bytes;
  return `the output has ${bytes.length} bytes; at most ${limits.outputBytesMax} are allowed`;
}
