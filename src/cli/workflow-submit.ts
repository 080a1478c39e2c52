/** `steplock workflow submit` and `steplock workflow plan`: what takes a plan file. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { SteplockError } from '../errors/index.js';
import {
  PlanWorkflowResponse,
  type SubmitWorkflowRequest,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { Workflow, WorkflowState } from '../gen/wire/steplock/v1/workflow.js';
import {
  newRequestId,
  UsageError,
  withClient,
  withClientOptions,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { exitCodes } from './exit-codes.js';
import { follow } from './live.js';
import { printable, printResult } from './output.js';
import { parsePlanFile, type PlanFile } from './plan-file.js';
import { printWorkflow } from './print-workflow.js';

interface SubmitOptions extends ClientOptions {
  readonly file: string;
  readonly wait: boolean;
  readonly requestId?: string;
  readonly actor: string;
  readonly planHash: string;
}

/** Adds `submit`. */
export function addSubmit(parent: Command, context: CliContext): void {
  withClientOptions(parent.command('submit'))
    .description('submit a plan')
    .requiredOption('-f, --file <file>', 'the plan, YAML or JSON; - for standard input')
    .option('-w, --wait', 'follow it to its end', false)
    .option('--request-id <uuid>', 'makes a repeated submission one submission')
    .option('--actor <name>', 'who submits, for the record', '')
    .option('--plan-hash <hash>', 'refuse if the plan is not the one that was previewed', '')
    .addHelpText('after', '\nExample:\n  steplock workflow submit -f plan.yaml --wait\n')
    .action(async (options: SubmitOptions) => {
      const plan = await readPlan(options.file);
      await withClient(options, async (client) => {
        const submitted = await submit(client, plan, options);
        if (options.wait) {
          const isQuiet = options.output !== 'table';
          const ended = await follow(client, submitted.name, context, { untilEnd: false, isQuiet });
          printWorkflow(context, options, ended ?? submitted);
          if (ended?.state !== WorkflowState.SUCCEEDED) context.setExitCode(exitCodes.notSucceeded);
          return;
        }
        printWorkflow(context, options, submitted);
      });
    });
}

async function readPlan(file: string): Promise<PlanFile> {
  const text =
    file === '-'
      ? await readStdin()
      : await readFile(file, 'utf8').catch((error: unknown) => {
          throw new UsageError(`Cannot read ${file}: ${(error as Error).message}`);
        });
  return parsePlanFile(text, file === '-' ? 'stdin' : file);
}

async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function submit(client: SteplockClient, plan: PlanFile, options: SubmitOptions): Promise<Workflow> {
  const request: SubmitWorkflowRequest = {
    requestId: options.requestId ?? newRequestId(),
    workflowId: plan.workflowId,
    settings: plan.settings,
    plan: plan.plan,
    actor: options.actor,
    planHash: options.planHash,
  };
  try {
    const { workflow } = await client.workflows.submitWorkflow(request, { timeoutMs: options.timeout });
    return workflow ?? Workflow.fromPartial({});
  } catch (error) {
    throw withPlaces(error, plan, options.file);
  }
}

/** A refusal with each place as line and column of the file. */
function withPlaces(error: unknown, plan: PlanFile, file: string): unknown {
  if (!(error instanceof SteplockError) || error.violations.length === 0) return error;
  const lines = error.violations.map(({ field, description }) => {
    const place = plan.placeOf(field);
    // One line each: what the server says must not pass for a line of ours.
    return printable(
      place === undefined ? `${field}: ${description}` : `${file}:${place}: ${description} (${field})`,
    );
  });
  return new SteplockError(error.reason, lines.join('\n'), {
    metadata: error.metadata,
    violations: error.violations,
    cause: error,
  });
}

/** Adds `plan`. */
export function addPlan(parent: Command, context: CliContext): void {
  withClientOptions(parent.command('plan'))
    .description('show what a plan would do, without doing it')
    .requiredOption('-f, --file <file>', 'the plan, YAML or JSON; - for standard input')
    .action(async (options: ClientOptions & { readonly file: string }) => {
      const plan = await readPlan(options.file);
      await withClient(options, async (client) => {
        const source = { $case: 'plan' as const, value: plan.plan };
        const response = await client.workflows
          .planWorkflow({ source }, { timeoutMs: options.timeout })
          .catch((error: unknown) => {
            throw withPlaces(error, plan, options.file);
          });
        const body = response.waves.flatMap((wave, index) =>
          wave.steps.map((step) => {
            const undo = response.irreversibleSteps.includes(step)
              ? 'irreversible'
              : (response.undoMethods[step] ?? 'none needed');
            return [String(index + 1), step, undo];
          }),
        );
        printResult(context.terminal, options.output, PlanWorkflowResponse.toJSON(response), {
          head: ['WAVE', 'STEP', 'UNDO'],
          body,
        });
        if (options.output === 'table') context.terminal.out(`plan hash ${response.planHash}\n`);
      });
    });
}
