/**
 * `npm run sim`: runs seeds of the simulation and says which ones broke an invariant, and how to see why. Ends with 0 when none
 * did, with 1 when one did, with 2 when it was called wrongly.
 */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runSeeds } from './pool.js';
import { Progress } from './progress.js';
import { sizeOf, type GivenSize } from './sizes.js';
import { Summary } from './summary.js';
import { runSeed } from './world.js';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly steps?: number;
  readonly workflows?: number;
  readonly jobs: number;
  readonly output: 'text' | 'json';
  readonly trace: boolean;
  readonly untilBroken: boolean;
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

const command = new Command('npm run sim --')
  .description('Runs the whole cluster in one process, under faults that are drawn from seeds')
  .option('--seeds <n>', 'how many seeds', wholeNumber, 100)
  .option('--from <seed>', 'the first one', wholeNumber, 1)
  .option(
    '--steps <n>',
    'plans of at most so many steps; default: 10, and 60 for each tenth seed',
    wholeNumber,
  )
  .option('--workflows <n>', 'at most so many workflows; default: 3', wholeNumber)
  .option('--jobs <n>', 'so many at once; default: the number of cores', wholeNumber, availableParallelism())
  .addOption(
    new Option('--output <format>', 'how to say what came of it').choices(['text', 'json']).default('text'),
  )
  .option('--trace', 'show all that happens, one seed after the other', false)
  .option('--until-broken', 'stop at the first seed that breaks an invariant', false)
  .addHelpText('after', '\nExit codes: 0 no invariant broken, 1 some broken, 2 called wrongly.')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .allowExcessArguments(false)
  .parse();

process.exitCode = await run(command.opts<Options>());

async function run({
  seeds,
  from,
  steps,
  workflows,
  jobs,
  output,
  trace,
  untilBroken,
}: Options): Promise<number> {
  const given: GivenSize = {
    ...(steps === undefined ? {} : { stepsMax: steps }),
    ...(workflows === undefined ? {} : { workflowsMax: workflows }),
  };
  const write = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  const summary = new Summary(given);
  if (trace) {
    for (let seed = from; seed < from + seeds; seed++)
      summary.add({ result: await runSeed({ seed, ...sizeOf(seed, given), onTrace: write }), trace: [] });
  } else {
    const progress = new Progress(seeds, 'seeds');
    const onAnswer = (answer: Parameters<Summary['add']>[0]): boolean => {
      summary.add(answer);
      progress.show(summary.seeds, `${summary.broken.length} broken`);
      const { seed, failure } = answer.result;
      if (failure === undefined) return false;
      progress.clear();
      const replay = summary.broken.at(-1)?.replay ?? '';
      if (output === 'text')
        write(`seed ${seed}: ${failure}\n${answer.trace.join('\n')}\n  replay: ${replay}`);
      return untilBroken;
    };
    await runSeeds({ from, seeds, given, jobs, onAnswer });
    progress.clear();
  }
  write(output === 'json' ? JSON.stringify(summary.toJson(), undefined, 2) : summary.toText());
  return summary.broken.length === 0 ? 0 : 1;
}
