/** Plans in few words. */
import { msToDuration } from '../../../src/base/duration.js';
import type { JsonObject } from '../../../src/base/json.js';
import { type LockSpec, type Plan, type StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowSettings } from '../../../src/gen/wire/steplock/v1/workflow.js';

/** A part of a step that tests say. */
export interface StepMore {
  readonly needs?: readonly string[];
  readonly with?: JsonObject;
  readonly group?: string;
  readonly locks?: readonly LockSpec[];
  readonly system?: string;
  readonly undo?: StepSpec['undo'];
  readonly attempts?: number;
  readonly timeoutMs?: number;
  readonly controller?: string;
}

/** A step that calls a method of the scripted controller. */
export function step(id: string, method = 'make', more: StepMore = {}): StepSpec {
  return {
    id,
    description: '',
    locks: [...(more.locks ?? [])],
    group: more.group ?? '',
    dependsOn: [...(more.needs ?? [])],
    action: {
      $case: 'call',
      value: {
        controller: more.controller ?? 'test',
        method,
        system: more.system ?? '',
        arguments: more.with,
      },
    },
    undo: more.undo,
    retry:
      more.attempts === undefined
        ? undefined
        : { maxAttempts: more.attempts, initialBackoff: undefined, maxBackoff: undefined, multiplier: 0 },
    timeout: more.timeoutMs === undefined ? undefined : msToDuration(more.timeoutMs),
  };
}

/** A step that waits for a person. */
export function approval(id: string, more: StepMore = {}): StepSpec {
  return { ...step(id, '', more), action: { $case: 'approval', value: { message: `May ${id} go on?` } } };
}

/** A step that waits for a message of that name. */
export function signal(id: string, name: string, more: StepMore = {}): StepSpec {
  return { ...step(id, '', more), action: { $case: 'signal', value: { name } } };
}

/** A step that starts a child. */
export function child(id: string, operation: string, more: StepMore = {}): StepSpec {
  const asked = { orchestrator: more.controller ?? 'desk', operation, arguments: more.with };
  return { ...step(id, '', more), action: { $case: 'child', value: asked } };
}

/** A plan of these steps. */
export function planOf(...steps: readonly StepSpec[]): Plan {
  return { steps: [...steps], groups: [] };
}

/** Steps that each wait for the one before. */
export function chain(...ids: readonly string[]): Plan {
  return planOf(
    ...ids.map((id, index) => step(id, 'make', { needs: ids.slice(Math.max(0, index - 1), index) })),
  );
}

/** Settings with these said. */
export function settings(said: Partial<WorkflowSettings>): WorkflowSettings {
  return { ...WorkflowSettings.fromPartial({}), ...said };
}

/** What stands for another step's output. */
export function output(from: string, pointer = ''): JsonObject {
  return { $output: { step: from, pointer } };
}
