/** What every command works with: where it prints, whom it talks to, how it ends. */
import { isJsonObject, type JsonObject } from '../base/json.js';
import { userInfo, hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { connect, type SteplockClient } from '../client/client.js';
import { newUuid } from '../base/ids.js';
import { systemRandom } from '../base/random.js';
import { InvalidSettingError, parseDurationMs } from '../config/settings.js';
import type { OutputFormat, Terminal } from './output.js';

/** See above. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Sets what the process exits with. */
  readonly setExitCode: (code: number) => void;
}

/** The options of every command that talks to a node. */
export interface ClientOptions {
  readonly server: string;
  readonly output: OutputFormat;
  readonly timeout: number;
}

/** Thrown for a command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Adds the options of every command that talks to a node. */
export function withClientOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-s, --server <host:port>', 'the node to talk to')
        .env('STEPLOCK_SERVER')
        .default('127.0.0.1:7480'),
    )
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table'),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long a call may take')
        .argParser(timeoutOption)
        .default(10_000, '10s'),
    );
}

/** Options of commands that change something. */
export interface ReasonOptions extends ClientOptions {
  readonly actor: string;
  readonly reason: string;
}

/** Adds who acts and why. */
export function withReason(command: Command, isRequired: boolean): Command {
  command.addOption(
    new Option('--actor <name>', 'who acts, for the record')
      .env('STEPLOCK_ACTOR')
      .default(defaultActor(), 'user@host'),
  );
  return isRequired
    ? command.requiredOption('--reason <text>', 'why, for the record')
    : command.option('--reason <text>', 'why, for the record', '');
}

/** Parses a duration option. */
export function durationOption(name: string): (text: string) => number {
  return (text) => {
    try {
      return parseDurationMs(text, name);
    } catch (error) {
      if (error instanceof InvalidSettingError) throw new UsageError(error.message);
      throw error;
    }
  };
}

/** Parses `--timeout`: without any time nothing can be answered. */
function timeoutOption(text: string): number {
  const ms = durationOption('--timeout')(text);
  if (ms === 0) throw new UsageError('--timeout must be more than 0');
  return ms;
}

/** Runs something with a connection, and lets go of it. */
export async function withClient<T>(
  options: ClientOptions,
  work: (client: SteplockClient) => Promise<T>,
): Promise<T> {
  const client = await connect(options.server, { timeoutMs: Math.min(options.timeout, 5_000) });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** A new request id. */
export function newRequestId(): string {
  return newUuid(systemRandom);
}

/** `workflows/x` of `x`, or of itself. */
export function workflowNameOf(text: string): string {
  return text.startsWith('workflows/') ? text : `workflows/${text}`;
}

/** `workflows/w/steps/s` of `w/s`, or of itself. */
export function stepNameOf(text: string): string {
  if (text.startsWith('workflows/')) return text;
  const [workflow, step, ...rest] = text.split('/');
  if (workflow === undefined || step === undefined || rest.length > 0) {
    throw new UsageError(`"${text}" names no step: write WORKFLOW/STEP, or WORKFLOW/undo.STEP for an undo`);
  }
  return `workflows/${workflow}/steps/${step}`;
}

function defaultActor(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A process without an entry in the user database.
    return 'unknown';
  }
}

/** A JSON object given as an option. @throws UsageError */
export function parseObject(text: string | undefined, option: string): JsonObject | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new UsageError(`${option} must be a JSON object`);
}
