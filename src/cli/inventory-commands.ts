/** `steplock system|pool|port|host|initiator …`, and what all kinds of resources have: list, describe, label, forget. */
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import {
  type ListResourcesRequest,
  ListResourcesResponse,
  Resource,
  ResourceKind,
  type InitiatorSpec,
} from '../gen/wire/steplock/v1/inventory_service.js';
import {
  newRequestId,
  UsageError,
  withClient,
  withClientOptions,
  type ClientOptions,
  type CliContext,
} from './context.js';
import { printResult } from './output.js';
import { resourceTable, stateNames } from './resource-views.js';
import { finish, withWait, type WaitOptions } from './wait-option.js';

const pageSize = 1_000;

interface ListOptions extends ClientOptions {
  readonly of?: string;
  readonly label: Readonly<Record<string, string>>;
  readonly state: readonly string[];
}

interface LabelOptions extends ClientOptions {
  readonly label: Readonly<Record<string, string>>;
}

/** A kind as commands call it. */
export interface KindCommands {
  readonly kind: ResourceKind;
  /** Singular, e.g. `volume`. */
  readonly word: string;
  /** First part of its names, e.g. `volumes`. */
  readonly collection: string;
}

/** Reads one `--label KEY=VALUE` after another. */
export function collectLabel(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new UsageError('--label must be KEY=VALUE');
  return { ...before, [key]: value };
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

/** `volumes/x` of `x`, or of itself. */
export function nameOf({ collection }: Pick<KindCommands, 'collection'>, text: string): string {
  return text.includes('/') ? text : `${collection}/${text}`;
}

/** Prints resources of one kind. */
export function printResources(
  context: CliContext,
  options: ClientOptions,
  kind: ResourceKind,
  resources: readonly Resource[],
): void {
  const whole = ListResourcesResponse.toJSON({ resources: [...resources], nextPageToken: '' });
  printResult(context.terminal, options.output, whole, resourceTable(kind, resources));
}

async function listAll(client: SteplockClient, request: ListResourcesRequest): Promise<Resource[]> {
  const resources: Resource[] = [];
  for (let { pageToken } = request; ;) {
    const page = await client.inventory.listResources({ ...request, pageToken });
    resources.push(...page.resources);
    pageToken = page.nextPageToken;
    if (pageToken === '') return resources;
  }
}

/** Adds `list`, `describe` and `label` of a kind. */
export function addReading(
  parent: Command,
  context: CliContext,
  { kind, word, collection }: KindCommands,
): void {
  withClientOptions(parent.command('list'))
    .description(`list ${word}s`)
    .option('--of <name>', 'only of this resource, e.g. systems/array-1 or hosts/web-1')
    .option('--label <key=value>', 'only those with this label; may be repeated', collectLabel, {})
    .option('--state <state>', 'only those in this state; may be repeated', collect, [])
    .action(async (options: ListOptions) => {
      const states = options.state.map((name) => {
        const state = stateNames.get(name);
        if (state !== undefined) return state;
        throw new UsageError(`--state must be one of ${[...stateNames.keys()].join(', ')}`);
      });
      await withClient(options, async (client) => {
        const request = {
          kind,
          of: options.of ?? '',
          labels: options.label,
          states,
          pageSize,
          pageToken: '',
        };
        printResources(
          context,
          options,
          kind,
          await listAll(client, { ...request, labels: { ...options.label } }),
        );
      });
    });
  withClientOptions(parent.command(`describe <${word}>`))
    .description(`show one ${word}`)
    .action(async (text: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const { resource } = await client.inventory.getResource({ name: nameOf({ collection }, text) });
        if (resource === undefined) return;
        printResult(
          context.terminal,
          options.output,
          Resource.toJSON(resource),
          resourceTable(kind, [resource]),
        );
      });
    });
  withClientOptions(parent.command(`label <${word}>`))
    .description('replace its labels')
    .option('--label <key=value>', 'one of its labels from now on; may be repeated', collectLabel, {})
    .action(async (text: string, options: LabelOptions) => {
      await withClient(options, async (client) => {
        const request = { name: nameOf({ collection }, text), etag: '', requestId: newRequestId() };
        const { resource } = await client.inventory.updateResource({
          ...request,
          labels: { ...options.label },
        });
        if (resource !== undefined) printResources(context, options, kind, [resource]);
      });
    });
}

