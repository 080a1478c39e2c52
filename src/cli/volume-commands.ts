/** `steplock volume|snapshot|export …`. */
import type { Command } from 'commander';
import type { SteplockClient } from '../client/client.js';
import { ResourceKind } from '../gen/wire/steplock/v1/inventory_service.js';
import type { VolumeSpec } from '../gen/wire/steplock/v1/volume_service.js';
import { newRequestId, UsageError, withClient, withClientOptions, type CliContext } from './context.js';
import { addForget, addReading, collectLabel, nameOf, type KindCommands } from './inventory-commands.js';
import { parseSize } from './sizes.js';
import { finish, withWait, type WaitOptions } from './wait-option.js';
import type { Workflow } from '../gen/wire/steplock/v1/workflow.js';

const volumeKind = { kind: ResourceKind.VOLUME, word: 'volume', collection: 'volumes' };
const snapshotKind = { kind: ResourceKind.SNAPSHOT, word: 'snapshot', collection: 'snapshots' };
const exportKind = { kind: ResourceKind.EXPORT, word: 'export', collection: 'exports' };
const systems = { collection: 'systems' };
const hosts = { collection: 'hosts' };

type Labels = Readonly<Record<string, string>>;
type Answer = { readonly workflow?: Workflow | undefined };
/** Calls a service, and gives what it answered with. */
type Work<Options> = (client: SteplockClient, args: string[], options: Options) => Promise<Answer>;

/** Adds the commands. */
export function addVolumeCommands(program: Command, context: CliContext): void {
  addVolume(program, context);
  addSnapshot(program, context);
  addExport(program, context);
}

/** A command that starts a workflow. */
function starting<Options extends WaitOptions>(
  context: CliContext,
  command: Command,
  description: string,
  work: Work<Options>,
): Command {
  return withWait(withClientOptions(command))
    .description(description)
    .action(async (...all: unknown[]) => {
      // commander gives the arguments, then the options, then the command.
      const options = all.at(-2) as Options;
      const args = all.slice(0, -2) as string[];
      await withClient(options, async (client) => {
        await finish(client, (await work(client, args, options)).workflow, context, options);
      });
    });
}

const asked = ({ actor }: WaitOptions): { actor: string; requestId: string } => ({
  actor,
  requestId: newRequestId(),
});

interface CreateOptions extends WaitOptions {
  readonly size: string;
  readonly system: readonly string[];
  readonly count: string;
  readonly pool?: string;
  readonly thick: boolean;
  readonly exportTo: readonly string[];
  readonly label: Labels;
}

function addVolume(program: Command, context: CliContext): void {
  const volume = program.command('volume').description('make, change and delete volumes');
  addReading(volume, context, volumeKind);
  starting<CreateOptions>(
    context,
    volume.command('create [volume]'),
    'make a volume, or several; with --export-to they are exported in the same workflow',
    async (client, [name], options) => {
      const exportHosts = options.exportTo.map((host) => nameOf(hosts, host));
      const volumes = specsOf(name, options);
      return await client.volumes.createVolumes({ volumes, exportHosts, ...asked(options) });
    },
  )
    .requiredOption('--size <size>', 'e.g. 100GiB')
    .requiredOption('--system <system>', 'where; repeated, the volumes take turns', collect, [])
    .option('--count <number>', 'how many; they are called VOLUME-1, VOLUME-2, …', '1')
    .option('--pool <pool>', 'where it takes its space from; default: the system chooses')
    .option('--thick', 'take the space at once', false)
    .option('--export-to <host>', 'export each of them to this host; may be repeated', collect, [])
    .option('--label <key=value>', 'a label; may be repeated', collectLabel, {});
  starting<WaitOptions & { readonly size: string }>(
    context,
    volume.command('expand <volume>'),
    'make it larger, also while it is exported',
    async (client, [name = ''], options) =>
      await client.volumes.expandVolume({
        ...{ volume: nameOf(volumeKind, name), sizeBytes: parseSize(options.size) },
        ...asked(options),
      }),
  ).requiredOption('--size <size>', 'the new size');
  addVolumeCopies(volume, context);
  addForget(
    volume,
    'forget',
    'forget what an ended workflow left in error; nothing is done on its system',
    volumeKind,
  );
}

interface CloneOptions extends WaitOptions {
  readonly from: string;
  readonly size?: string;
  readonly label: Labels;
}

