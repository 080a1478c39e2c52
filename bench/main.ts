/**
 * `npm run bench -- P1 P2 …`: measures what the budgets are about (docs/benchmarks.md), one bench after the other.
 *
 *     --quick          so small that it only shows that it runs
 *     --profile DIR    the nodes leave CPU profiles there
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { benches } from './benches.js';
import { render, say, type BenchOptions } from './support/report.js';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, profile: { type: 'string' } },
    allowPositionals: true,
  });
  const options: BenchOptions = {
    isQuick: values.quick,
    profileDirectory: values.profile === undefined ? undefined : resolve(values.profile),
  };
  const known = Object.keys(benches);
  const wanted = positionals.length > 0 ? positionals : known;
  const strange = wanted.filter((id) => !known.includes(id));
  if (strange.length > 0) {
    say(`bench: there is no ${strange.join(', ')}; there are ${known.join(', ')}`);
    return 2;
  }
  for (const id of wanted) {
    say(`— ${id}`);
    const result = await benches[id]?.(options);
    if (result !== undefined) process.stdout.write(`${render(result)}\n`);
  }
  return 0;
}

process.exitCode = await main();
