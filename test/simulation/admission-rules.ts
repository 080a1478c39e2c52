/**
 * Invariant 11, from the items of the queue and not from the permits: no more steps of a limited system have a call that
 * may still be going on than its limit allows, nothing begins while it is held, and no permit outlives its step.
 */
import { PermitRecord, PolicyRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import { OutcomeState, type QueueItem, StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, prefixes } from '../../src/store/keys.js';
import { prefixRange } from '../../src/store/store.js';

/** See the head of this file. */
export class AdmissionRules {
  readonly #server: Mvcc;
  /** Queue keys of items whose call may be going on, by system: of those begun since its limit was lowered. */
  readonly #busy = new Map<string, Set<string>>();
  /** The limit that each system had when it was looked at last. */
  readonly #limits = new Map<string, number>();

  constructor(server: Mvcc) {
    this.#server = server;
  }

  /** After an item was written; `isBegun`: a new call of it begins. What is wrong, or undefined. */
  onItem(key: string, item: QueueItem, isBegun: boolean): string | undefined {
    const policy = this.#policy();
    if (item.system === '') return isBegun ? heldBy(policy, item) : undefined;
    const max = policy.limits.find(({ system }) => system === item.system)?.max ?? Infinity;
    const busy = this.#busyOf(item.system, max);
    if (isBegun) busy.add(key);
    if (!item.inDoubt) busy.delete(key);
    if (isBegun && busy.size > max) return `${busy.size} calls on ${item.system}, whose limit is ${max} (11)`;
    return isBegun ? heldBy(policy, item) : undefined;
  }

  /** After an item has gone. */
  onGone(key: string): void {
    for (const busy of this.#busy.values()) busy.delete(key);
  }

  /** When everything has ended: what is left over, or undefined. */
  atEnd(): string | undefined {
    const { kvs } = this.#server.list(prefixRange(prefixes.permit));
    for (const kv of kvs) {
      const { step } = PermitRecord.decode(kv.value);
      const record = this.#server.get(step.replace('queue/', 'step/'));
      const state = record === undefined ? undefined : StepRecord.decode(record.value).state;
      if (state !== OutcomeState.UNKNOWN) return `${kv.key} is still there for ${step} (11)`;
    }
    return undefined;
  }

  /** Lowering a limit takes effect as steps end: those that had begun before are not counted. */
  #busyOf(system: string, max: number): Set<string> {
    const isLowered = max < (this.#limits.get(system) ?? max);
    this.#limits.set(system, max);
    const busy = isLowered ? new Set<string>() : (this.#busy.get(system) ?? new Set<string>());
    this.#busy.set(system, busy);
    return busy;
  }

  #policy(): PolicyRecord {
    const kv = this.#server.get(keys.policy);
    return kv === undefined ? { unitId: '', limits: [], holds: [] } : PolicyRecord.decode(kv.value);
  }
}

function heldBy(policy: PolicyRecord, { system, controller }: QueueItem): string | undefined {
  const hold = policy.holds.find(
    ({ kind, name }) => kind === 'cluster' || (kind === 'controller' ? name === controller : name === system),
  );
  return hold === undefined ? undefined : `begun while ${hold.kind} ${hold.name} is held (11)`;
}
