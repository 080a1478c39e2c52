/** How commands print one workflow. */
import { GetWorkflowResponse } from '../gen/wire/steplock/v1/workflow_service.js';
import type { Workflow } from '../gen/wire/steplock/v1/workflow.js';
import type { ClientOptions, CliContext } from './context.js';
import { formatSpan, printable, printResult, renderTable } from './output.js';
import { stateNameOf } from './tree.js';

/** The columns of {@link workflowRow}. */
export const workflowHead = ['WORKFLOW', 'STATE', 'TENANT', 'AGE', 'TOOK'];

/** Prints the workflow, why it was stopped, and what of it waits for a person. */
export function printWorkflow(
  { terminal, nowMs }: CliContext,
  options: ClientOptions,
  workflow: Workflow,
): void {
  if (options.output !== 'table') {
    printResult(terminal, options.output, GetWorkflowResponse.toJSON({ workflow }), { head: [], body: [] });
    return;
  }
  const row = workflowRow(workflow, nowMs());
  terminal.out(renderTable(workflowHead, [row]));
  const { stop } = workflow;
  if (stop?.error !== undefined)
    terminal.out(`step ${stop.step}: ${stop.error.reason}: ${printable(stop.error.message)}\n`);
  for (const incident of workflow.incidents) terminal.out(`open: ${incident}\n`);
}

/** A workflow as a row of a table. */
export function workflowRow(workflow: Workflow, nowMs: number): string[] {
  const id = workflow.name.slice('workflows/'.length);
  const age = formatSpan(workflow.createTime, undefined, nowMs);
  const took =
    workflow.startTime === undefined ? '' : formatSpan(workflow.startTime, workflow.endTime, nowMs);
  return [id, stateNameOf(workflow.state), workflow.settings?.tenant ?? '', age, took];
}
