/** From the steps that a controller answered to what is stored of them: the same door as for a submitted plan. */
import { isJsonObject, toPlainJson, type JsonValue } from '../base/json.js';
import { errorText, isReason } from '../errors/index.js';
import { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import { StepSpec } from '../gen/wire/steplock/v1/plan.js';
import { freezeAdded, type Addition } from '../model/freeze-added.js';
import { limits } from '../model/limits.js';
import { parseStep } from '../model/parse-plan.js';
import { redactJson } from '../model/secret.js';
import { Violations } from '../model/violations.js';
import { sealSteps, sourcesOf, type Intake } from './plan-intake.js';

/** What the steps come into. */
export interface AdditionFacts extends Addition {
  /** How large the plan is as stored. */
  readonly planBytes: number;
  /** Whose uid secrets are sealed for. */
  readonly secretScope: string;
  /** Secrets of the call that answered, in clear. */
  readonly secrets: ReadonlySet<string>;
}

const place = 'added_steps';

/** The steps as a part of the plan, or what is wrong with them: each place, and the rule that it breaks. */
export function takeAddedSteps(intake: Intake, given: unknown, facts: AdditionFacts): PlanChunk | string {
  const specs = readSpecs(given, facts.secrets);
  if (typeof specs === 'string') return specs;
  const violations = new Violations();
  const drafted = specs.map((spec, index) => parseStep(spec, `${place}[${index}]`, violations));
  const added = freezeAdded(drafted, place, facts, sourcesOf(intake), violations);
  const [first] = violations.list;
  if (first !== undefined) {
    const more = violations.count > 1 ? ` (and ${violations.count - 1} more)` : '';
    return `${first.field}: ${first.description}${more}`;
  }
  try {
    const steps = sealSteps(intake, added.steps, facts.secretScope);
    const chunk: PlanChunk = {
      unitId: '',
      steps: [...steps],
      groups: [],
      methods: [...added.methods],
      output: Buffer.alloc(0),
    };
    return problemOfSize(chunk, facts) ?? chunk;
  } catch (error) {
    if (!isReason(error, 'SECRET_KEY_MISSING')) throw error;
    return `${place}: ${errorText(error)}`;
  }
}

function readSpecs(given: unknown, secrets: ReadonlySet<string>): StepSpec[] | string {
  const json = toPlainJson(given);
  if (!Array.isArray(json)) return `${place}: is no list of steps in JSON`;
  if (json.length > limits.addedStepsMax)
    return `${place}: has ${json.length} steps; at most ${limits.addedStepsMax} are allowed in one answer`;
  const specs: StepSpec[] = [];
  for (const [index, step] of (json as JsonValue[]).entries()) {
    if (!isJsonObject(step)) return `${place}[${index}]: is no steplock.v1.StepSpec`;
    if (hasSecret(step, secrets))
      return `${place}[${index}]: holds a secret in clear: write {"$secret": {"value": "…"}}`;
    try {
      specs.push(StepSpec.fromJSON(step));
    } catch (error) {
      return `${place}[${index}]: is no steplock.v1.StepSpec: ${errorText(error)}`;
    }
  }
  return specs;
}

/** Whether a secret of the call stands in the step where nothing would seal it. */
function hasSecret(step: JsonValue, secrets: ReadonlySet<string>): boolean {
  if (secrets.size === 0) return false;
  const open = JSON.stringify(withoutSecrets(step));
  return open !== JSON.stringify(redactJson(JSON.parse(open) as JsonValue, secrets));
}

function withoutSecrets(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isJsonObject(value)) return value;
  if (Object.keys(value).length === 1 && Object.hasOwn(value, '$secret')) return null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item)]));
}

function problemOfSize(chunk: PlanChunk, { planBytes }: AdditionFacts): string | undefined {
  const bytes = PlanChunk.encode(chunk).finish().length;
  if (bytes > limits.addedBytesMax)
    return `${place}: has ${bytes} bytes as stored; at most ${limits.addedBytesMax} are allowed in one answer`;
  if (planBytes + bytes > limits.planBytesMax)
    return `${place}: makes the plan ${planBytes + bytes} bytes as stored; at most ${limits.planBytesMax} are allowed`;
  return undefined;
}
