/** `npm run sweep -- [--only TEXT] [--at N --trace]`: stops a node at each point of each golden workflow. */
import { parseArgs } from 'node:util';
import { goldens } from './goldens.js';
import { runGolden } from './sweep.js';
import { sweepOne } from './sweep-one.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    at: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const write = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
let broken = 0;
let total = 0;
for (const golden of goldens.filter(({ name }) => name.includes(values.only))) {
  if (values.at !== undefined) {
    const result = await runGolden(golden, Number(values.at), values.trace ? write : undefined);
    write(`${result.failure ?? 'fine'}\n${result.end}`);
    continue;
  }
  const { writes, calls, ran, failures } = await sweepOne(golden);
  total += ran;
  broken += failures.length;
  write(
    `${golden.name}: ${writes} writes, ${calls} calls, stopped at ${ran} points, ${failures.length} broken`,
  );
  for (const failure of failures) write(`  ${failure}`);
}
write(`${total} points, ${broken} broken`);
process.exitCode = broken === 0 ? 0 : 1;
