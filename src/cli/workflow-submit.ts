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
  parseObject,
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
  readonly file?: string;
  readonly ask?: string;
  readonly with?: string;
  readonly wait: boolean;
  readonly requestId?: string;
  readonly actor: string;
  readonly planHash: string;
}

/** Adds `submit`. */
export function addSubmit(parent: Command, context: CliContext): void {
  withClientOptions(parent.command('submit'))
    .description('submit a plan, or ask an orchestrator for one and submit that')
    .option('-f, --file <file>', 'the plan, YAML or JSON; - for standard input')
    .option('--ask <orchestrator/operation>', 'in place of a plan: what an orchestrator is to plan')
    .option('--with <json>', 'the arguments of what is asked')
    .option('-w, --wait', 'follow it to its end', false)
    .option('--request-id <uuid>', 'makes a repeated submission one submission')
    .option('--actor <name>', 'who submits, for the record', '')
    .option('--plan-hash <hash>', 'refuse if the plan is not the one that was previewed', '')
    .addHelpText(
      'after',
      '\nExamples:\n  steplock workflow submit -f plan.yaml --wait\n' +
        `  steplock workflow submit --ask storage/provision --with '{"size_gib": 100}' --wait\n`,
    )
    .action(async (options: SubmitOptions) => {
      const submission = await readSubmission(options);
      await withClient(options, async (client) => {
        const submitted = await submission(client);
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

type Submission = (client: SteplockClient) => Promise<Workflow>;

async function readSubmission(options: SubmitOptions): Promise<Submission> {
  const { file, ask } = options;
  if ((file === undefined) === (ask === undefined)) throw new UsageError('Give one of --file and --ask');
  if (file !== undefined) {
    const plan = await readPlan(file);
    return async (client) => await submit(client, plan, { ...options, file });
  }
  const [orchestrator = '', operation = '', ...rest] = (ask ?? '').split('/');
  if (operation === '' || rest.length > 0) throw new UsageError('--ask must be orchestrator/operation');
  const orchestration = { orchestrator, operation, arguments: parseObject(options.with, '--with') };
  return async (client) => {
    const request = { workflowId: '', settings: undefined, plan: undefined, orchestration };
    return await send(client, { ...request, ...commonOf(options) }, options);
  };
}

function commonOf({
  requestId,
  actor,
  planHash,
}: SubmitOptions): Pick<SubmitWorkflowRequest, 'requestId' | 'actor' | 'planHash'> {
  return { requestId: requestId ?? newRequestId(), actor, planHash };
}

async function send(
  client: SteplockClient,
  request: SubmitWorkflowRequest,
  { timeout }: SubmitOptions,
): Promise<Workflow> {
  const { workflow } = await client.workflows.submitWorkflow(request, { timeoutMs: timeout });
  return workflow ?? Workflow.fromPartial({});
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

async function submit(
  client: SteplockClient,
  plan: PlanFile,
  options: SubmitOptions & { readonly file: string },
): Promise<Workflow> {
  const { workflowId, settings } = plan;
  try {
    return await send(client, { workflowId, settings, plan: plan.plan, ...commonOf(options) }, options);
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
