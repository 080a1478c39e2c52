/** P3: one workflow of very many steps, against as many steps in workflows of the same shape that run at once. */
import type { SteplockClient } from '../src/client/index.js';
import type { Plan } from '../src/gen/wire/steplock/v1/plan.js';
import type { NodeProcess } from './support/node-process.js';
import { diamond, lattice } from './support/plans.js';
import { say, type BenchOptions, type Result, type Row, type Verdict } from './support/report.js';
import { Stage } from './support/stage.js';
import { median, round } from './support/stats.js';
import { submit, succeeded } from './support/workload.js';

const ratioMax = 1.3;
/** Slots of the node, the same for both. */
const capacity = 2_048;

interface Shape {
  readonly name: string;
  /** Of so many steps. */
  readonly plan: (steps: number) => Plan;
}

const shapes: readonly Shape[] = [
  { name: 'fan', plan: (steps) => diamond(steps - 2) },
  { name: 'lattice', plan: (steps) => lattice(Math.sqrt(steps)) },
];

/** What some workflows took. */
interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** See above. */
export async function largeWorkflows(options: BenchOptions): Promise<Result> {
  const size = options.isQuick
    ? { workflows: 4, steps: 25, rounds: 1 }
    : { workflows: 100, steps: 100, rounds: 3 };
  return await Stage.use(options, async (stage) => {
    const node = await stage.node('n1', { capacity });
    const client = await stage.client(node);
    const rows: Row[] = [];
    const verdicts: Verdict[] = [];
    for (const shape of shapes) {
      const part = await measure({ node, client, shape, ...size });
      rows.push(...part.rows);
      verdicts.push(part.verdict);
    }
    stage.abandon();
    const title = `P3: one workflow of ${size.workflows * size.steps} steps, etcd ${stage.etcd.version}`;
    return { title, rows, verdicts };
  });
}

interface Measured {
  readonly node: NodeProcess;
  readonly client: SteplockClient;
  readonly shape: Shape;
  readonly workflows: number;
  readonly steps: number;
  readonly rounds: number;
}

async function measure(options: Measured): Promise<{ rows: Row[]; verdict: Verdict }> {
  const { shape, workflows, steps, rounds } = options;
  const all = workflows * steps;
  const [small, large] = [shape.plan(steps), shape.plan(all)];
  // The first of each is for the compiler.
  for (const [plan, count] of [[small, workflows] as const, [large, 1] as const])
    await run(options, plan, count);
  const runs: { readonly small: Run; readonly large: Run }[] = [];
  for (let index = 0; index < rounds; index++) {
    const round = {
      small: await run(options, small, workflows),
      large: await run(options, large, 1),
    };
    runs.push(round);
    say(
      `  ${shape.name}: ${round.large.seconds.toFixed(1)} s in one, ${round.small.seconds.toFixed(1)} s in many`,
    );
  }
  const ratio = round(median(runs.map((each) => each.large.seconds / each.small.seconds)));
  const msOf = (which: 'small' | 'large', what: keyof Run): number =>
    round((median(runs.map((each) => each[which][what])) * 1_000) / all);
  return {
    rows: [
      [`${shape.name}: a step of the large one, ms`, msOf('large', 'seconds')],
      [`${shape.name}: a step of ${workflows} of ${steps} steps at once, ms`, msOf('small', 'seconds')],
      [`${shape.name}: processor time of the node for a step, large, ms`, msOf('large', 'cpuSeconds')],
      [`${shape.name}: the same, ${workflows} at once, ms`, msOf('small', 'cpuSeconds')],
    ],
    verdict: { id: `P3 ${shape.name}`, figure: { ratio }, budget: ratioMax, unit: 'times', isLimit: true },
  };
}

async function run({ node, client }: Measured, plan: Plan, count: number): Promise<Run> {
  const [cpuBefore, beganMs] = [await node.cpuSeconds(), performance.now()];
  await Promise.all(
    Array.from({ length: count }, async () => {
      await succeeded(client, await submit(client, plan));
    }),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  return { seconds, cpuSeconds: (await node.cpuSeconds()) - cpuBefore };
}
