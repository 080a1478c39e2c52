/**
 * P4, second part: a node is told to end (SIGTERM) under load; how long until others have its shards, its pending tasks,
 * and the steps that nobody had claimed. The calls that it runs get their time.
 */
import { sleep, systemClock } from '../src/base/clock.js';
import { defaultSettings } from '../src/config/settings.js';
import type { PartResult } from './p4-kill.js';
import { machineMs } from './support/bench-controller.js';
import { openStore, shardOwners, untilBalanced } from './support/cluster-view.js';
import { readJournal, takenOver, type Entry } from './support/journal.js';
import { parallel } from './support/plans.js';
import type { BenchOptions } from './support/report.js';
import { Stage } from './support/stage.js';
import { largest, round } from './support/stats.js';
import { until } from './support/until.js';
import { submit, succeeded } from './support/workload.js';

const victim = 'n2';
const { shards } = defaultSettings;
const handoverMsMax = 1_000;

/** See above. */
export async function drainUnderLoad(options: BenchOptions): Promise<PartResult> {
  const { count, taskMs, callMs } = options.isQuick
    ? { count: 9, taskMs: 3_000, callMs: 500 }
    : { count: 90, taskMs: 8_000, callMs: 2_000 };
  return await Stage.use(options, async (stage) => {
    const [first, second] = [await stage.node('n1'), await stage.node(victim), await stage.node('n3')];
    const store = openStore(stage);
    await untilBalanced(store, shards, 3);
    const client = await stage.client(first);
    await submit(client, parallel(count, 'task', { with: { ms: taskMs } }), 'tasks');
    await sleep(systemClock, 1_000);
    await submit(client, parallel(count, 'hold', { with: { ms: callMs } }), 'calls');
    await sleep(systemClock, 500);
    await submit(client, parallel(count, 'hold', { with: { ms: 10 } }), 'unclaimed');
    const toldMs = machineMs();
    const ended = second.stop().then(() => machineMs() - toldMs);
    await until('shards handed over', { timeoutMs: 20_000, lookMs: 5 }, async () => {
      const owners = await shardOwners(store);
      return owners.size === shards && ![...owners.values()].includes(victim);
    });
    const shardsMs = machineMs() - toldMs;
    for (const name of ['unclaimed', 'calls', 'tasks']) await succeeded(client, `workflows/${name}`);
    const journal = await readJournal(stage.directory);
    const endedMs = await ended;
    await store.close();
    stage.abandon();
    const tasks = polledBy(journal, toldMs);
    const tasksMs = largest([...takenOver(journal, tasks, { node: victim, afterMs: toldMs }).values()]);
    const begun = journal.filter(({ kind, step }) => kind === 'begin' && step.startsWith('unclaimed/'));
    const unclaimedMs = largest(begun.map(({ atMs }) => atMs - toldMs));
    const calls = journal.filter(({ step }) => step.startsWith('calls/'));
    const measured = round(largest([shardsMs, tasksMs, unclaimedMs]), 0);
    return {
      rows: [
        ['drain: its shards owned by others, ms', round(shardsMs, 0)],
        [`drain: its ${tasks.size} pending tasks polled by others, ms`, round(tasksMs, 0)],
        ['drain: the last unclaimed step begun, ms', round(unclaimedMs, 0)],
        ['drain: calls begun twice', calls.filter(({ kind }) => kind === 'begin').length - count],
        [`drain: its process has ended (calls take ${callMs} ms), ms`, round(endedMs, 0)],
      ],
      verdict: { id: 'P4 drain', figure: { measured }, budget: handoverMsMax, unit: 'ms', isLimit: true },
    };
  });
}

/** The tasks that the node to be drained was asking after. */
function polledBy(journal: readonly Entry[], beforeMs: number): Set<string> {
  const asker = new Map<string, string>();
  for (const { node, step, atMs } of journal)
    if (step.startsWith('tasks/') && atMs < beforeMs) asker.set(step, node);
  return new Set([...asker].flatMap(([step, node]) => (node === victim ? [step] : [])));
}
