/** `steplock workflow suspend|resume|cancel|rollback|delete|signal`. */
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { RunningSteps, type Workflow } from '../gen/wire/steplock/v1/workflow.js';
import {
  newRequestId,
  parseObject,
  withClient,
  withClientOptions,
  withReason,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { printWorkflow } from './print-workflow.js';

interface VerbOptions extends ClientOptions {
  readonly actor: string;
  readonly reason: string;
  readonly keep?: boolean;
  readonly letEnd?: boolean;
}

/** Adds them. */
export function addVerbs(parent: Command, context: CliContext): void {
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
  addSignal(parent, context);
}

interface SignalOptions extends ClientOptions {
  readonly actor: string;
  readonly payload?: string;
}

function addSignal(workflow: Command, context: CliContext): void {
  withReason(withClientOptions(workflow.command('signal <workflow> <signal>')), false)
    .description('give a workflow the message that a step waits for')
    .option('--payload <json>', 'the message')
    .action(async (name: string, signal: string, options: SignalOptions) => {
      const payload = parseObject(options.payload, '--payload');
      await withClient(options, async (client) => {
        const { actor } = options;
        const request = { name: workflowNameOf(name), requestId: newRequestId(), actor, signal, payload };
        const { workflow: sent } = await client.workflows.sendSignal(request);
        if (sent !== undefined) printWorkflow(context, options, sent);
      });
    });
}
