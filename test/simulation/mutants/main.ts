/**
 * `npm run sim:mutants`: puts each defect into a copy of the code and runs seeds until one is found broken. Ends with 0 when all
 * were found, with 1 when one survives, with 2 when it was called wrongly.
 */
import { availableParallelism } from 'node:os';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { Progress } from '../progress.js';
import { mutants, type Mutant } from './mutants.js';
import { runMutant, type MutantResult } from './run-mutant.js';

interface Options {
  readonly seeds: number;
  readonly only: string;
  readonly jobs: number;
}

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

const command = new Command('npm run sim:mutants --')
  .description('Puts defects into copies of the code, one at a time, which the simulation must find')
  .option('--seeds <n>', 'at most so many seeds for each', wholeNumber, 1_000)
  .option('--only <text>', 'only those with this text in their names', '')
  .option('--jobs <n>', 'so many at once; default: the number of cores', wholeNumber, availableParallelism())
  .addHelpText('after', '\nExit codes: 0 all found, 1 one survives, 2 called wrongly.')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .allowExcessArguments(false)
  .parse();

process.exitCode = await run(command.opts<Options>());

async function run({ seeds, only, jobs }: Options): Promise<number> {
  const chosen = mutants.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) {
    process.stderr.write(`No mutant has "${only}" in its name\n`);
    return 2;
  }
  const results = new Map<Mutant, MutantResult>();
  const progress = new Progress(chosen.length, 'mutants');
  const waiting = [...chosen];
  const drive = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const result = await runMutant(mutant, seeds);
      results.set(mutant, result);
      progress.clear();
      // Beside the table, which comes at the end: all of them take a while.
      process.stderr.write(
        `${result.found === undefined ? 'SURVIVES' : 'found'}: ${mutant.name}: ${result.found?.failure ?? ''}\n`,
      );
      progress.show(results.size, mutant.name);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, chosen.length) }, drive));
  progress.clear();
  const table = new Table({
    head: ['mutant', 'seed', 'seeds run', 'broken'],
    wordWrap: true,
    colWidths: [50, 7, 11, 80],
    style: { head: [], border: [] },
  });
  for (const mutant of chosen) {
    const { seeds: ran, found } = results.get(mutant) ?? { seeds: 0, found: undefined };
    table.push([mutant.name, found?.seed ?? '-', ran, found?.failure ?? 'SURVIVES']);
  }
  const survivors = chosen.filter((mutant) => results.get(mutant)?.found === undefined);
  process.stdout.write(`${table.toString()}\n${chosen.length} mutants, ${survivors.length} survive\n`);
  return survivors.length === 0 ? 0 : 1;
}
