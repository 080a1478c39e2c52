/** What may start at all, and how much of it at once, as the policy record says it. Pure. */
import type { HoldRecord, LimitRecord, PolicyRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';

/** What of an item the policy is about. */
export type Governed = Pick<QueueItem, 'system' | 'controller' | 'limitClass'>;

/** The limits that the item counts against: of its system as a whole, and of its class there. */
export function limitsFor(policy: PolicyRecord, { system, limitClass }: Governed): LimitRecord[] {
  if (system === '') return [];
  return policy.limits.filter(
    (limit) => limit.system === system && (limit.limitClass === '' || limit.limitClass === limitClass),
  );
}

/** Whether the hold is about the item. */
export function isAbout({ kind, name }: HoldRecord, { system, controller }: Governed): boolean {
  return (
    kind === 'cluster' ||
    (kind === 'system' && name === system) ||
    (kind === 'controller' && name === controller)
  );
}

/** The hold that keeps the item from starting; undefined if there is none. */
export function holdOn(policy: PolicyRecord, item: Governed): HoldRecord | undefined {
  return policy.holds.find((hold) => isAbout(hold, item));
}

/** Says what the hold is about. */
export function describeHold({ kind, name, actor, reason }: HoldRecord): string {
  const what = kind === 'cluster' ? 'the cluster' : `${kind} ${name}`;
  return `${what} is held by ${actor}: ${reason}`;
}
