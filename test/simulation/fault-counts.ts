/**
 * How often each kind of fault has really happened in a run. A kind is counted where it takes effect and not where it is
 * drawn, so that one which no longer happens is seen.
 */

/** Every kind, in the words in which it is reported. */
export const faultKinds = [
  'node dies before a write',
  'node dies after a write',
  'node dies before a call',
  'node dies within a call',
  'node dies after a call',
  'node dies elsewhere',
  'request lost',
  'reply lost',
  'request and reply twice',
  'transaction applied after its caller gave up',
  'call carried out after its caller gave up',
  'watch broken',
  'watch events lost',
  'watch events late',
  'all watch events of a run lost',
  'list pages at different revisions',
  'compaction between list and watch',
  'history compacted',
  'store stands still',
  'store unavailable',
  'node paused',
  'node paused past its lease',
  'lease of a living node gone',
  'wall clock skewed',
  'wall clock jumps forward',
  'wall clock jumps back',
  'array slow',
  'operator: a verb',
  'operator: a limit changed',
  'operator: a hold placed',
  'node drained',
] as const;

/** See above. */
export type FaultKind = (typeof faultKinds)[number];

/** How often each happened. */
export type FaultCounts = Readonly<Record<FaultKind, number>>;

/** None of any kind. */
export function noCounts(): Record<FaultKind, number> {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
}

/** Adds the second to the first. */
export function addCounts(sum: Record<FaultKind, number>, more: FaultCounts): void {
  for (const kind of faultKinds) sum[kind] += more[kind];
}

/** Which kind a node's death at that point is. */
export function kindOfDeath(point: string): FaultKind {
  if (point.startsWith('in call')) return 'node dies within a call';
  const when = point.startsWith('before') ? 'before' : 'after';
  if (/^\w+ txn/.test(point)) return `node dies ${when} a write`;
  if (/^\w+ (?:call|remote call|planning)/.test(point)) return `node dies ${when} a call`;
  return 'node dies elsewhere';
}
