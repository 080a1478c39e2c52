/** From the plan of a request to what is stored: parsed, frozen, hashed, its secrets sealed, cut into chunks. */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import type { ControllerDescription } from '../contract/contract.js';
import { SteplockError } from '../errors/index.js';
import {
  PlanChunk,
  PlanGroup,
  PlanMethod,
  PlanStep,
  type LockNeed,
} from '../gen/store/steplock/store/v1/plan.js';
import type { GroupSpec, StepSpec } from '../gen/wire/steplock/v1/plan.js';
import { hasClearSecret, parseArguments } from '../model/check-arguments.js';
import {
  checkCalls,
  freezePlan,
  planHash,
  type DraftPlaces,
  type DraftPlan,
  type FreezeSources,
} from '../model/freeze-plan.js';
import { limits } from '../model/limits.js';
import { uniteLocks } from '../model/locks.js';
import { parseGroup, parseOutput, parseStep } from '../model/parse-plan.js';
import { createPlan, type Plan } from '../model/plan.js';
import { mapSecrets, secretJson, type Sealer } from '../model/secret.js';
import { Violations } from '../model/violations.js';
import type { SchemaChecker } from '../model/schema.js';

/** What taking a plan in needs. */
export interface Intake {
  /** What controllers and orchestrators say of themselves. */
  readonly controllers: {
    describe(name: string): ControllerDescription | undefined;
    describeOrchestrator(name: string): ControllerDescription | undefined;
  };
  readonly checker: SchemaChecker;
  /** Undefined when the node has no key. */
  readonly sealer: Sealer | undefined;
}

/** The steps and groups of a request, in the form of a draft. */
export type Draft = DraftPlan;

/** A plan ready to be stored. */
export interface FrozenPlan {
  readonly plan: Plan;
  readonly hash: string;
}

/**
 * Parses steps and groups, each by itself.
 *
 * @throws SteplockError INVALID_PLAN naming each place.
 */
export function parseDraft(
  steps: readonly StepSpec[],
  groups: readonly GroupSpec[],
  places: DraftPlaces,
  output?: JsonObject,
): Draft {
  const violations = new Violations();
  // Before anything else looks at each of them.
  if (steps.length > limits.stepsMax) {
    violations.add(
      'TOO_MANY',
      places.steps,
      `has ${steps.length} steps; at most ${limits.stepsMax} are allowed`,
    );
    violations.throwIfAny();
  }
  const draft = {
    steps: steps.map((step, index) => parseStep(step, `${places.steps}[${index}]`, violations)),
    groups: groups.map((group, index) => parseGroup(group, `${places.groups}[${index}]`, violations)),
    output: parseOutput(output, places.steps.replace(/steps$/, 'output'), violations),
  };
  violations.throwIfAny();
  return draft;
}

/**
 * Freezes a draft; secrets that came in clear are still so in what it gives. `areSealed`: it comes out of the store,
 * with its secrets sealed.
 *
 * @throws SteplockError INVALID_PLAN naming each place.
 */
export function freezeDraft(
  intake: Intake,
  draft: Draft,
  places: DraftPlaces,
  areSealed = false,
): FrozenPlan {
  const violations = new Violations();
  const sources = { ...sourcesOf(intake), areSealed };
  const plan = freezePlan(draft, places, sources, violations);
  violations.throwIfAny();
  const digest = intake.sealer;
  return { plan, hash: planHash(plan, (bytes) => withSecrets(bytes, (text) => digest?.digest(text) ?? '')) };
}

/**
 * Checks the calls of new steps each by itself, above all for secrets in clear. What they mean together is checked when
 * the workflow starts.
 *
 * @throws SteplockError INVALID_PLAN naming each place.
 */
export function checkSteps(intake: Intake, draft: Draft, places: DraftPlaces): void {
  const violations = new Violations();
  checkCalls(draft.steps, places.steps, sourcesOf(intake), violations);
  violations.throwIfAny();
}

/** What freezing looks at. */
export function sourcesOf({ controllers, checker }: Intake): FreezeSources {
  return {
    controller: (name) => controllers.describe(name),
    orchestrator: (name) => controllers.describeOrchestrator(name),
    checker,
  };
}

/**
 * The plan with secrets in clear sealed for the workflow.
 *
 * @throws SteplockError SECRET_KEY_MISSING when there are some and the node has no key.
 */
export function sealPlan(intake: Intake, plan: Plan, uid: string): Plan {
  const steps = sealSteps(intake, plan.steps, uid);
  return steps === plan.steps ? plan : createPlan(steps, plan.groups, plan.methods, plan.output);
}

/** As {@link sealPlan}, for the steps of a draft. */
export function sealDraft(intake: Intake, draft: Draft, uid: string): Draft {
  return { ...draft, steps: sealSteps(intake, draft.steps, uid) };
}

/** As {@link sealPlan}, for steps. */
export function sealSteps(intake: Intake, steps: readonly PlanStep[], uid: string): readonly PlanStep[] {
  if (!steps.some(holdsClearSecret)) return steps;
  const sealer = needSealer(intake);
  return steps.map((step) => sealStep(step, sealer, uid));
}

