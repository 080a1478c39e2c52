/** `steplock step …`. */
import type { Command } from 'commander';
import {
  GetStepResponse,
  GetWorkflowResponse,
  ListStepsResponse,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { Direction, type Step } from '../gen/wire/steplock/v1/workflow.js';
import {
  newRequestId,
  parseObject,
  stepNameOf,
  withClient,
  withClientOptions,
  withReason,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { formatSpan, printResult } from './output.js';
import { stateNameOf, stepStateNameOf } from './tree.js';
import { allSteps } from './workflow-commands.js';

interface SkipOptions extends ReasonOptions {
  readonly withOutput?: string;
}

/** Adds the commands. */
export function addStepCommands(step: Command, context: CliContext): void {
  withClientOptions(step.command('list <workflow>'))
    .description('list the steps of a workflow')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const steps = await allSteps(client, workflowNameOf(name), options);
        const result = ListStepsResponse.toJSON({ steps, nextPageToken: '' });
        const body = steps.map((item) => stepRow(item, context.nowMs()));
        printResult(context.terminal, options.output, result, {
          head: ['STEP', 'STATE', 'ATTEMPTS', 'NODE', 'TOOK', 'ERROR'],
          body,
        });
      });
    });
  withClientOptions(step.command('get <workflow/step>'))
    .description('show one step')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.workflows.getStep(
          { name: stepNameOf(name) },
          { timeoutMs: options.timeout },
        );
        const format = options.output === 'table' ? 'yaml' : options.output;
        printResult(context.terminal, format, GetStepResponse.toJSON(response), { head: [], body: [] });
      });
    });
  withReason(withClientOptions(step.command('retry <workflow/step>')), true)
    .description('try a failed or unknown step once more')
    .action(async (name: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const response = await client.workflows.retryStep({
          name: stepNameOf(name),
          requestId: newRequestId(),
          actor,
          reason,
        });
        printState(context, options, response);
      });
    });
  withReason(withClientOptions(step.command('skip <workflow/step>')), true)
    .description('leave a step, or an undo, out')
    .option('--with-output <json>', 'what the step is taken to have returned')
    .action(async (name: string, options: SkipOptions) => {
      const output = parseObject(options.withOutput, '--with-output');
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const request = { name: stepNameOf(name), requestId: newRequestId(), actor, reason, output };
        printState(context, options, await client.workflows.skipStep(request));
      });
    });
  withReason(withClientOptions(step.command('approve <workflow/step>')), false)
    .description('approve what a step asks for')
    .action(async (name: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        printState(context, options, await client.workflows.approveStep(decisionOf(name, options)));
      });
    });
  withReason(withClientOptions(step.command('reject <workflow/step>')), true)
    .description('reject what a step asks for: it fails')
    .action(async (name: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        printState(context, options, await client.workflows.rejectStep(decisionOf(name, options)));
      });
    });
}

interface Decision {
  readonly name: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
}

function decisionOf(name: string, { actor, reason }: ReasonOptions): Decision {
  return { name: stepNameOf(name), requestId: newRequestId(), actor, reason };
}

function printState(
  context: CliContext,
  options: ClientOptions,
  response: { workflow?: GetWorkflowResponse['workflow'] },
): void {
  const { workflow } = response;
  const body = workflow === undefined ? [] : [[workflow.name, stateNameOf(workflow.state)]];
  const result = GetWorkflowResponse.toJSON({ workflow });
  printResult(context.terminal, options.output, result, { head: ['WORKFLOW', 'STATE'], body });
}

function stepRow(step: Step, nowMs: number): string[] {
  const name = step.direction === Direction.UNDO ? `undo.${step.id}` : step.id;
  const took = formatSpan(step.startTime, step.endTime, nowMs);
  return [
    name,
    stepStateNameOf(step.state),
    String(step.attempts),
    step.node,
    took,
    step.error?.message ?? '',
  ];
}
