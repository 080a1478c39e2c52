/** Records with what a test does not care about filled in. */
import type { WorkflowId } from '../../src/base/ids.js';
import type { JsonObject } from '../../src/base/json.js';
import type { ControllerDescription, MethodDescription } from '../../src/contract/contract.js';
import {
  UndoKind,
  type PlanChunk,
  type PlanGroup,
  type PlanMethod,
  type PlanStep,
} from '../../src/gen/store/steplock/store/v1/plan.js';
import {
  EffectKind,
  OutcomeState,
  type IncidentRecord,
  type QueueItem,
  type StepRecord,
} from '../../src/gen/store/steplock/store/v1/step.js';
import {
  FailureAction,
  HeadState,
  type ErrorRecord,
  type VerbRecord,
  type WorkflowHead,
} from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import type { StepCall } from '../../src/model/plan.js';
import type { WorkflowKey } from '../../src/store/keys.js';

/** The workflow that tests are about. */
export const workflowKey: WorkflowKey = { shard: 3, id: 'wf' as WorkflowId };

/** JSON as stored. */
export function jsonBytes(value: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** A step of a frozen plan. */
export function planStep(id: string, patch: Partial<PlanStep> = {}): PlanStep {
  return {
    id,
    description: '',
    group: '',
    dependsOn: [],
    impliedDependsOn: [],
    controller: 'c',
    method: 'make',
    system: '',
    arguments: Buffer.alloc(0),
    undoKind: UndoKind.METHOD,
    undoMethod: 'unmake',
    undoArguments: Buffer.alloc(0),
    maxAttempts: 3,
    initialBackoffMs: 1_000,
    maxBackoffMs: 60_000,
    multiplier: 2,
    timeoutMs: 10_000,
    kind: 'call',
    prompt: '',
    neighborhood: '',
    nodeLabels: {},
    locks: [],
    addedBy: '',
    ...patch,
  };
}

/** A part of a plan. */
export function planChunk(
  steps: PlanStep[],
  methods: PlanMethod[] = [],
  groups: PlanGroup[] = [],
): PlanChunk {
  return { unitId: '', steps, groups, methods, output: Buffer.alloc(0) };
}

/** A method as a frozen plan has it. */
export function planMethod(method: string, patch: Partial<PlanMethod> = {}): PlanMethod {
  return {
    controller: 'c',
    method,
    argumentsSchema: '{}',
    outputSchema: '',
    canProbe: false,
    idempotent: false,
    limitClass: method,
    timeoutMs: 20_000,
    maxAttempts: 5,
    initialBackoffMs: 1_000,
    maxBackoffMs: 60_000,
    multiplier: 2,
    ...patch,
  };
}

/** A method as its controller describes it. */
export function methodDescription(name: string, patch: Partial<MethodDescription> = {}): MethodDescription {
  return {
    name,
    description: '',
    argumentsSchema: {},
    outputSchema: undefined,
    undo: 'none-needed',
    limitClass: name,
    timeoutMs: 30_000,
    retry: { maxAttempts: 4, initialBackoffMs: 100, maxBackoffMs: 1_000, multiplier: 3 },
    canProbe: false,
    idempotent: false,
    ...patch,
  };
}

/** A controller that describes these methods. */
export function controllerDescription(...methods: readonly MethodDescription[]): ControllerDescription {
  return { kind: 'test', version: '1', description: '', methods };
}

/** A step as it comes over the wire: a call of `c/make`. */
export function stepSpec(id: string, args: JsonObject = {}, patch: Partial<StepSpec> = {}): StepSpec {
  return {
    id,
    description: '',
    group: '',
    dependsOn: [],
    locks: [],
    action: { $case: 'call', value: { controller: 'c', method: 'make', system: '', arguments: args } },
    ...patch,
  };
}

/** What a step calls. */
export function stepCall(
  description: Partial<PlanMethod> = {},
  retry: Partial<StepCall['retry']> = {},
): StepCall {
  return {
    controller: 'c',
    method: 'make',
    system: '',
    description: planMethod('make', description),
    timeoutMs: 10_000,
    retry: { maxAttempts: 3, initialBackoffMs: 1_000, maxBackoffMs: 60_000, multiplier: 2, ...retry },
  };
}

/** A queue item of step `s`. */
export function queueItem(patch: Partial<QueueItem> = {}): QueueItem {
  return {
    unitId: '',
    workflowId: workflowKey.id,
    uid: 'uid',
    shard: workflowKey.shard,
    stepId: 's',
    controller: 'c',
    method: 'make',
    system: '',
    tenant: 'default',
    priority: 5,
    attempt: 0,
    inDoubt: false,
    failures: 0,
    lostClaims: 0,
    unknownProbes: 0,
    series: 0,
    task: '',
    notBeforeMs: 0,
    delayMs: 0,
    progressPercent: 0,
    progressMessage: '',
    lastAttempts: [],
    queueTimeMs: 1,
    startTimeMs: 0,
    attemptTimeMs: 0,
    effect: EffectKind.NONE,
    neighborhood: '',
    nodeLabels: {},
    limitClass: '',
    permits: [],
    kind: '',
    waitUntilElapsedMs: 0,
    child: '',
    childShard: 0,
    childState: HeadState.UNSPECIFIED,
    childAsked: '',
    secretScope: '',
    traceParent: '',
    ...patch,
  };
}

/** The outcome of a step. */
export function stepRecord(stepId: string, state: OutcomeState, patch: Partial<StepRecord> = {}): StepRecord {
  return {
    unitId: '',
    stepId,
    state,
    effect: state === OutcomeState.UNKNOWN ? EffectKind.UNKNOWN : EffectKind.SOME,
    output: Buffer.alloc(0),
    attempts: 1,
    lastAttempts: [],
    task: '',
    series: 0,
    queueTimeMs: 1,
    startTimeMs: 2,
    endTimeMs: 3,
    incidentId: '',
    permits: [],
    child: '',
    childShard: 0,
    ...patch,
  };
}

/** The head of a running workflow. */
export function workflowHead(patch: Partial<WorkflowHead> = {}): WorkflowHead {
  return {
    unitId: '',
    workflowId: workflowKey.id,
    uid: 'uid',
    state: HeadState.RUNNING,
    tenant: 'default',
    labels: {},
    priority: 5,
    notBeforeMs: 0,
    deadlineMs: 0,
    deadlineAction: FailureAction.ROLL_BACK,
    onFailure: FailureAction.ROLL_BACK,
    cancelRunningOnFailure: false,
    description: '',
    actor: 'tester',
    createTimeMs: 1,
    startTimeMs: 2,
    endTimeMs: 0,
    history: [],
    cancelRunning: false,
    lastLiveRevision: 0,
    traceParent: '',
    requestId: '',
    locks: [],
    elapsedMs: 0,
    callback: '',
    callbackSequence: 0,
    lateLocks: [],
    locksGranted: false,
    formerChildren: [],
    ...patch,
  };
}

/** A verb as it waits for the owner. */
export function verbRecord(verb: string, requestId: string, patch: Partial<VerbRecord> = {}): VerbRecord {
  return {
    unitId: 'verb',
    requestId,
    verb,
    actor: 'olga',
    reason: 'because',
    timeMs: 5,
    step: '',
    keep: false,
    cancelRunning: false,
    output: Buffer.alloc(0),
    digest: 'digest',
    resource: '',
    incidentId: '',
    signal: '',
    child: '',
    childShard: 0,
    childState: HeadState.UNSPECIFIED,
    locks: [],
    ...patch,
  };
}

/** An incident of a step. */
export function incidentRecord(stepId: string, patch: Partial<IncidentRecord> = {}): IncidentRecord {
  return {
    unitId: '',
    incidentId: `${workflowKey.id}.${stepId}.1`,
    workflowId: workflowKey.id,
    stepId,
    effect: EffectKind.UNKNOWN,
    task: '',
    openTimeMs: 4,
    resolveTimeMs: 0,
    ...patch,
  };
}

/** An error of a step. */
export function stepError(patch: Partial<ErrorRecord> = {}): ErrorRecord {
  return { reason: 'CONTROLLER_FAILED', message: 'Boom: it broke', retryable: true, ...patch };
}