function addVolumeCopies(volume: Command, context: CliContext): void {
  starting<CloneOptions>(
    context,
    volume.command('clone [volume]'),
    'make a volume with the bytes of another one, or of a snapshot',
    async (client, [volumeId = ''], options) =>
      await client.volumes.cloneVolume({
        ...{ volumeId, source: nameOf(volumeKind, options.from), labels: { ...options.label } },
        sizeBytes: options.size === undefined ? '0' : parseSize(options.size),
        ...asked(options),
      }),
  )
    .requiredOption('--from <source>', 'a volume, or snapshots/SNAPSHOT')
    .option('--size <size>', "its size; default: the source's")
    .option('--label <key=value>', 'a label; may be repeated', collectLabel, {});
  starting<WaitOptions & { readonly to: string }>(
    context,
    volume.command('revert <volume>'),
    'take it back to one of its snapshots; what was written since is lost',
    async (client, [name = ''], options) => {
      const target = await meant(client, volumeKind, name);
      const snapshot = nameOf(snapshotKind, options.to);
      return await client.volumes.revertVolume({
        volume: target.name,
        uid: target.uid,
        snapshot,
        ...asked(options),
      });
    },
  ).requiredOption('--to <snapshot>', 'the snapshot');
  starting(
    context,
    volume.command('delete <volume>'),
    'destroy it, unless it is in use',
    async (client, [name = ''], options) => {
      const target = await meant(client, volumeKind, name);
      return await client.volumes.deleteVolume({ volume: target.name, uid: target.uid, ...asked(options) });
    },
  );
}

function addSnapshot(program: Command, context: CliContext): void {
  const snapshot = program.command('snapshot').description('make and delete snapshots of volumes');
  addReading(snapshot, context, snapshotKind);
  starting<WaitOptions & { readonly label: Labels }>(
    context,
    snapshot.command('create <volume> [snapshot]'),
    'keep what a volume is at this moment',
    async (client, [volume = '', snapshotId = ''], options) =>
      await client.volumes.createSnapshot({
        ...{ volume: nameOf(volumeKind, volume), snapshotId, labels: { ...options.label } },
        ...asked(options),
      }),
  ).option('--label <key=value>', 'a label; may be repeated', collectLabel, {});
  starting(
    context,
    snapshot.command('delete <snapshot>'),
    'destroy it',
    async (client, [name = ''], options) => {
      const target = await meant(client, snapshotKind, name);
      return await client.volumes.deleteSnapshot({
        snapshot: target.name,
        uid: target.uid,
        ...asked(options),
      });
    },
  );
  addForget(
    snapshot,
    'forget',
    'forget what an ended workflow left in error; nothing is done on its system',
    snapshotKind,
  );
}

function addExport(program: Command, context: CliContext): void {
  const exporting = program.command('export').description('let hosts use volumes');
  addReading(exporting, context, exportKind);
  starting<WaitOptions & { readonly initiator: readonly string[] }>(
    context,
    exporting.command('create <volume> <host>'),
    'let a host use a volume',
    async (client, [volume = '', host = ''], options) =>
      await client.volumes.exportVolume({
        ...{ volume: nameOf(volumeKind, volume), host: nameOf(hosts, host), chap: undefined },
        ...{ initiators: [...options.initiator], ...asked(options) },
      }),
  ).option('--initiator <name>', 'of a host that is recorded on the way; may be repeated', collect, []);
  starting(
    context,
    exporting.command('delete <volume> <host>'),
    'end the use of a volume by a host',
    async (client, [volume = '', host = ''], options) =>
      await client.volumes.unexportVolume({
        ...{ volume: nameOf(volumeKind, volume), host: nameOf(hosts, host) },
        ...asked(options),
      }),
  );
  addForget(
    exporting,
    'forget',
    'forget what an ended workflow left in error; nothing is done on its system',
    exportKind,
  );
}

/** Which one has the name now: a delete means that one, whatever has the name by the time it runs. */
async function meant(
  client: SteplockClient,
  kind: KindCommands,
  text: string,
): Promise<{ readonly name: string; readonly uid: string }> {
  const name = nameOf(kind, text);
  const { resource } = await client.inventory.getResource({ name });
  return { name, uid: resource?.uid ?? '' };
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function specsOf(name: string | undefined, options: CreateOptions): VolumeSpec[] {
  const count = Number(options.count);
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw new UsageError('--count must be 1 to 1000');
  const sizeBytes = parseSize(options.size);
  return Array.from({ length: count }, (_, index) => ({
    volumeId: name === undefined ? '' : count === 1 ? name : `${name}-${index + 1}`,
    system: nameOf(systems, options.system[index % options.system.length] ?? ''),
    sizeBytes,
    pool: options.pool ?? '',
    thick: options.thick,
    labels: { ...options.label },
  }));
}
