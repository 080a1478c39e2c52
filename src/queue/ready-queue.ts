/**
 * The steps that may be taken now, in fair order: lanes by priority; within a lane tenants take turns, within a
 * tenant workflows, and within a workflow the oldest comes first. So 10,000 steps of one workflow never starve
 * another one's single step. A data structure only; who may be taken is decided elsewhere.
 */

/** What is queued. */
export interface ReadyEntry {
  /** The item's key in the store. */
  readonly key: string;
  /** 0 first. */
  readonly lane: number;
  readonly tenant: string;
  readonly workflow: string;
}

type Workflows<T> = Map<string, Map<string, T>>;
type Tenants<T> = Map<string, Workflows<T>>;

/** See the head of this file. */
export class ReadyQueue<T extends ReadyEntry> {
  /** Lane → tenant → workflow → key. Whoever had a turn goes to the end of his map. */
  readonly #lanes = new Map<number, Tenants<T>>();
  readonly #entries = new Map<string, T>();

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether the key is queued. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Adds an entry, or replaces the one with its key, which keeps its place if it stays in its lane. */
  add(entry: T): void {
    if (this.#entries.get(entry.key)?.lane !== entry.lane) this.remove(entry.key);
    this.#entries.set(entry.key, entry);
    const tenants = getOrMake(this.#lanes, entry.lane, () => new Map() as Tenants<T>);
    const workflows = getOrMake(tenants, entry.tenant, () => new Map() as Workflows<T>);
    getOrMake(workflows, entry.workflow, () => new Map<string, T>()).set(entry.key, entry);
  }

  /** Removes the entry of that key, if there is one. */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const tenants = this.#lanes.get(entry.lane);
    const workflows = tenants?.get(entry.tenant);
    const steps = workflows?.get(entry.workflow);
    steps?.delete(key);
    if (steps?.size === 0) workflows?.delete(entry.workflow);
    if (workflows?.size === 0) tenants?.delete(entry.tenant);
    if (tenants?.size === 0) this.#lanes.delete(entry.lane);
  }

  /**
   * Takes the next entry that the function accepts, and removes it. One that is not accepted keeps its place; of each
   * workflow only the first entries are asked about, so that a workflow which cannot move costs little.
   */
  take(accepts: (entry: T) => boolean): T | undefined {
    const lanes = [...this.#lanes.keys()].sort((left, right) => left - right);
    for (const lane of lanes) {
      const found = this.#takeFrom(this.#lanes.get(lane) ?? new Map<string, Workflows<T>>(), accepts);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All entries in the order in which they would be taken if all were accepted. */
  inOrder(): T[] {
    const copy = new ReadyQueue<T>();
    const order: T[] = [];
    // Rebuilt in the order of the maps, so that turns already had are kept.
    for (const tenants of this.#lanes.values()) {
      for (const workflows of tenants.values()) {
        for (const steps of workflows.values()) for (const entry of steps.values()) copy.add(entry);
      }
    }
    for (let entry = copy.take(() => true); entry !== undefined; entry = copy.take(() => true))
      order.push(entry);
    return order;
  }

  #takeFrom(tenants: Tenants<T>, accepts: (entry: T) => boolean): T | undefined {
    for (const [tenant, workflows] of tenants) {
      for (const [workflow, steps] of workflows) {
        const found = firstAccepted(steps, accepts);
        if (found === undefined) continue;
        this.remove(found.key);
        moveToEnd(workflows, workflow);
        moveToEnd(tenants, tenant);
        return found;
      }
    }
    return undefined;
  }
}

/** How many entries of one workflow are asked about in one go. */
const askedMax = 32;

function firstAccepted<T>(steps: Map<string, T>, accepts: (entry: T) => boolean): T | undefined {
  const refused: [string, T][] = [];
  let found: T | undefined;
  for (const [key, entry] of steps) {
    if (accepts(entry)) {
      found = entry;
      break;
    }
    refused.push([key, entry]);
    if (refused.length >= askedMax) break;
  }
  // Where there are more than can be asked about, others are asked about next time.
  if (steps.size > askedMax) {
    for (const [key, entry] of refused) {
      steps.delete(key);
      steps.set(key, entry);
    }
  }
  return found;
}

function moveToEnd<K, V>(map: Map<K, V>, key: K): void {
  const value = map.get(key);
  if (value === undefined) return;
  map.delete(key);
  map.set(key, value);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
