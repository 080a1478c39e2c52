/** `steplock queue|claim|controller …`. */
import type { Command } from 'commander';
import { addIncidentCommands } from './incident-commands.js';
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
  type ClientOptions,
  type CliContext,
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
