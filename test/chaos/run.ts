/** One chaos run, from an empty etcd to the verdict. */
import { readFile } from 'node:fs/promises';
import { sleep, systemClock } from '../../src/base/clock.js';
import { createSeededRandom } from '../../src/base/random.js';
import { parseLog } from './array/log.js';
import { judge, type Verdict, type WorkflowFacts } from './checker.js';
import { rounds, type FaultKind } from './deck.js';
import { Faults } from './faults.js';
import { StoreHistory } from './history.js';
import { Load } from './load.js';
import { Observer } from './observer.js';
import { usualTastes, type PlanTastes } from './plans.js';
import { Restarts, type Loss } from './restarts.js';
import { Stage, type StageOptions } from './stage.js';

/** How to run. */
export interface ChaosOptions extends StageOptions {
  readonly seed: number;
  readonly minutes: number;
  /** A slow machine gets up to half as much time again to have had so many. @default 0 */
  readonly workflowsMin?: number;
  /** Workflows under way at a time. */
  readonly users: number;
  /** @default the usual ones */
  readonly tastes?: PlanTastes;
  /** Brings faults about instead of the decks, until it ends. */
  readonly script?: (faults: Faults, stage: Stage) => Promise<void>;
  readonly say: (text: string) => void;
  /** After the last fault, everything has to end within this. @default 90 s */
  readonly finishMs?: number;
  /** Whether logs and data stay when something was found. @default true */
  readonly keepsFiles?: boolean;
}

/** What came of it. */
export interface ChaosResult {
  readonly seed: number;
  readonly leaseTtlMs: number;
  readonly etcdVersion: string;
  readonly minutes: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly workflows: readonly WorkflowFacts[];
  readonly verdict: Verdict;
  /** All that was found, one line each. */
  readonly broken: readonly string[];
  readonly claims: number;
  readonly effects: number;
  readonly operatorRetries: number;
  readonly losses: readonly Loss[];
  /** Where the logs and data lie if something was found. */
  readonly directory: string;
}

const finishMsDefault = 90_000;

/** Runs. The stage's files stay if anything was found. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, say } = options;
  const stage = await Stage.prepare(options);
  const history = new StoreHistory();
  const restarts = new Restarts(history, () => systemClock.monotonicMs());
  const observer = new Observer(
    stage.etcd.members.map(({ url }) => url),
    (events) => {
      for (const event of events) {
        history.take([event]);
        restarts.look();
      }
    },
  );
  const random = createSeededRandom(seed);
  const load = new Load(
    stage.nodes.map(({ address }) => address),
    createSeededRandom(seed + 1),
    options.tastes ?? usualTastes,
  );
  let isClean = false;
  try {
    await stage.start();
    const startMs = systemClock.monotonicMs();
    const timed = (text: string): void => {
      say(`${((systemClock.monotonicMs() - startMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
    };
    const faults = new Faults({ ...options, stage, observer, restarts, random, say: timed });
    load.start(options.users);
    await (options.script ?? decks(options, load, startMs, timed))(faults, stage);
    timed('the last fault is over');
    await stage.heal();
    await load.finish(options.finishMs ?? finishMsDefault);
    timed('the load is over');
    const isComplete = (await observer.catchUp()) && observer.gaps === 0;
    timed('the history is complete');
    const minutes = (systemClock.monotonicMs() - startMs) / 60_000;
    const workflows = await load.facts();
    const entries = parseLog(await readFile(stage.arrayLog, 'utf8'));
    const verdict = judge(entries, workflows);
    const broken = [...verdict.broken, ...history.broken, ...load.strange];
    if (!isComplete) broken.push("the store's history was not seen to its end, or has gaps");
    isClean = broken.length === 0;
    return {
      seed,
      leaseTtlMs: options.leaseTtlMs,
      etcdVersion: (await stage.etcd.members[0]?.status())?.version ?? '',
      minutes,
      faults: faults.counts,
      workflows,
      verdict,
      broken,
      claims: history.claims,
      effects: entries.filter(({ kind }) => kind !== 'refused').length,
      operatorRetries: load.retries,
      losses: restarts.losses,
      directory: stage.directory,
    };
  } finally {
    load.close();
    await observer.close();
    await stage.stop();
    if (isClean || options.keepsFiles === false) await stage.remove();
    else say(`logs and data: ${stage.directory}`);
  }
}

/** Rounds until the time is over, two at least. */
function decks(
  { seed, minutes, hasFaultPoints, workflowsMin = 0 }: ChaosOptions,
  load: Load,
  startMs: number,
  say: (text: string) => void,
): (faults: Faults) => Promise<void> {
  const isOver = (): boolean => {
    const share = (systemClock.monotonicMs() - startMs) / (minutes * 60_000);
    return share > 1.5 || (share > 1 && load.submitted.length >= workflowsMin);
  };
  return async (faults) => {
    let count = 0;
    const lane = async (deck: readonly FaultKind[]): Promise<void> => {
      for (const kind of deck) {
        if (isOver() && count > 2) return;
        await sleep(systemClock, 500);
        await faults.run(kind);
      }
    };
    for (const { nodes, etcd, solo } of rounds(seed, hasFaultPoints)) {
      count += 1;
      if (isOver() && count > 2) return;
      say(`round ${count}`);
      await Promise.all([lane(nodes), lane(etcd)]);
      await lane(solo);
    }
  };
}
