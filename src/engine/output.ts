/** What a workflow returns: its plan's output with the outputs of its steps in place. Pure. */
import { fromUtf8 } from '../base/bytes.js';
import type { StepId } from '../base/ids.js';
import type { JsonObject } from '../base/json.js';
import type { StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { parseArguments } from '../model/check-arguments.js';
import type { Plan } from '../model/plan.js';
import { resolveArguments } from '../model/references.js';
import type { Entry } from './run.js';

/** It, or undefined if the plan says none. A property that refers to an output that never came is left out. */
export function resolveOutput(
  plan: Plan,
  records: ReadonlyMap<StepId, Entry<StepRecord>>,
): JsonObject | undefined {
  if (plan.output.length === 0) return undefined;
  const output = (step: string): JsonObject | undefined => {
    const bytes = records.get(step as StepId)?.record.output;
    if (bytes === undefined || bytes.length === 0) return undefined;
    return JSON.parse(fromUtf8(bytes)) as JsonObject;
  };
  return resolveArguments(parseArguments(plan.output), { output }, true);
}
