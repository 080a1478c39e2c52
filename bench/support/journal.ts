/** What the nodes' controllers did, read back from their journal. */
import { readFile } from 'node:fs/promises';
import type { JournalKind } from './bench-controller.js';
import { journalOf } from './node-process.js';

/** A line. */
export interface Entry {
  readonly kind: JournalKind;
  readonly node: string;
  /** `{workflow}/{step}`. */
  readonly step: string;
  /** By the machine's clock, see machineMs(). */
  readonly atMs: number;
}

/** All of it, in the order in which it happened. */
export async function readJournal(directory: string): Promise<Entry[]> {
  const text = await readFile(journalOf(directory), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [kind = '', node = '', step = '', atMs = ''] = line.split(' ');
      return { kind: kind as JournalKind, node, step, atMs: Number(atMs) };
    });
}

/** What the node had begun and not ended at that time. */
export function heldBy(entries: readonly Entry[], node: string, atMs: number): Set<string> {
  const held = new Set<string>();
  for (const entry of entries) {
    if (entry.atMs > atMs || entry.kind === 'poll' || entry.node !== node) continue;
    if (entry.kind === 'begin') held.add(entry.step);
    else held.delete(entry.step);
  }
  return held;
}

/** For each of the steps, when another node first did something about it after that time; left out if none did. */
export function takenOver(
  entries: readonly Entry[],
  steps: ReadonlySet<string>,
  { node, afterMs }: { readonly node: string; readonly afterMs: number },
): Map<string, number> {
  const taken = new Map<string, number>();
  for (const { kind, node: by, step, atMs } of entries) {
    if (kind === 'end' || by === node || atMs < afterMs || !steps.has(step) || taken.has(step)) continue;
    taken.set(step, atMs - afterMs);
  }
  return taken;
}
