/** `steplock server` and `steplock dev`: runs a node until it is told to stop. */
import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { createLogger, logDestination } from '../log/log.js';
import { systemRandom } from '../base/random.js';
import { checkSettings, defaultSettings, type NodeSettings, type StoreSettings } from '../config/settings.js';
import { startNode, type SteplockNode } from '../node.js';
import { durationOption, UsageError, type CliContext } from './context.js';
import { exitCodes } from './exit-codes.js';
import { guardProcess } from './process-guard.js';

interface NodeOptions {
  readonly nodeId?: string;
  readonly listen: string;
  readonly capacity: number;
  readonly capacityOf: Readonly<Record<string, string>>;
  readonly label: Readonly<Record<string, string>>;
  readonly leaseTtl: number;
  readonly drainTimeout: number;
  readonly controllers?: string;
  readonly secretKeyFile?: string;
  readonly secretDir?: string;
  readonly incidentWebhook?: string;
  readonly metricsListen?: string;
  readonly retention: number | typeof never;
  readonly retentionExportDir?: string;
  readonly logLevel: string;
  readonly reflection: boolean;
  readonly neighborhood: string;
  readonly etcd?: readonly string[];
  readonly etcdPrefix?: string;
  readonly quotaBytes?: number;
  readonly dataDir?: string;
}

/** Of --retention. */
const never = 'never';

/** Adds the commands. */
export function addServerCommands(program: Command, context: CliContext): void {
  withNodeOptions(program.command('server'))
    .description('run a node of a cluster, on etcd')
    .addOption(
      new Option('--etcd <url...>', "etcd's client URLs")
        .env('STEPLOCK_ETCD_ENDPOINTS')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--etcd-prefix <prefix>', 'what our keys begin with').default(defaultSettings.etcdPrefix),
    )
    .addOption(
      new Option('--quota-bytes <bytes>', "etcd's quota, if its metrics do not tell").argParser(
        wholeNumber('--quota-bytes'),
      ),
    )
    .action(async (options: NodeOptions) => {
      const endpoints = (options.etcd ?? []).flatMap((text) => text.split(',')).map((text) => text.trim());
      const prefix = options.etcdPrefix ?? defaultSettings.etcdPrefix;
      await runNode(context, options, { kind: 'etcd', endpoints, prefix, quotaBytes: options.quotaBytes });
    });
  withNodeOptions(program.command('dev'))
    .description('run a single node with its own store: everything in one process')
    .option('--data-dir <directory>', 'keep the store there; without it everything ends with the process')
    .addOption(
      new Option('--quota-bytes <bytes>', 'limit of the store').argParser(wholeNumber('--quota-bytes')),
    )
    .action(async (options: NodeOptions) => {
      await runNode(context, options, {
        kind: 'embedded',
        dataDir: options.dataDir,
        quotaBytes: options.quotaBytes,
      });
    });
}

function withNodeOptions(command: Command): Command {
  const { listen, capacity } = defaultSettings;
  return command
    .option('--node-id <id>', 'the name of this node; default: made of the host name')
    .option('--listen <host:port>', 'where the API listens', listen)
    .option('--neighborhood <name>', 'the fault domain of this node', '')
    .addOption(
      new Option('--capacity <steps>', 'steps at once')
        .argParser(wholeNumber('--capacity'))
        .default(capacity),
    )
    .addOption(
      new Option('--capacity-of <controller=steps>', 'at most so many steps of a controller; may be repeated')
        .argParser(pair('--capacity-of'))
        .default({}, 'none'),
    )
    .addOption(
      new Option('--label <key=value>', 'what steps can ask for in a node; may be repeated')
        .argParser(pair('--label'))
        .default({}, 'none'),
    )
    .addOption(
      new Option('--lease-ttl <duration>', 'how long its claims outlive it')
        .argParser(durationOption('--lease-ttl'))
        .default(defaultSettings.leaseTtlMs, '5s'),
    )
    .addOption(
      new Option('--drain-timeout <duration>', 'how long calls may take when it ends')
        .argParser(durationOption('--drain-timeout'))
        .default(defaultSettings.drainTimeoutMs, '10s'),
    )
    .addOption(
      new Option(
        '--retention <duration>',
        'how long workflows are kept after their end, or "never" to delete none',
      )
        .argParser((text) => (text === never ? never : durationOption('--retention')(text)))
        .default(defaultSettings.retentionMs, '30d'),
    )
    .option('--retention-export-dir <directory>', 'where they are written to before they are deleted')
    .option('--controllers <file>', 'YAML file that names the controllers of this process')
    .option(
      '--secret-key-file <file>',
      'file with the key that seals secrets (32 bytes, hexadecimal or base64)',
    )
    .option('--secret-dir <directory>', 'directory of files with secrets')
    .addOption(
      new Option('--incident-webhook <url>', 'where each incident that opens is posted to').env(
        'STEPLOCK_INCIDENT_WEBHOOK',
      ),
    )
    .option(
      '--metrics-listen <host:port>',
      'serve /metrics for Prometheus there, over HTTP; default: not at all',
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--reflection', 'let tools such as grpcurl ask what the API offers', false);
}

function wholeNumber(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new UsageError(`${name} must be a whole number`);
    return value;
  };
}

function pair(name: string): (text: string, former: Record<string, string>) => Record<string, string> {
  return (text, former) => {
    const at = text.indexOf('=');
    if (at <= 0) throw new UsageError(`${name} must be key=value`);
    return { ...former, [text.slice(0, at)]: text.slice(at + 1) };
  };
}

async function runNode(context: CliContext, options: NodeOptions, store: StoreSettings): Promise<void> {
  const log = createLogger(options.logLevel as 'info', logDestination(context.terminal.isTty));
  const settings = checkSettings(toSettings(options, store));
  const unguard = guardProcess(log, () => process.exit(exitCodes.defect));
  try {
    await runUntilAborted(context, await startNode(settings, { log, env: context.env }));
  } finally {
    unguard();
  }
}

async function runUntilAborted(context: CliContext, node: SteplockNode): Promise<void> {
  context.terminal.err(`steplock listens at ${node.address}\n`);
  if (!context.signal.aborted) {
    await new Promise<void>((resolve) => {
      context.signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
  }
  await node.close();
}

function toSettings(options: NodeOptions, store: StoreSettings): NodeSettings {
  const { shards, resyncMs, historyMs, secretEnvPrefix } = defaultSettings;
  return {
    nodeId: options.nodeId ?? defaultNodeId(),
    listen: options.listen,
    store,
    neighborhood: options.neighborhood,
    labels: options.label,
    capacity: options.capacity,
    capacityOf: Object.fromEntries(
      Object.entries(options.capacityOf).map(([controller, steps]) => [controller, Number(steps)]),
    ),
    leaseTtlMs: options.leaseTtl,
    shards,
    resyncMs,
    historyMs,
    drainTimeoutMs: options.drainTimeout,
    secretKeyFile: options.secretKeyFile,
    secretDir: options.secretDir,
    secretEnvPrefix,
    retentionMs: options.retention === never ? undefined : options.retention,
    retentionExportDir: options.retentionExportDir,
    controllersFile: options.controllers,
    incidentWebhook: options.incidentWebhook,
    metricsListen: options.metricsListen,
    hasReflection: options.reflection,
  };
}

/** Another one at each start: a restarted node need not wait for its former self to expire. */
function defaultNodeId(): string {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40);
  return `${host === '' ? 'node' : host.replace(/-+$/, '')}-${systemRandom.hex(3)}`;
}
