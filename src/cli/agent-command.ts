/** `steplock agent`: serves the controllers of a file to nodes elsewhere, from the machine whose systems they drive. */
import { Option, type Command } from 'commander';
import { defaultSettings } from '../config/settings.js';
import { loadControllers } from '../controllers/load-controllers.js';
import type { ControllerPort } from '../contract/contract.js';
import { createLogger, logDestination } from '../log/log.js';
import { serveController } from '../remote/serve-controller.js';
import type { Served } from '../remote/serve.js';
import { UsageError, type CliContext } from './context.js';
import { exitCodes } from './exit-codes.js';
import { guardProcess } from './process-guard.js';

interface AgentOptions {
  readonly config: string;
  readonly listen: readonly string[];
  readonly secretDir?: string;
  readonly logLevel: string;
}

/** A controller and where it is to listen. */
interface Place {
  readonly name: string;
  readonly port: ControllerPort;
  readonly address: string;
}

const help = `
Each controller of the file has an address of its own. With one controller in the file, --listen host:port is enough; with
several each needs its name: --listen linux=127.0.0.1:7481 array=127.0.0.1:7482. It prints a line for each that is served,
and runs until SIGINT or SIGTERM. A node is told of it by: steplock controller register NAME HOST:PORT

What is served is not authenticated and not encrypted: let nobody but the nodes reach it.`;

/** Adds the command. */
export function addAgentCommand(program: Command, context: CliContext): void {
  program
    .command('agent')
    .description('serve the controllers of a file to nodes elsewhere')
    .requiredOption('--config <file>', 'YAML file that names the controllers, as for --controllers of a node')
    .requiredOption('--listen <[name=]host:port...>', 'where each of them listens; port 0 for any')
    .option('--secret-dir <directory>', 'directory of files with secrets')
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText('after', help)
    .action(async (options: AgentOptions) => {
      await runAgent(context, options);
    });
}

async function runAgent(context: CliContext, options: AgentOptions): Promise<void> {
  const places = placesOf(await loadControllers(options.config), options.listen);
  const log = createLogger(options.logLevel as 'info', logDestination(context.terminal.isTty));
  const unguard = guardProcess(log, () => process.exit(exitCodes.defect));
  const served: Served[] = [];
  const secrets = {
    env: context.env,
    envPrefix: defaultSettings.secretEnvPrefix,
    directory: options.secretDir,
  };
  try {
    for (const { name, port, address } of places) {
      const one = await serveController(port, { address, log, secrets });
      served.push(one);
      context.terminal.err(`steplock agent serves ${name} at ${one.endpoint}\n`);
    }
    await aborted(context.signal);
  } finally {
    await Promise.all(
      served.map(async (one) => {
        await one.close();
      }),
    );
    unguard();
  }
}

/**
 * Which controller listens where.
 *
 * @throws UsageError naming the option's value that does not fit the file.
 */
function placesOf(controllers: ReadonlyMap<string, ControllerPort>, listen: readonly string[]): Place[] {
  const known = [...controllers.keys()];
  const addresses = new Map<string, string>();
  for (const text of listen) {
    const at = text.indexOf('=');
    const name = at < 0 ? known[0] : text.slice(0, at);
    if (name === undefined || (at < 0 && known.length > 1)) {
      throw new UsageError(`--listen ${text} must name its controller: ${known.join(', ')}`);
    }
    if (!controllers.has(name)) throw new UsageError(`--listen ${text}: the file has no controller ${name}`);
    if (addresses.has(name)) throw new UsageError(`--listen ${text}: ${name} has an address already`);
    addresses.set(name, text.slice(at + 1));
  }
  return [...controllers].map(([name, port]) => {
    const address = addresses.get(name);
    if (address === undefined) throw new UsageError(`--listen must say where ${name} listens`);
    return { name, port, address };
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
