/** Follows a workflow to its rest: a live tree on a terminal, plain lines elsewhere. */
import type { SteplockClient } from '../client/client.js';
import type { WatchWorkflowResponse } from '../gen/wire/steplock/v1/workflow_service.js';
import { Direction, WorkflowState, type Step, type Workflow } from '../gen/wire/steplock/v1/workflow.js';
import { isReason } from '../errors/index.js';
import { sleep, systemClock } from '../base/clock.js';
import type { CliContext } from './context.js';
import { renderPlainStep, renderTree, stateNameOf } from './tree.js';

const esc = String.fromCharCode(27);
const redrawMs = 100;
const reopenMs = 500;
const resting = new Set<WorkflowState>([
  WorkflowState.SUSPENDED,
  WorkflowState.ROLLBACK_SUSPENDED,
  WorkflowState.ROLLBACK_BLOCKED,
  WorkflowState.SUCCEEDED,
  WorkflowState.ROLLED_BACK,
  WorkflowState.CANCELLED,
  WorkflowState.FAILED,
]);

/** How to follow. */
export interface FollowOptions {
  /** Go on when it rests but has not ended. */
  readonly untilEnd: boolean;
  /** Print nothing. */
  readonly isQuiet: boolean;
}

/** Follows the workflow; gives it as it was when it came to rest, or when the signal aborted. */
export async function follow(
  client: SteplockClient,
  name: string,
  context: CliContext,
  options: FollowOptions,
): Promise<Workflow | undefined> {
  const view = options.isQuiet ? undefined : createView(context);
  let last: Workflow | undefined;
  try {
    for await (const { workflow, steps } of watchAgain(client, name, context.signal)) {
      if (workflow === undefined) continue;
      last = workflow;
      view?.update(workflow, steps);
      // Of one that has ended the server ends the stream, after all its steps.
      if (!options.untilEnd && workflow.endTime === undefined && resting.has(workflow.state)) return workflow;
    }
    return last;
  } finally {
    view?.close();
  }
}

/** A watch that is opened again when its node goes away. */
async function* watchAgain(
  client: SteplockClient,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<WatchWorkflowResponse> {
  while (!signal.aborted) {
    try {
      yield* client.workflows.watchWorkflow({ name, startRevision: '0' }, { signal });
      return;
    } catch (error) {
      if (!isReason(error, 'STORE_UNAVAILABLE', 'SHUTTING_DOWN', 'CANCELLED')) throw error;
      await sleep(systemClock, reopenMs, signal).catch(() => undefined);
    }
  }
}

interface View {
  update(workflow: Workflow, steps: readonly Step[]): void;
  close(): void;
}

function createView(context: CliContext): View {
  return context.terminal.isTty ? createTreeView(context) : createPlainView(context);
}

/** One line for each change: for logs, and for people who read with a screen reader. */
function createPlainView({ terminal }: CliContext): View {
  let state: WorkflowState | undefined;
  const shown = new Map<string, string>();
  return {
    update: (workflow, steps) => {
      for (const step of steps) {
        const line = renderPlainStep(step);
        const key = `${step.direction === Direction.UNDO ? 'undo.' : ''}${step.id}`;
        if (shown.get(key) !== line && step.queueTime !== undefined) terminal.out(`${line}\n`);
        shown.set(key, line);
      }
      if (workflow.state !== state) terminal.out(`${workflow.name}: ${stateNameOf(workflow.state)}\n`);
      state = workflow.state;
    },
    close: () => undefined,
  };
}

/** The tree, drawn over itself. */
function createTreeView({ terminal, nowMs, env }: CliContext): View {
  const steps = new Map<string, Step>();
  let workflow: Workflow | undefined;
  let drawn: { readonly lines: number; readonly columns: number; readonly rows: number } | undefined;
  const draw = (isLast: boolean): void => {
    if (workflow === undefined) return;
    const { columns, rows } = terminal;
    const hasColor = env['NO_COLOR'] === undefined;
    // At the end all of it: nothing is drawn over that.
    const limit = isLast || rows <= 0 ? {} : { rows };
    const lines = renderTree(workflow, [...steps.values()], { columns, hasColor, nowMs: nowMs(), ...limit });
    const text = lines.map((line) => `${esc}[2K${line}\n`).join('');
    terminal.out(`${moveBack(drawn, columns, rows)}${text}${esc}[J`);
    drawn = { lines: lines.length, columns, rows };
  };
  const cancel = everyMs(redrawMs, () => {
    draw(false);
  });
  return {
    update: (changed, changedSteps) => {
      workflow = changed;
      for (const step of changedSteps) steps.set(step.name, step);
    },
    close: () => {
      cancel();
      draw(true);
    },
  };
}

/** Moves to where the last drawing begins. A terminal that was resized has wrapped it: nobody knows where that is now. */
function moveBack(
  drawn: { readonly lines: number; readonly columns: number; readonly rows: number } | undefined,
  columns: number,
  rows: number,
): string {
  if (drawn === undefined) return '';
  if (drawn.columns !== columns || drawn.rows !== rows) return `${esc}[H${esc}[2J`;
  return `${esc}[${drawn.lines}A`;
}

function everyMs(periodMs: number, run: () => void): () => void {
  let cancel = (): void => undefined;
  const again = (): void => {
    cancel = systemClock.setTimer(periodMs, () => {
      run();
      again();
    });
  };
  again();
  return () => {
    cancel();
  };
}
