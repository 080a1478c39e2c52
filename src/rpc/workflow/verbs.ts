/**
 * Verbs: what operators ask of a workflow. The node that is asked checks what it can, leaves the verb for the
 * workflow's owner, and waits a moment for the owner to take it up, so that the answer shows what came of it.
 */
import { sleep } from '../../base/clock.js';
import { isUndo, type StepId, type WorkflowId } from '../../base/ids.js';
import { isDeeperThan, type JsonObject } from '../../base/json.js';
import { invalidField, SteplockError } from '../../errors/index.js';
import { HeadState, RequestRecord, VerbRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import { RunningSteps, type Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { verbView } from '../../engine/verb-view.js';
import { parseArguments } from '../../model/check-arguments.js';
import { limits } from '../../model/limits.js';
import { callOf, findStep } from '../../model/plan.js';
import { findReferences } from '../../model/references.js';
import { sealOutput } from '../../model/seal-output.js';
import { mapSecrets, secretJson } from '../../model/secret.js';
import { refusalOf, type Verb } from '../../model/verbs.js';
import { stateName } from '../../model/workflow-state.js';
import { keys, type WorkflowKey } from '../../store/keys.js';
import { decodeRecord, encodeRecord } from '../../store/records.js';
import { isAbsent, isUnchanged } from '../../store/store.js';
import type { CallInfo } from '../../grpc/adapter.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkActor, checkRequestId, workflowKey, workflowName } from './names.js';
import { needSealer } from '../../intake/plan-intake.js';
import { readSnapshot, readWorkflow, stepNotFound } from './read.js';
import { operationPending } from './submit.js';

/** What is asked. */
export interface VerbCall {
  readonly verb: Verb;
  readonly workflow: WorkflowKey;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
  /** The request as JSON, for telling a repetition from another. */
  readonly body: unknown;
  readonly step?: StepId;
  readonly keep?: boolean;
  readonly cancelRunning?: boolean;
  readonly output?: JsonObject | undefined;
  /** For break. */
  readonly resource?: string;
  /** For resolve. */
  readonly incidentId?: string;
  /** For signal: its name. */
  readonly signal?: string;
}

const triesMax = 5;
const consumeMsMax = 5_000;

/** Leaves the verb for the owner and gives the workflow as it stands once that has taken it up, or after 5 s. */
export async function askOwner(api: Api, call: VerbCall, info: CallInfo): Promise<Workflow | undefined> {
  checkRequestId(call.requestId);
  const actor = checkActor(call.actor);
  if (Buffer.byteLength(call.reason) > limits.reasonBytesMax) {
    throw invalidField('reason', `must have at most ${limits.reasonBytesMax} bytes`);
  }
  const digest = digestOf(api, call.verb, call.body);
  const known = await findRequest(api, call.requestId, digest);
  const record = known ?? (await leaveVerb(api, { ...call, actor }, digest));
  const consumed = record.consumed ? record : await untilConsumed(api, call.requestId, info);
  if (consumed?.refusal !== undefined) throw illegalTransition(call, consumed.refusal.message);
  if (call.verb === 'delete') return undefined;
  return await readWorkflow(api, workflowKey(api, record.subject as WorkflowId));
}

async function leaveVerb(api: Api, call: VerbCall, digest: string): Promise<RequestRecord> {
  for (let tries = 1; ; tries++) {
    const snapshot = await readSnapshot(api, call.workflow);
    checkCall(snapshot, call);
    const unitId = api.random.hex(8);
    const timeMs = api.clock.nowMs();
    const record = { unitId, digest, subject: call.workflow.id, timeMs, consumed: false };
    const request = rememberRequest(call.requestId, record);
    const verbKey = keys.verb(call.workflow, call.requestId);
    const result = await api.runtime.commit({
      id: unitId,
      compares: [
        request.compare,
        isAbsent(verbKey),
        isUnchanged(keys.head(call.workflow), snapshot.headRevision),
      ],
      ops: [
        request.op,
        { type: 'put', key: verbKey, value: encodeRecord(VerbRecord, toRecord(call, record)) },
      ],
      witness: verbKey,
    });
    if (result.applied) return record;
    const known = await findRequest(api, call.requestId, digest);
    if (known !== undefined) return known;
    // The workflow moved between the look and the verb: look again.
    if (tries >= triesMax) throw operationPending(call.workflow.id);
  }
}

function toRecord(call: VerbCall, request: RequestRecord): VerbRecord {
  return {
    unitId: request.unitId,
    requestId: call.requestId,
    verb: call.verb,
    actor: call.actor,
    reason: call.reason,
    timeMs: request.timeMs,
    step: call.step ?? '',
    keep: call.keep ?? false,
    cancelRunning: call.cancelRunning ?? false,
    output: call.output === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(call.output)),
    digest: request.digest,
    resource: call.resource ?? '',
    incidentId: call.incidentId ?? '',
    signal: call.signal ?? '',
    child: '',
    childShard: 0,
    childState: HeadState.UNSPECIFIED,
    locks: [],
  };
}

/** Refuses at once what the owner would refuse. */
function checkCall(snapshot: WorkflowSnapshot, call: VerbCall): void {
  const { step, workflow } = call;
  if (step !== undefined && findStep(snapshot.plan, step) === undefined)
    throw stepNotFound(workflow.id, step);
  const { resource = '', incidentId = '', signal = '' } = call;
  const view = verbView(snapshot, { step, resource, incidentId, signal });
  const refusal = refusalOf(call.verb, view);
  if (refusal !== undefined) throw illegalTransition(call, refusal, stateName(snapshot.head.state));
}

/**
 * The output that a step is to be skipped with, as it may be stored: checked, and with its secrets sealed.
 *
 * @throws SteplockError INVALID_FIELD when others need it and it is not there, or does not fit; SECRET_KEY_MISSING.
 */
export function takeSkipOutput(
  api: Api,
  { plan, head }: WorkflowSnapshot,
  step: StepId,
  output: JsonObject | undefined,
): JsonObject | undefined {
  // Of what is undone nobody needs an output.
  if (isUndo(step)) return undefined;
  if (output === undefined) {
    const dependent = plan.steps.find((other) => other.id !== step && refersTo(other.arguments, step));
    if (dependent === undefined) return undefined;
    throw invalidField('output', `must be given: step "${dependent.id}" refers to the output of "${step}"`);
  }
  // What is not there is refused with the verb, by name.
  if (findStep(plan, step) === undefined) return undefined;
  if (isDeeperThan(output, limits.jsonDepthMax))
    throw invalidField('output', `is nested deeper than ${limits.jsonDepthMax} levels`);
  const schema = callOf(plan, step).description.outputSchema;
  const [violation] = schema === '' ? [] : api.runtime.checker.check(schema, output);
  if (violation !== undefined) throw invalidField(`output${violation.at}`, violation.description);
  const scope = head.parent?.rootUid ?? head.uid;
  const seal = (text: string): string => needSealer(api.intake).seal(text, scope);
  const sealed = sealOutput(output, { schema, seal, plain: (text) => text });
  if (!sealed.ok) throw invalidField(`output${sealed.at}`, 'is a secret, and only a text can be sealed');
  return sealed.output;
}

/**
 * The payload of a signal as it may be stored: its secrets sealed.
 *
 * @throws SteplockError INVALID_FIELD when it is too large or too deep; SECRET_KEY_MISSING.
 */
export function takePayload(
  api: Api,
  { head }: WorkflowSnapshot,
  payload: JsonObject | undefined,
): JsonObject | undefined {
  if (payload === undefined) return undefined;
  const { jsonDepthMax, workflowOutputBytesMax } = limits;
  if (isDeeperThan(payload, jsonDepthMax))
    throw invalidField('payload', `is nested deeper than ${jsonDepthMax} levels`);
  const scope = head.parent?.rootUid ?? head.uid;
  const sealed = mapSecrets(payload, (secret) => {
    if (!('value' in secret)) return secretJson(secret);
    return secretJson({ sealed: needSealer(api.intake).seal(secret.value, scope) });
  }) as JsonObject;
  const size = Buffer.byteLength(JSON.stringify(sealed));
  if (size <= workflowOutputBytesMax) return sealed;
  throw invalidField('payload', `has ${size} bytes; at most ${workflowOutputBytesMax} are allowed`);
}

function refersTo(args: Uint8Array, step: StepId): boolean {
  return findReferences(parseArguments(args)).some(
    (reference) => reference.kind === 'output' && reference.step === step,
  );
}

/** Whether running steps are to be cancelled. */
export function cancelsRunning(runningSteps: RunningSteps, byDefault: boolean): boolean {
  return runningSteps === RunningSteps.UNSPECIFIED ? byDefault : runningSteps === RunningSteps.CANCEL;
}

async function untilConsumed(
  api: Api,
  requestId: string,
  info: CallInfo,
): Promise<RequestRecord | undefined> {
  const key = keys.request(requestId);
  let wake = (): void => undefined;
  const unsubscribe = api.runtime.cache.subscribe((event) => {
    if (event.key === key) wake();
  });
  const untilMs = api.clock.monotonicMs() + consumeMsMax;
  try {
    while (!info.signal.aborted && api.clock.monotonicMs() < untilMs) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const kv = await api.store.get(key);
      const record = kv === undefined ? undefined : decodeRecord(RequestRecord, kv);
      if (record?.consumed === true) return record;
      await Promise.race([woken, sleep(api.clock, 500)]);
    }
    return undefined;
  } finally {
    unsubscribe();
  }
}

function illegalTransition(call: VerbCall, why: string, state = ''): SteplockError {
  const name =
    call.step === undefined
      ? workflowName(call.workflow.id)
      : `${workflowName(call.workflow.id)}/steps/${call.step}`;
  return new SteplockError('ILLEGAL_TRANSITION', `Cannot ${call.verb} ${name}: ${why}`, {
    metadata: { name, verb: call.verb, state, why },
  });
}