/** Adds what forgets a record; nothing is done on any system. */
export function addForget(
  parent: Command,
  verb: string,
  description: string,
  { word, collection }: KindCommands,
): void {
  withClientOptions(parent.command(`${verb} <${word}>`))
    .description(description)
    .action(async (text: string, options: ClientOptions) => {
      await withClient(options, async (client) => {
        const name = nameOf({ collection }, text);
        await client.inventory.deleteResource({ name, etag: '', requestId: newRequestId() });
      });
    });
}

/** Adds the commands. */
export function addInventoryCommands(program: Command, context: CliContext): void {
  addSystem(program, context);
  const pool = { kind: ResourceKind.POOL, word: 'pool', collection: 'pools' };
  addReading(program.command('pool').description('where volumes take their space from'), context, pool);
  const port = { kind: ResourceKind.PORT, word: 'port', collection: 'ports' };
  addReading(program.command('port').description('where hosts reach systems'), context, port);
  addHost(program, context);
}

function addSystem(program: Command, context: CliContext): void {
  const kind = { kind: ResourceKind.SYSTEM, word: 'system', collection: 'systems' };
  const system = program.command('system').description('register storage systems, and look at them');
  addReading(system, context, kind);
  withWait(withClientOptions(system.command('register <system>')))
    .description('register a storage system by the id that its controller knows it by')
    .requiredOption('--controller <name>', 'which controller serves it')
    .option('--label <key=value>', 'a label; may be repeated', collectLabel, {})
    .action(
      async (systemId: string, options: WaitOptions & LabelOptions & { readonly controller: string }) => {
        await withClient(options, async (client) => {
          const { controller, label, actor } = options;
          const request = { systemId, controller, labels: { ...label }, actor, requestId: newRequestId() };
          await finish(client, (await client.inventory.registerSystem(request)).workflow, context, options);
        });
      },
    );
  withWait(withClientOptions(system.command('discover <system>')))
    .description('ask it anew for its pools and ports')
    .action(async (text: string, options: WaitOptions) => {
      await withClient(options, async (client) => {
        const request = { system: nameOf(kind, text), actor: options.actor, requestId: newRequestId() };
        await finish(client, (await client.inventory.discoverSystem(request)).workflow, context, options);
      });
    });
  addForget(system, 'unregister', 'forget a system that no volume is on; nothing is done to it', kind);
}

interface HostOptions extends LabelOptions {
  readonly initiator: readonly string[];
}

const toSpecs = (names: readonly string[]): InitiatorSpec[] => names.map((name) => ({ name, nodeWwn: '' }));

function addHost(program: Command, context: CliContext): void {
  const kind = { kind: ResourceKind.HOST, word: 'host', collection: 'hosts' };
  const host = program.command('host').description('hosts, which volumes are exported to');
  addReading(host, context, kind);
  withClientOptions(host.command('create <host>'))
    .description('record a host')
    .option('--initiator <name>', 'an IQN, EUI, NQN or WWPN; may be repeated', collect, [])
    .option('--label <key=value>', 'a label; may be repeated', collectLabel, {})
    .action(async (hostId: string, options: HostOptions) => {
      await withClient(options, async (client) => {
        const request = { hostId, labels: { ...options.label }, requestId: newRequestId() };
        const { resource } = await client.inventory.createHost({
          ...request,
          initiators: toSpecs(options.initiator),
        });
        if (resource !== undefined) printResources(context, options, kind.kind, [resource]);
      });
    });
  addForget(host, 'delete', 'forget a host with its initiators', kind);
  const names = { kind: ResourceKind.INITIATOR, word: 'initiator', collection: 'initiators' };
  const initiator = program.command('initiator').description('by which names hosts show themselves');
  addReading(initiator, context, names);
  withClientOptions(initiator.command('add <host> <initiators...>'))
    .description('add initiators to a host')
    .action(async (text: string, initiators: string[], options: ClientOptions) => {
      await withClient(options, async (client) => {
        const request = { host: nameOf(kind, text), initiators: toSpecs(initiators) };
        const { resource } = await client.inventory.addInitiators({ ...request, requestId: newRequestId() });
        if (resource !== undefined) printResources(context, options, kind.kind, [resource]);
      });
    });
  addForget(initiator, 'remove', 'forget an initiator', names);
}