/** @throws SteplockError SECRET_KEY_MISSING when the node has no key. */
export function needSealer(intake: Intake): Sealer {
  if (intake.sealer !== undefined) return intake.sealer;
  const wayOut =
    'send a reference ({"$secret": {"env": …}} or {"file": …}), or start the server with --secret-key-file';
  throw new SteplockError('SECRET_KEY_MISSING', `A secret in clear cannot be sealed here: ${wayOut}`);
}

function holdsClearSecret(step: PlanStep): boolean {
  return hasClearSecret(parseArguments(step.arguments)) || hasClearSecret(parseArguments(step.undoArguments));
}

function sealStep(step: PlanStep, sealer: Sealer, uid: string): PlanStep {
  const seal = (bytes: Uint8Array): Buffer =>
    Buffer.from(withSecrets(bytes, (text) => sealer.seal(text, uid), 'sealed'));
  return { ...step, arguments: seal(step.arguments), undoArguments: seal(step.undoArguments) };
}

/** Arguments with each secret in clear replaced. */
function withSecrets(
  bytes: Uint8Array,
  replace: (text: string) => string,
  form: 'value' | 'sealed' = 'value',
): Uint8Array {
  const args = parseArguments(bytes);
  if (bytes.length === 0 || !hasClearSecret(args)) return bytes;
  const replaced: JsonValue = mapSecrets(args, (secret) => {
    if (!('value' in secret)) return secretJson(secret);
    return form === 'sealed'
      ? secretJson({ sealed: replace(secret.value) })
      : secretJson({ value: replace(secret.value) });
  });
  return Buffer.from(JSON.stringify(isJsonObject(replaced) ? replaced : {}));
}

/**
 * The plan in chunks that each fit into a transaction.
 *
 * @throws SteplockError INVALID_PLAN when the whole is too large.
 */
export function toChunks(
  parts: Draft & { readonly methods: readonly PlanMethod[] },
  place: string,
): PlanChunk[] {
  const chunks: PlanChunk[] = [];
  let chunk = emptyChunk();
  let chunkBytes = 0;
  let bytes = 0;
  const reserve = (size: number): void => {
    bytes += size;
    if (chunkBytes > 0 && chunkBytes + size > limits.planChunkBytesMax) {
      chunks.push(chunk);
      chunk = emptyChunk();
      chunkBytes = 0;
    }
    chunkBytes += size;
  };
  for (const method of parts.methods) {
    reserve(PlanMethod.encode(method).finish().length);
    chunk.methods.push(method);
  }
  for (const group of parts.groups) {
    reserve(PlanGroup.encode(group).finish().length);
    chunk.groups.push(group);
  }
  for (const step of parts.steps) {
    reserve(PlanStep.encode(step).finish().length);
    chunk.steps.push(step);
  }
  if (chunkBytes > 0) chunks.push(chunk);
  if (chunks[0] !== undefined) chunks[0].output = Buffer.from(parts.output);
  checkPlanBytes(bytes, place);
  return chunks;
}

function emptyChunk(): PlanChunk {
  return { unitId: '', steps: [], groups: [], methods: [], output: Buffer.alloc(0) };
}

/** @throws SteplockError INVALID_PLAN when a plan of so many bytes is too large. */
export function checkPlanBytes(bytes: number, place: string): void {
  if (bytes <= limits.planBytesMax) return;
  const violations = new Violations();
  violations.add(
    'TOO_LARGE',
    place,
    `has ${bytes} bytes as stored; at most ${limits.planBytesMax} are allowed`,
  );
  violations.throwIfAny();
}

/** How many bytes chunks have in all. */
export function bytesOf(chunks: readonly PlanChunk[]): number {
  return chunks.reduce((sum, chunk) => sum + PlanChunk.encode(chunk).finish().length, 0);
}

/**
 * What the workflow locks: what it says itself and what its steps say.
 *
 * @throws SteplockError INVALID_PLAN when that is too much.
 */
export function locksOf(own: readonly LockNeed[], plan: Plan, place: string): LockNeed[] {
  const locks = uniteLocks([own, ...plan.steps.map((step) => step.locks)]);
  if (locks.length <= limits.locksMax) return locks;
  const violations = new Violations();
  const names = locks.slice(0, limits.locksMax + 1).map(({ resource }) => resource);
  const rule = `the workflow and its steps lock ${locks.length} resources; at most ${limits.locksMax} are allowed: ${names.join(', ')} …`;
  violations.add('TOO_MANY', place, rule);
  violations.throwIfAny();
  return locks;
}

/** @throws SteplockError PLAN_CHANGED when the caller insisted on another hash. */
export function checkPlanHash(expected: string, actual: string): void {
  if (expected === '' || expected === actual) return;
  throw new SteplockError(
    'PLAN_CHANGED',
    'The plan is not the one that was previewed: its hash is another one',
    {
      metadata: { expected, actual },
    },
  );
}
