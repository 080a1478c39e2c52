/** A chaos run in words: counts of everything, and the figure P4. */
import type { ChaosResult } from './run.js';
import { percentile, type Loss } from './restarts.js';

const shownMax = 40;

/** The report, one line each. */
export function reportOf(result: ChaosResult): string[] {
  const { seed, minutes, etcdVersion, leaseTtlMs, workflows, verdict, broken, losses } = result;
  const states = countBy(workflows.map(({ state }) => state));
  return [
    `chaos: seed ${seed}, ${minutes.toFixed(1)} min, etcd ${etcdVersion}, leases of ${leaseTtlMs / 1_000} s`,
    `${workflows.length} workflows: ${[...states].map(([state, count]) => `${count} ${state}`).join(', ')}`,
    `  ${workflows.filter(({ wasCancelled }) => wasCancelled).length} of them cancelled by their users; ${result.operatorRetries} steps retried by the operator`,
    `${result.effects} calls and effects on the array, ${verdict.refused} refused for an old fencing token; ${result.claims} claims`,
    'faults:',
    ...[...result.faults].map(([kind, count]) => `  ${String(count).padStart(3)} × ${kind}`),
    `steps claimed anew after their node was gone (P4: ${p4Ms(leaseTtlMs, true) / 1_000} s, with another leader of etcd ${p4Ms(leaseTtlMs, false) / 1_000} s):`,
    ...restartLines(losses),
    `invariants broken: ${broken.length}; orphans: ${verdict.orphans}; double creations: ${verdict.doubleCreations}`,
    ...broken.slice(0, shownMax).map((line) => `  ${line}`),
    ...(broken.length > shownMax ? [`  and ${broken.length - shownMax} more`] : []),
  ];
}

/** The budget P4 for that lease. */
export function p4Ms(leaseTtlMs: number, hadOneLeader: boolean): number {
  return hadOneLeader ? leaseTtlMs + 1_000 : 2 * leaseTtlMs + 3_000;
}

function restartLines(losses: readonly Loss[]): string[] {
  const groups = new Map<string, number[]>();
  for (const { fault, hadOneLeader, restartsMs } of losses) {
    const leader = { true: '; one leader of etcd', false: '; another leader of etcd', undefined: '' };
    const name = `${fault}${leader[`${hadOneLeader}`]}`;
    groups.set(name, [...(groups.get(name) ?? []), ...restartsMs]);
  }
  return [...groups].map(([name, times]) => {
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => (percentile(times, share) / 1_000).toFixed(2));
    return `  ${String(times.length).padStart(4)} steps: p50 ${p50} s, p99 ${p99} s, max ${max} s; ${name}`;
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
