/** `steplock queue|claim|node|controller|incident …`. */
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
  newRequestId,
  withClient,
  withClientOptions,
  withReason,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { addControllerCheck } from './controller-check.js';
import { formatSpan, printResult } from './output.js';

const pageSize = 1_000;

interface RegisterOptions extends ClientOptions {
  readonly orchestrator?: boolean;
}

/** Adds the commands. */
export function addClusterCommands(program: Command, context: CliContext): void {
  addQueueCommands(program, context);
  addControllerCommands(program.command('controller').description('see and register controllers'), context);
  addIncidentCommands(program.command('incident').description('see what waits for a person'), context);
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
    .description('register a remote controller or orchestrator')
    .option('--orchestrator', 'the endpoint serves OrchestratorService')
    .action(async (controllerId: string, endpoint: string, options: RegisterOptions) => {
      await withClient(options, async (client) => {
        const orchestrator = options.orchestrator ?? false;
        const request = { controllerId, endpoint, requestId: newRequestId(), orchestrator };
        const response = await client.dispatcher.registerController(request, { timeoutMs: 20_000 });
        const methods = response.controller?.description?.methods.length ?? 0;
        const body = [[controllerId, endpoint, String(methods)]];
        printResult(context.terminal, options.output, RegisterControllerResponse.toJSON(response), {
          head: ['CONTROLLER', 'ENDPOINT', 'METHODS'],
          body,
        });
      });
    });
  addControllerCheck(controller, context);
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
