/**
 * `npm run kill -- --n N [--seed S] [--store etcd|embedded|both] [--all]`: kills the only node at N instants drawn by the
 * seed (or at all of them), and says for each where it was.
 */
import { parseArgs } from 'node:util';
import { drawInstants, nameOf } from './draw.js';
import { allInstants } from './instants.js';
import { runRound } from './round.js';
import { Stage, type StoreKind } from './stage.js';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      n: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
      store: { type: 'string', default: 'both' },
      all: { type: 'boolean', default: false },
    },
  });
  const kinds: StoreKind[] = values.store === 'both' ? ['etcd', 'embedded'] : [values.store as StoreKind];
  const instants = values.all ? allInstants() : drawInstants(Number(values.n), Number(values.seed));
  let failed = 0;
  for (const kind of kinds) {
    process.stdout.write(`store ${kind}, seed ${values.seed}, ${instants.length} instants\n`);
    const stage = await Stage.open(kind);
    try {
      for (const [index, instant] of instants.entries()) {
        const { wasKilled } = await runRound(stage, index, instant);
        process.stdout.write(
          `  ${wasKilled ? 'killed' : 'not passed'}: ${nameOf(instant)}: ends as if nothing had happened\n`,
        );
      }
    } catch (error) {
      failed += 1;
      process.stdout.write(
        `${String(error instanceof Error ? error.stack : error)}\n${(await stage.log()).slice(-4_000)}\n`,
      );
    } finally {
      await stage.close();
    }
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
