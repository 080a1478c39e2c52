/**
 * The only node is killed with -9 in the middle of what it does, and started again. `npm run kill -- --n N` runs as many
 * as wanted, `--all` every instant there is.
 */
import { createSeededRandom, randomBelow } from '../../src/base/random.js';
import { drawInstants, nameOf } from './kill/draw.js';
import { runRound } from './kill/round.js';
import { Stage, type StoreKind } from './kill/stage.js';

const count = 5;
const seed = Number(
  process.env['STEPLOCK_KILL_SEED'] ?? randomBelow(createSeededRandom(Date.now()), 100_000),
);

for (const kind of ['etcd', 'embedded'] satisfies StoreKind[]) {
  describe(`kill -9 of the only node, store ${kind} (STEPLOCK_KILL_SEED=${seed})`, function () {
    this.timeout(120_000);
    let stage: Stage;

    before(async () => {
      stage = await Stage.open(kind);
    });

    after(async () => {
      await stage.close();
    });

    for (const [index, instant] of drawInstants(count, seed).entries()) {
      it(`${nameOf(instant)}: ends as if nothing had happened`, async function () {
        const { wasKilled } = await runRound(stage, index, instant);
        if (!wasKilled) throw new Error('The instant was not passed: it is no instant of this step');
      });
    }
  });
}
