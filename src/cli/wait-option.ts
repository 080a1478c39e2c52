/** `--wait` of commands that start a workflow. */
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { Workflow, WorkflowState } from '../gen/wire/steplock/v1/workflow.js';
import type { ClientOptions, CliContext } from './context.js';
import { exitCodes } from './exit-codes.js';
import { follow } from './live.js';
import { printWorkflow } from './print-workflow.js';

/** Options of commands that start a workflow. */
export interface WaitOptions extends ClientOptions {
  readonly wait: boolean;
  readonly actor: string;
}

/** Adds them. */
export function withWait(command: Command): Command {
  return command
    .option('-w, --wait', 'follow the workflow to its end', false)
    .option('--actor <name>', 'who asks, for the record', '');
}

/** Prints the workflow, followed to its end if that is wanted; the exit code tells whether it succeeded. */
export async function finish(
  client: SteplockClient,
  workflow: Workflow | undefined,
  context: CliContext,
  options: WaitOptions,
): Promise<void> {
  const started = workflow ?? Workflow.fromPartial({});
  if (!options.wait) {
    printWorkflow(context, options, started);
    return;
  }
  const isQuiet = options.output !== 'table';
  const ended = await follow(client, started.name, context, { untilEnd: false, isQuiet });
  printWorkflow(context, options, ended ?? started);
  if (ended?.state !== WorkflowState.SUCCEEDED) context.setExitCode(exitCodes.notSucceeded);
}
