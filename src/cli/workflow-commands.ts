/** `steplock workflow …`: all its commands, and here those that read. */
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { ListWorkflowsResponse } from '../gen/wire/steplock/v1/workflow_service.js';
import { Mark, type Step, Workflow, WorkflowState } from '../gen/wire/steplock/v1/workflow.js';
import {
  durationOption,
  UsageError,
  withClient,
  withClientOptions,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { exitCodes } from './exit-codes.js';
import { follow } from './live.js';
import { printResult } from './output.js';
import { printWorkflow, workflowHead, workflowRow } from './print-workflow.js';
import { renderTree, type TreeStyle } from './tree.js';
import { addPlan, addSubmit } from './workflow-submit.js';
import { addVerbs } from './workflow-verbs.js';

/** Adds the commands. */
export function addWorkflowCommands(program: Command, context: CliContext): void {
  const workflow = program.command('workflow').description('submit, watch and steer workflows');
  addSubmit(workflow, context);
  addPlan(workflow, context);
  addReads(workflow, context);
  addHistory(workflow, context);
  addVerbs(workflow, context);
}

/** The children of these steps, and theirs, each as a tree of its own, further in. */
async function childTrees(
  client: SteplockClient,
  steps: readonly Step[],
  options: ClientOptions,
  style: TreeStyle,
  depth: number,
): Promise<string[]> {
  const lines: string[] = [];
  for (const name of new Set(steps.map(({ child }) => child).filter((child) => child !== ''))) {
    const workflow = await getWorkflow(client, name, options);
    const own = await allSteps(client, name, options);
    lines.push(...renderTree(workflow, own, style).map((line) => `${'  '.repeat(depth)}${line}`));
    lines.push(...(await childTrees(client, own, options, style, depth + 1)));
  }
  return lines;
}

function addHistory(parent: Command, context: CliContext): void {
  withClientOptions(parent.command('history <workflow>'))
    .description('show what operators did to a workflow, and why')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const { history } = await getWorkflow(client, name, options);
        const body = history.map((mark) => [
          mark.time?.toISOString() ?? '',
          mark.actor,
          mark.verb,
          mark.step,
          mark.reason,
        ]);
        printResult(
          context.terminal,
          options.output,
          { history: history.map((mark) => Mark.toJSON(mark)) },
          {
            head: ['TIME', 'ACTOR', 'VERB', 'STEP', 'REASON'],
            body,
          },
        );
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
        for (const line of await childTrees(client, steps, options, style, 1)) terminal.out(`${line}\n`);
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
        const body = workflows.map((workflow) => workflowRow(workflow, context.nowMs()));
        const result = ListWorkflowsResponse.toJSON({ workflows, nextPageToken: '' });
        printResult(context.terminal, options.output, result, {
          head: workflowHead,
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
