/** `npm run sim -- --seeds N --from S [--trace]`: runs seeds and says which ones broke an invariant, and how to see why. */
import { parseArgs } from 'node:util';
import { runSeed } from './world.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    steps: { type: 'string', default: '10' },
    workflows: { type: 'string', default: '3' },
    trace: { type: 'boolean', default: false },
    'until-broken': { type: 'boolean', default: false },
  },
});

const from = Number(values.from);
const seeds = Number(values.seeds);
const ends: Record<string, number> = {};
let failed = 0;
let events = 0;
let crashes = 0;
const write = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
for (let seed = from; seed < from + seeds; seed++) {
  const result = await runSeed({
    seed,
    workflowsMax: Number(values.workflows),
    stepsMax: Number(values.steps),
    ...(values.trace ? { onTrace: write } : {}),
  });
  events += result.events;
  crashes += result.crashes;
  for (const [state, count] of Object.entries(result.ends)) ends[state] = (ends[state] ?? 0) + count;
  if (result.failure !== undefined) {
    failed += 1;
    write(`seed ${seed}: ${result.failure}`);
    write(
      `  replay: npm run sim -- --seeds 1 --from ${seed} --steps ${values.steps} --workflows ${values.workflows} --trace`,
    );
    if (values['until-broken']) break;
  }
}
write(
  `${seeds} seeds from ${from}: ${events} events, ${crashes} crashes, ends ${JSON.stringify(ends)}, ${failed} broken`,
);
process.exitCode = failed === 0 ? 0 : 1;
