/** `steplock workflow …`. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { SteplockError } from '../errors/index.js';
import {
  GetWorkflowResponse,
  ListWorkflowsResponse,
  PlanWorkflowResponse,
  type SubmitWorkflowRequest,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { RunningSteps, Workflow, WorkflowState } from '../gen/wire/steplock/v1/workflow.js';
import {
  durationOption,
  newRequestId,
  UsageError,
  withClient,
  withClientOptions,
  withReason,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { exitCodes } from './exit-codes.js';
import { follow } from './live.js';
import { formatSpan, printResult, renderTable } from './output.js';
import { parsePlanFile, type PlanFile } from './plan-file.js';
import { renderTree, stateNameOf } from './tree.js';

interface SubmitOptions extends ClientOptions {
  readonly file: string;
  readonly wait: boolean;
  readonly requestId?: string;
  readonly actor: string;
  readonly planHash: string;
}

interface VerbOptions extends ClientOptions {
  readonly actor: string;
  readonly reason: string;
  readonly keep?: boolean;
  readonly letEnd?: boolean;
}

/** Adds the commands. */
export function addWorkflowCommands(program: Command, context: CliContext): void {
  const workflow = program.command('workflow').description('submit, watch and steer workflows');
  addSubmit(workflow, context);
  addPlan(workflow, context);
  addReads(workflow, context);
  addVerbs(workflow, context);
}

function addSubmit(parent: Command, context: CliContext): void {
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
    return place === undefined ? `${field}: ${description}` : `${file}:${place}: ${description} (${field})`;
  });
  return new SteplockError(error.reason, lines.join('\n'), {
    metadata: error.metadata,
    violations: error.violations,
    cause: error,
  });
}

function addPlan(parent: Command, context: CliContext): void {
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

function addReads(parent: Command, context: CliContext): void {
  withClientOptions(parent.command('get <workflow>'))
    .description('show a workflow with its steps')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const workflow = await getWorkflow(client, name, options);
        if (options.output !== 'table') {
          printWorkflow(context, options, workflow);
          return;
        }
        const steps = await allSteps(client, workflow.name, options);
        const { terminal, nowMs } = context;
        const style = {
          columns: terminal.isTty ? terminal.columns : 0,
          hasColor: terminal.isTty,
          nowMs: nowMs(),
        };
        terminal.out(`${renderTree(workflow, steps, style).join('\n')}\n`);
      });
    });
  withClientOptions(parent.command('list'))
    .description('list workflows, newest first')
    .option('--state <state...>', 'only in these states, e.g. RUNNING')
    .option('--tenant <tenant>', 'only of this tenant', '')
    .option('--label <key=value...>', 'only with these labels')
    .option('--limit <count>', 'at most so many', '50')
    .action(async (options: ListOptions) => {
      await withClient(options, async (client) => {
        const workflows = await listWorkflows(client, options);
        const body = workflows.map((workflow) => listRow(workflow, context.nowMs()));
        const result = ListWorkflowsResponse.toJSON({ workflows, nextPageToken: '' });
        printResult(context.terminal, options.output, result, {
          head: ['WORKFLOW', 'STATE', 'TENANT', 'AGE', 'TOOK'],
          body,
        });
      });
    });
  withClientOptions(parent.command('watch <workflow>'))
    .description('follow a workflow to its end')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const isQuiet = options.output !== 'table';
        const workflow = await follow(client, workflowNameOf(name), context, { untilEnd: true, isQuiet });
        if (workflow !== undefined && isQuiet) printWorkflow(context, options, workflow);
      });
    });
  withClientOptions(parent.command('wait <workflow>'))
    .description('wait until a workflow rests')
    .option('--for <duration>', 'how long', durationOption('--for'), 3_600_000)
    .action(async (name: string, options: ClientOptions & { readonly for: number }) => {
      await withClient(options, async (client) => {
        const workflow = await waitFor(client, name, options.for, context);
        printWorkflow(context, options, workflow);
      });
    });
}

interface ListOptions extends ClientOptions {
  readonly state?: readonly string[];
  readonly tenant: string;
  readonly label?: readonly string[];
  readonly limit: string;
}

async function listWorkflows(client: SteplockClient, options: ListOptions): Promise<Workflow[]> {
  const limit = Number(options.limit);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new UsageError('--limit must be a whole number of at least 1');
  const filter = {
    states: (options.state ?? []).map(parseState),
    tenant: options.tenant,
    labels: parseLabels(options.label ?? []),
  };
  const workflows: Workflow[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(limit - workflows.length, 1_000);
    const page = await client.workflows.listWorkflows(
      { pageSize, pageToken, filter },
      { timeoutMs: options.timeout },
    );
    workflows.push(...page.workflows);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && workflows.length < limit);
  return workflows;
}

function parseState(text: string): WorkflowState {
  const state = Object.entries(WorkflowState).find(([name]) => name === text.toUpperCase())?.[1];
  if (state === undefined) {
    throw new UsageError(`--state ${text} is none of ${Object.keys(WorkflowState).slice(1, -1).join(', ')}`);
  }
  return state;
}

