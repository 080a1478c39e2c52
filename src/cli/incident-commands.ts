/** `steplock incident …`. */
import { Option, type Command } from 'commander';
import { IncidentResolution, ListIncidentsResponse } from '../gen/wire/steplock/v1/incident_service.js';
import {
  newRequestId,
  parseObject,
  withClient,
  withClientOptions,
  withReason,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { printResult } from './output.js';

const pageSize = 1_000;

const resolutions = {
  close: IncidentResolution.CLOSE,
  retry: IncidentResolution.RETRY,
  done: IncidentResolution.DONE,
  undone: IncidentResolution.UNDONE,
  skip: IncidentResolution.SKIP,
  release: IncidentResolution.RELEASE,
} as const;

interface ResolveOptions extends ReasonOptions {
  readonly as: keyof typeof resolutions;
  readonly withOutput?: string;
}

/** Adds the commands. */
export function addIncidentCommands(incident: Command, context: CliContext): void {
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
    .description('say what is to become of an incident')
    .addOption(
      new Option('--as <resolution>', 'what was found out, or is to be done')
        .choices(Object.keys(resolutions))
        .default('close'),
    )
    .option('--with-output <json>', 'with done and skip: what the step is taken to have returned')
    .action(async (id: string, options: ResolveOptions) => {
      const output = parseObject(options.withOutput, '--with-output');
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const resolution = resolutions[options.as];
        const name = `incidents/${id}`;
        const request = { name, requestId: newRequestId(), actor, reason, resolution, output };
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
