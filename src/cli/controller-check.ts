/** `steplock controller check`: calls a controller as a node would, and says whether it keeps its contract. */
import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { systemClock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import { checkController, type ControllerReport } from '../conformance/check-controller.js';
import { checks } from '../conformance/checks.js';
import { noSamples, parseSamples, SamplesError, type Samples } from '../conformance/samples.js';
import { errorText } from '../errors/index.js';
import { durationOption, UsageError, type CliContext } from './context.js';
import { exitCodes } from './exit-codes.js';
import { printable, printResult, type OutputFormat } from './output.js';

interface CheckCommandOptions {
  readonly samples?: string;
  readonly method: readonly string[];
  readonly firstToken: number;
  readonly timeout: number;
  readonly output: OutputFormat;
}

const help = `
It makes effects, and takes them away again through the methods' own undos: point it at a scratch system. What is left
is named at the end.

What the methods are called with stands in a file of samples. A method without a sample gets the least that its JSON
Schema allows (const, examples, default, enum, minimum); where that does not fit it is skipped.

  system: shelf                                    # sent with each call
  methods:
    create-volume:
      arguments: { volume: '\${unique}', size_bytes: 1048576 }   # \${unique}: another name in each trial
      observe: { method: list-volumes, arguments: { prefix: '\${unique}' } }   # shows what there is
      slow: { arguments: { volume: '\${unique}', size_bytes: 9999872 }, takes_ms: 3000 }   # to be cancelled
    expand-volume:
      before: [{ method: create-volume, arguments: { volume: '\${unique}', size_bytes: 1048576 } }]
      arguments: { volume: '\${unique}', size_bytes: 2097152 }
    list-volumes: { reads: true }                  # changes nothing

Of the whole controller: describe, unknown-method. Of each method:
${checks.map(({ name, says }) => `  ${name.padEnd(18)} ${says}`).join('\n')}

A check that could not be made is "skipped", with the reason; it is never counted as passed.

Exit codes: 0 no check failed; 3 at least one did; 2 the samples are wrong; 6 nobody answers at the endpoint.

Examples:
  steplock controller check 127.0.0.1:7481 --samples samples.yaml
  steplock controller check 127.0.0.1:7481 --method create-volume -o json`;

/** Adds the command. */
export function addControllerCheck(controller: Command, context: CliContext): void {
  controller
    .command('check <host:port>')
    .description('call a controller as a node would, and say whether it keeps its contract; it makes effects')
    .option('--samples <file>', 'YAML file with arguments to call the methods with')
    .option('--method <method...>', 'only these methods', [])
    .addOption(
      new Option('--first-token <revision>', 'fencing tokens begin there')
        .argParser(wholeAbove0)
        .default(1_000),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long a call, with its external task, may take')
        .argParser(durationOption('--timeout'))
        .default(60_000, '60s'),
    )
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table'),
    )
    .addHelpText('after', help)
    .action(async (endpoint: string, options: CheckCommandOptions) => {
      await runCheckCommand(context, endpoint, options);
    });
}

async function runCheckCommand(
  context: CliContext,
  endpoint: string,
  options: CheckCommandOptions,
): Promise<void> {
  const { terminal } = context;
  const samples = await readSamples(options.samples);
  terminal.err(`Checking ${endpoint}. This makes effects there, and takes them away again.\n`);
  const report = await checkController({
    ...{ endpoint, samples, clock: systemClock, random: systemRandom },
    methods: options.method,
    timeoutMs: options.timeout,
    firstRevision: options.firstToken,
  });
  const body = report.results.map(({ check, method, status, why }) => [method, check, status, why]);
  printResult(terminal, options.output, report, { head: ['METHOD', 'CHECK', 'RESULT', 'WHY'], body });
  terminal.err(`${summaryOf(report)}\n`);
  for (const each of report.left) terminal.err(`left behind: ${printable(each)}\n`);
  const hasFailed = report.results.some(({ status }) => status === 'failed');
  context.setExitCode(hasFailed ? exitCodes.notSucceeded : exitCodes.ok);
}

function summaryOf({ results, kind, version }: ControllerReport): string {
  const count = (wanted: string): number => results.filter(({ status }) => status === wanted).length;
  const who = printable(`${kind} ${version}`);
  return `${who}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
}

async function readSamples(file: string | undefined): Promise<Samples> {
  if (file === undefined) return noSamples;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new SamplesError(`${file}: ${errorText(error)}`);
  });
  return parseSamples(text, file);
}

function wholeAbove0(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError('--first-token must be a whole number from 1');
  return value;
}
