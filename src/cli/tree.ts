/** A workflow as a tree of its steps, for terminals: states, durations, progress; undos beside what they undo. */
import {
  Direction,
  StepState,
  WorkflowState,
  type Step,
  type Workflow,
} from '../gen/wire/steplock/v1/workflow.js';
import { cutLine, stepsThatFit } from './fit.js';
import { formatSpan, printable } from './output.js';

/** How to draw. */
export interface TreeStyle {
  /** Of the terminal; 0 for no limit. */
  readonly columns: number;
  /** Lines at most, the last of them saying how many steps are left out; without it all steps are shown. */
  readonly rows?: number;
  readonly hasColor: boolean;
  readonly nowMs: number;
}

const esc = String.fromCharCode(27);
const colors = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90, bold: 1 } as const;
type Color = keyof typeof colors;

const looks = new Map<StepState, readonly [string, string, Color]>([
  [StepState.PENDING, ['·', 'pending', 'grey']],
  [StepState.WAITING, ['?', 'waiting', 'yellow']],
  [StepState.QUEUED, ['○', 'queued', 'cyan']],
  [StepState.RUNNING, ['●', 'running', 'cyan']],
  [StepState.BACKING_OFF, ['↻', 'backing off', 'yellow']],
  [StepState.SUCCEEDED, ['✔', 'succeeded', 'green']],
  [StepState.FAILED, ['✘', 'failed', 'red']],
  [StepState.SKIPPED, ['»', 'skipped', 'yellow']],
  [StepState.CANCELLED, ['-', 'cancelled', 'grey']],
  [StepState.UNKNOWN, ['!', 'unknown', 'red']],
]);

const endColors = new Map<WorkflowState, Color>([
  [WorkflowState.SUCCEEDED, 'green'],
  [WorkflowState.FAILED, 'red'],
  [WorkflowState.ROLLED_BACK, 'yellow'],
  [WorkflowState.ROLLBACK_BLOCKED, 'red'],
]);

/** The lines of the tree. */
export function renderTree(workflow: Workflow, steps: readonly Step[], style: TreeStyle): string[] {
  const forward = steps.filter((step) => step.direction === Direction.FORWARD);
  const undos = new Map(
    steps.filter((step) => step.direction === Direction.UNDO).map((step) => [step.id, step]),
  );
  const depths = depthsOf(forward);
  const width = Math.max(...forward.map((step) => step.id.length + 2 * (depths.get(step.id) ?? 0)), 8);
  const head = `${stateNameOf(workflow.state)}  ${workflow.name.slice('workflows/'.length)}`;
  const span = formatSpan(workflow.startTime, workflow.endTime, style.nowMs);
  const lines = [
    `${paint(head, endColors.get(workflow.state) ?? 'bold', style)}  ${countsOf(workflow)}  ${span}`,
  ];
  // One line is the head's, one says what is left out, and one is the cursor's.
  const shown = style.rows === undefined ? forward : stepsThatFit(forward, undos, style.rows - 3);
  for (const step of shown) {
    const indent = '  '.repeat(depths.get(step.id) ?? 0);
    const name = `${indent}${step.id}`.padEnd(width);
    lines.push(renderStepLine(name, step, undos.get(step.id), style));
  }
  const leftOut = forward.length - shown.length;
  if (leftOut > 0) lines.push(`  … ${leftOut} more steps`);
  return lines.map((line) => cutLine(line, style.columns));
}

/** One step in plain words, for logs and pipes. */
export function renderPlainStep(step: Step): string {
  const name = step.direction === Direction.UNDO ? `undo.${step.id}` : step.id;
  const [, state] = looks.get(step.state) ?? ['', 'unspecified'];
  const error = step.error === undefined ? '' : `  ${printable(step.error.message)}`;
  return `${name}: ${state}${step.attempts > 1 ? ` (attempt ${step.attempts})` : ''}${error}`;
}

function renderStepLine(name: string, step: Step, undo: Step | undefined, style: TreeStyle): string {
  const parts = [`  ${look(step, style)} ${name}  ${detailOf(step, style)}`];
  if (undo !== undefined) parts.push(`  ↩ ${look(undo, style)} undo ${detailOf(undo, style)}`);
  return parts.join('');
}

function look(step: Step, style: TreeStyle): string {
  const [mark, , color] = looks.get(step.state) ?? ['?', '', 'grey'];
  return paint(mark, color, style);
}

function detailOf(step: Step, style: TreeStyle): string {
  const [, state] = looks.get(step.state) ?? ['', ''];
  const parts = [state];
  const span = formatSpan(step.startTime, step.endTime, style.nowMs);
  if (span !== '') parts.push(span);
  if (step.state === StepState.RUNNING && step.progressPercent > 0) parts.push(`${step.progressPercent}%`);
  if (step.state === StepState.RUNNING && step.progressMessage !== '')
    parts.push(printable(step.progressMessage));
  if (step.attempts > 1) parts.push(`attempt ${step.attempts}`);
  const { action } = step.spec ?? {};
  if (step.state === StepState.WAITING && action?.$case === 'approval')
    parts.push(printable(action.value.message));
  if (step.state === StepState.WAITING && action?.$case === 'signal')
    parts.push(`for signal ${action.value.name}`);
  if (step.child !== '') parts.push(step.child);
  if (step.error !== undefined && step.state !== StepState.SUCCEEDED)
    parts.push(printable(step.error.message));
  return parts.join(' ');
}

/** How far each step stands from the plan's beginning; a chain goes to the right, what is parallel stands level. */
function depthsOf(steps: readonly Step[]): Map<string, number> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const depths = new Map<string, number>();
  const depthMax = 8;
  const depthOf = (id: string, seen: number): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    if (step === undefined || seen > 1_000) return 0;
    const before = step.waitsFor.filter((name) => byId.has(name)).map((name) => depthOf(name, seen + 1) + 1);
    const depth = Math.min(depthMax, Math.max(0, ...before));
    depths.set(id, depth);
    return depth;
  };
  // Steps stand mostly after what they wait for, so that this goes deep for a few only.
  for (const step of steps) depthOf(step.id, 0);
  return depths;
}

function countsOf({ counts }: Workflow): string {
  if (counts === undefined) return '';
  const shown = [
    [counts.running, 'running'],
    [counts.queued, 'queued'],
    [counts.failed, 'failed'],
    [counts.unknown, 'unknown'],
    [counts.undone, 'undone'],
  ] as const;
  const parts = shown.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return [`${counts.succeeded}/${counts.total} done`, ...parts].join(', ');
}

const stateNames = new Map<number, string>(
  Object.entries(WorkflowState).map(([name, value]) => [value, name]),
);

/** A workflow's state by its name. */
export function stateNameOf(state: WorkflowState): string {
  return stateNames.get(state) ?? 'UNKNOWN';
}

const stepStateNames = new Map<number, string>(
  Object.entries(StepState).map(([name, value]) => [value, name]),
);

/** A step's state by its name. */
export function stepStateNameOf(state: StepState): string {
  return stepStateNames.get(state) ?? 'UNKNOWN';
}

function paint(text: string, color: Color, { hasColor }: TreeStyle): string {
  return hasColor ? `${esc}[${colors[color]}m${text}${esc}[0m` : text;
}
