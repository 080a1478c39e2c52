/**
 * Lets steps start, or not: holds, and limits of systems. A limit of N has N slots, each a key of the store; a claim puts
 * the keys of the slots that it takes and compares that they were not there, so that no limit is ever passed, whatever
 * a node believes. The step's item names its slots, and whoever records that its call has ended deletes them with it.
 */
import type { Clock } from '../base/clock.js';
import {
  PermitRecord,
  PolicyRecord,
  type HoldRecord,
  type LimitRecord,
} from '../gen/store/steplock/store/v1/cluster.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { weightOf } from '../cluster/rendezvous.js';
import type { StoreCache } from '../store/cache.js';
import { keys, prefixes } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import { isAbsent, isUnchanged, type Compare } from '../store/store.js';
import { describeHold, holdOn, isAbout, limitsFor, type Governed } from './policy.js';

/** What a step may start with, or what it waits for. */
export type Admitted =
  | { readonly ok: true; readonly permits: readonly string[]; readonly guards: readonly Compare[] }
  | { readonly ok: false; readonly waitsFor: string };

/** What keeps a step from starting. */
export type Block = { readonly hold: HoldRecord } | { readonly limit: LimitRecord };

/** Over how long what a hold kept back is started once it is released. */
const rampMs = 10_000;
const noPolicy: PolicyRecord = { unitId: '', limits: [], holds: [] };

/** See the head of this file. */
export class Admission {
  readonly #cache: StoreCache;
  readonly #clock: Clock;
  /** Slots that a claim of this node is about to take. */
  readonly #pending = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #policy = noPolicy;
  #revision = 0;
  /** Holds that were released, and until when what each kept back is spread out, by the monotonic clock. */
  #ramps: { readonly hold: HoldRecord; readonly endMs: number }[] = [];
  /** Limits that had no free slot when last looked for one; until a slot is freed nothing needs to look again. */
  readonly #full = new Set<string>();

  constructor(cache: StoreCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
    this.#readPolicy();
    cache.subscribe(({ key, kv }) => {
      if (key === keys.policy) this.#readPolicy();
      else if (!key.startsWith(prefixes.permit) || kv !== undefined) return;
      this.#full.clear();
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls when something may start that could not before; gives what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether the step may start now, and with which slots; they are set aside until {@link settle}. */
  admit(step: string, item: QueueItem): Admitted {
    const hold = holdOn(this.#policy, item);
    if (hold !== undefined) return { ok: false, waitsFor: describeHold(hold) };
    const policy = this.guard();
    // What it still holds, because nobody knew whether an earlier call had ended, is its own.
    if (item.permits.length > 0) return { ok: true, permits: item.permits, guards: [policy] };
    const permits: string[] = [];
    for (const { system, limitClass, max } of limitsFor(this.#policy, item)) {
      const slot = this.#freeSlot(step, system, limitClass, max);
      if (slot === undefined) return { ok: false, waitsFor: limitText(system, limitClass, max) };
      permits.push(slot);
    }
    for (const permit of permits) this.#pending.add(permit);
    return { ok: true, permits, guards: [policy, ...permits.map(isAbsent)] };
  }

  /** What every new call compares: that nobody has changed limits and holds since this node heard of them. */
  guard(): Compare {
    return isUnchanged(keys.policy, this.#revision);
  }

  /** The claim was answered, or given up: the cache knows of its slots, or they are free. */
  settle(permits: readonly string[]): void {
    for (const permit of permits) this.#pending.delete(permit);
    if (permits.length > 0) this.#full.clear();
  }

  /** What the step waits for as far as limits and holds go; undefined if for nothing. */
  waitsFor(item: QueueItem): string | undefined {
    const block = this.blockOf(item);
    if (block === undefined) return undefined;
    if ('hold' in block) return describeHold(block.hold);
    const { system, limitClass, max } = block.limit;
    return limitText(system, limitClass, max);
  }

  /** The hold, or the limit that has no free slot, which keeps the step from starting; undefined if none does. */
  blockOf(item: QueueItem): Block | undefined {
    const hold = holdOn(this.#policy, item);
    if (hold !== undefined) return { hold };
    if (item.permits.length > 0) return undefined;
    const limit = limitsFor(this.#policy, item).find(
      ({ system, limitClass, max }) => this.#freeSlot('', system, limitClass, max) === undefined,
    );
    return limit === undefined ? undefined : { limit };
  }

  /** Queue keys of the steps that use the slots of a limit, so many at most. */
  usersOf({ system, limitClass, max }: LimitRecord, most: number): string[] {
    const users: string[] = [];
    for (let slot = 0; slot < max && users.length < most; slot++) {
      const kv = this.#cache.get(keys.permit(system, limitClass, slot));
      const permit = kv === undefined ? undefined : readRecord(PermitRecord, kv);
      if (permit !== undefined) users.push(permit.step);
    }
    return users;
  }

  /** Whether a hold keeps the step from starting. */
  isHeld(item: Governed): boolean {
    return holdOn(this.#policy, item) !== undefined;
  }

  /** How long this step is kept back so that what a released hold kept back does not start all at once. */
  rampDelayMs(step: string, item: Governed): number {
    if (this.#ramps.length === 0) return 0;
    const nowMs = this.#clock.monotonicMs();
    this.#ramps = this.#ramps.filter(({ endMs }) => endMs > nowMs);
    const delays = this.#ramps
      .filter(({ hold }) => isAbout(hold, item))
      .map(({ endMs }) => (weightOf(step, 'ramp') / 2 ** 32) * rampMs - (rampMs - (endMs - nowMs)));
    return Math.max(0, ...delays);
  }

  /** A slot that nobody has; where to begin to look differs by step, so that nodes do not race for the first one. */
  #freeSlot(step: string, system: string, limitClass: string, max: number): string | undefined {
    const limit = `${system}/${limitClass}`;
    if (this.#full.has(limit)) return undefined;
    const first = weightOf(step, system) % max;
    for (let index = 0; index < max; index++) {
      const slot = keys.permit(system, limitClass, (first + index) % max);
      if (this.#cache.get(slot) === undefined && !this.#pending.has(slot)) return slot;
    }
    this.#full.add(limit);
    return undefined;
  }

  #readPolicy(): void {
    const kv = this.#cache.get(keys.policy);
    const former = this.#policy;
    this.#revision = kv?.modRevision ?? 0;
    this.#policy = kv === undefined ? noPolicy : (readRecord(PolicyRecord, kv) ?? noPolicy);
    const isPlaced = (hold: HoldRecord): boolean =>
      this.#policy.holds.some(({ kind, name }) => kind === hold.kind && name === hold.name);
    const endMs = this.#clock.monotonicMs() + rampMs;
    for (const hold of former.holds) if (!isPlaced(hold)) this.#ramps.push({ hold, endMs });
  }
}

function limitText(system: string, limitClass: string, max: number): string {
  return `limit ${max} of ${system}${limitClass === '' ? '' : ` for ${limitClass}`}`;
}
