/** The slots of a node: which steps it runs, is about to claim, or has reserved a slot for; counted by controller. */

/** How many there are. */
export interface SlotLimits {
  /** Steps at once. */
  readonly capacity: number;
  /** Of a controller: at most so many of them; controllers that are not named are bounded by `capacity` alone. */
  readonly capacityOf: ReadonlyMap<string, number>;
}

/** See the head of this file; `T` is what runs in a slot. */
export class Slots<T> {
  readonly #limits: SlotLimits;
  readonly #taken = new Map<string, { readonly controller: string; readonly runs: T | undefined }>();
  readonly #busyOf = new Map<string, number>();

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** How many are taken. */
  get size(): number {
    return this.#taken.size;
  }

  /** Whether the step has one. */
  has(key: string): boolean {
    return this.#taken.has(key);
  }

  /** Whether any is free. */
  get hasRoom(): boolean {
    return this.#taken.size < this.#limits.capacity;
  }

  /** Whether one is free for a step of that controller. */
  hasRoomFor(controller: string): boolean {
    const most = this.#limits.capacityOf.get(controller) ?? Infinity;
    return this.hasRoom && (this.#busyOf.get(controller) ?? 0) < most;
  }

  /** Takes one for the step, or says what now runs in the one that it has. */
  take(key: string, controller: string, runs?: T): void {
    if (!this.#taken.has(key)) this.#busyOf.set(controller, (this.#busyOf.get(controller) ?? 0) + 1);
    this.#taken.set(key, { controller, runs });
  }

  /** Gives the step's slot back, if it has one. */
  letGo(key: string): void {
    const slot = this.#taken.get(key);
    if (slot === undefined) return;
    this.#taken.delete(key);
    this.#busyOf.set(slot.controller, (this.#busyOf.get(slot.controller) ?? 1) - 1);
  }

  /** What runs, by step. */
  *running(): Generator<readonly [key: string, runs: T]> {
    for (const [key, { runs }] of this.#taken) if (runs !== undefined) yield [key, runs];
  }
}