function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new UsageError(`--label ${text} must be key=value`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function listRow(workflow: Workflow, nowMs: number): string[] {
  const id = workflow.name.slice('workflows/'.length);
  const age = formatSpan(workflow.createTime, undefined, nowMs);
  const took =
    workflow.startTime === undefined ? '' : formatSpan(workflow.startTime, workflow.endTime, nowMs);
  return [id, stateNameOf(workflow.state), workflow.settings?.tenant ?? '', age, took];
}

async function waitFor(
  client: SteplockClient,
  name: string,
  forMs: number,
  context: CliContext,
): Promise<Workflow> {
  const untilMs = context.nowMs() + forMs;
  for (;;) {
    const leftMs = Math.max(0, untilMs - context.nowMs());
    const timeoutMs = Math.min(leftMs, 30_000) + 5_000;
    const timeout = { seconds: String(Math.ceil(Math.min(leftMs, 30_000) / 1_000)), nanos: 0 };
    const { workflow, rested } = await client.workflows.waitWorkflow(
      { name: workflowNameOf(name), timeout },
      { timeoutMs, signal: context.signal },
    );
    if (workflow === undefined) continue;
    if (rested && workflow.state !== WorkflowState.SUCCEEDED) context.setExitCode(exitCodes.notSucceeded);
    if (!rested && leftMs === 0) context.setExitCode(exitCodes.timedOut);
    if (rested || leftMs === 0) return workflow;
  }
}

async function getWorkflow(client: SteplockClient, name: string, options: ClientOptions): Promise<Workflow> {
  const { workflow } = await client.workflows.getWorkflow(
    { name: workflowNameOf(name) },
    { timeoutMs: options.timeout },
  );
  return workflow ?? Workflow.fromPartial({});
}

/** All steps of a workflow, page by page. */
export async function allSteps(
  client: SteplockClient,
  parent: string,
  options: ClientOptions,
): Promise<Awaited<ReturnType<SteplockClient['workflows']['listSteps']>>['steps']> {
  const steps = [];
  let pageToken = '';
  do {
    const page = await client.workflows.listSteps(
      { parent, pageSize: 1_000, pageToken, states: [] },
      { timeoutMs: options.timeout },
    );
    steps.push(...page.steps);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return steps;
}

function addVerbs(parent: Command, context: CliContext): void {
  const add = (
    verb: string,
    description: string,
    call: (
      client: SteplockClient,
      name: string,
      options: VerbOptions,
    ) => Promise<{ workflow?: Workflow | undefined }>,
  ): Command =>
    withReason(withClientOptions(parent.command(`${verb} <workflow>`)), false)
      .description(description)
      .action(async (name: string, options: VerbOptions) => {
        await withClient(options, async (client) => {
          const { workflow } = await call(client, workflowNameOf(name), options);
          if (workflow !== undefined) printWorkflow(context, options, workflow);
        });
      });
  const base = (
    name: string,
    { actor, reason }: VerbOptions,
  ): { name: string; requestId: string; actor: string; reason: string } => ({
    name,
    requestId: newRequestId(),
    actor,
    reason,
  });
  add('suspend', 'start nothing new; what runs comes to its end', async (client, name, options) => {
    return await client.workflows.suspendWorkflow(base(name, options));
  });
  add('resume', 'go on with what was suspended', async (client, name, options) => {
    return await client.workflows.resumeWorkflow(base(name, options));
  });
  add('cancel', 'stop a workflow and undo what was done', async (client, name, options) => {
    const runningSteps = options.letEnd === true ? RunningSteps.LET_END : RunningSteps.CANCEL;
    return await client.workflows.cancelWorkflow({
      ...base(name, options),
      keep: options.keep ?? false,
      runningSteps,
    });
  })
    .option('--keep', 'keep what was done')
    .option('--let-end', 'let running steps end');
  add('rollback', 'undo what was done', async (client, name, options) => {
    const runningSteps = RunningSteps.UNSPECIFIED;
    return await client.workflows.rollbackWorkflow({ ...base(name, options), runningSteps });
  });
  add('delete', 'delete a draft or an ended workflow', async (client, name, { actor }) => {
    await client.workflows.deleteWorkflow({ name, requestId: newRequestId(), actor });
    return {};
  });
}

function printWorkflow({ terminal, nowMs }: CliContext, options: ClientOptions, workflow: Workflow): void {
  if (options.output !== 'table') {
    printResult(terminal, options.output, GetWorkflowResponse.toJSON({ workflow }), { head: [], body: [] });
    return;
  }
  const row = listRow(workflow, nowMs());
  terminal.out(renderTable(['WORKFLOW', 'STATE', 'TENANT', 'AGE', 'TOOK'], [row]));
  const { stop } = workflow;
  if (stop?.error !== undefined)
    terminal.out(`step ${stop.step}: ${stop.error.reason}: ${stop.error.message}\n`);
  for (const incident of workflow.incidents) terminal.out(`open: ${incident}\n`);
}
