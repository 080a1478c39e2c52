/** `steplock step|queue|claim|node|controller|incident …`. */
import type { Command } from 'commander';
import { ListIncidentsResponse } from '../gen/wire/steplock/v1/incident_service.js';
import {
  GetControllerResponse,
  ListClaimsResponse,
  ListControllersResponse,
  ListQueueResponse,
  RegisterControllerResponse,
} from '../gen/wire/steplock/v1/dispatcher_service.js';
import {
  GetStepResponse,
  GetWorkflowResponse,
  ListStepsResponse,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { Direction, type Step } from '../gen/wire/steplock/v1/workflow.js';
import { isJsonObject, type JsonObject } from '../base/json.js';
import {
  newRequestId,
  stepNameOf,
  UsageError,
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

const pageSize = 1_000;

/** Adds the commands. */
export function addClusterCommands(program: Command, context: CliContext): void {
  addStepCommands(program.command('step').description('look at steps, retry and skip them'), context);
  addQueueCommands(program, context);
  addControllerCommands(program.command('controller').description('see and register controllers'), context);
  addIncidentCommands(program.command('incident').description('see what waits for a person'), context);
}

function addStepCommands(step: Command, context: CliContext): void {
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
      const output = options.withOutput === undefined ? undefined : parseOutput(options.withOutput);
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const request = { name: stepNameOf(name), requestId: newRequestId(), actor, reason, output };
        printState(context, options, await client.workflows.skipStep(request));
      });
    });
}

function parseOutput(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new UsageError('--with-output must be a JSON object');
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

function addQueueCommands(program: Command, context: CliContext): void {
  withClientOptions(program.command('queue').description('see what waits for a node').command('list'))
    .description('list queued steps')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.dispatcher.listQueue({ pageSize, pageToken: '' });
        const body = response.entries.map((entry) => [
          entry.step,
          String(entry.priority),
          entry.tenant,
          entry.waitsFor,
        ]);
        printResult(context.terminal, options.output, ListQueueResponse.toJSON(response), {
          head: ['STEP', 'PRIORITY', 'TENANT', 'WAITS FOR'],
          body,
        });
      });
    });
  withClientOptions(program.command('claim').description('see which node runs what').command('list'))
    .description('list claims')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.dispatcher.listClaims({ pageSize, pageToken: '' });
        const body = response.claims.map((claim) => [
          claim.step,
          claim.node,
          String(claim.attempt),
          claim.valid ? 'valid' : 'void',
          formatSpan(claim.claimTime, undefined, context.nowMs()),
        ]);
        printResult(context.terminal, options.output, ListClaimsResponse.toJSON(response), {
          head: ['STEP', 'NODE', 'ATTEMPT', 'CLAIM', 'SINCE'],
          body,
        });
      });
    });
}

function addControllerCommands(controller: Command, context: CliContext): void {
  withClientOptions(controller.command('list'))
    .description('list controllers')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.dispatcher.listControllers({});
        const body = response.controllers.map(({ name, endpoint, description }) => [
          name.slice('controllers/'.length),
          endpoint === '' ? 'in the nodes' : endpoint,
          `${description?.kind ?? ''} ${description?.version ?? ''}`,
          String(description?.methods.length ?? 0),
        ]);
        printResult(context.terminal, options.output, ListControllersResponse.toJSON(response), {
          head: ['CONTROLLER', 'ENDPOINT', 'KIND', 'METHODS'],
          body,
        });
      });
    });
  withClientOptions(controller.command('describe <controller>'))
    .description('show the methods of a controller')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.dispatcher.getController({ name: `controllers/${name}` });
        const body = (response.controller?.description?.methods ?? []).map((method) => [
          method.name,
          method.description,
          method.undo?.$case === 'undoMethod' ? method.undo.value.name : (method.undo?.$case ?? 'undeclared'),
        ]);
        printResult(context.terminal, options.output, GetControllerResponse.toJSON(response), {
          head: ['METHOD', 'DESCRIPTION', 'UNDO'],
          body,
        });
      });
    });
  withClientOptions(controller.command('register <controller> <host:port>'))
    .description('register a remote controller')
    .action(async (controllerId: string, endpoint: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const request = { controllerId, endpoint, requestId: newRequestId() };
        const response = await client.dispatcher.registerController(request, { timeoutMs: 20_000 });
        const methods = response.controller?.description?.methods.length ?? 0;
        const body = [[controllerId, endpoint, String(methods)]];
        printResult(context.terminal, options.output, RegisterControllerResponse.toJSON(response), {
          head: ['CONTROLLER', 'ENDPOINT', 'METHODS'],
          body,
        });
      });
    });
  withClientOptions(controller.command('unregister <controller>'))
    .description('forget a remote controller')
    .action(async (name: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        await client.dispatcher.unregisterController({
          name: `controllers/${name}`,
          requestId: newRequestId(),
        });
      });
    });
}

function addIncidentCommands(incident: Command, context: CliContext): void {
  withClientOptions(incident.command('list'))
    .description('list incidents, newest first')
    .option('--all', 'resolved ones too', false)
    .action(async (options: ClientOptions & { readonly all: boolean }) => {
      await withClient(options, async (client) => {
        const response = await client.incidents.listIncidents({
          pageSize,
          pageToken: '',
          includeResolved: options.all,
        });
        const body = response.incidents.map((item) => [
          item.name.slice('incidents/'.length),
          item.resolveTime === undefined ? 'open' : 'resolved',
          item.error?.reason ?? '',
          item.error?.message ?? '',
        ]);
        printResult(context.terminal, options.output, ListIncidentsResponse.toJSON(response), {
          head: ['INCIDENT', 'STATE', 'REASON', 'MESSAGE'],
          body,
        });
      });
    });
  withReason(withClientOptions(incident.command('resolve <incident>')), true)
    .description('say that a person has dealt with an incident of a workflow that has ended')
    .action(async (id: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const request = { name: `incidents/${id}`, requestId: newRequestId(), actor, reason };
        const { incident: resolved } = await client.incidents.resolveIncident(request);
        const format = options.output === 'table' ? 'yaml' : options.output;
        printResult(context.terminal, format, resolved, { head: [], body: [] });
      });
    });
  withClientOptions(incident.command('get <incident>'))
    .description('show one incident')
    .action(async (id: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const { incident: found } = await client.incidents.getIncident({ name: `incidents/${id}` });
        const format = options.output === 'table' ? 'yaml' : options.output;
        printResult(context.terminal, format, found, { head: [], body: [] });
      });
    });
}
