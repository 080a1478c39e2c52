/**
 * What an actor knows of its workflow: read once, then kept up by the events of its keys. Whoever finds it wrong throws
 * it away, and it is read anew: the store decides, not the memory.
 */
import type { StepId } from '../base/ids.js';
import type { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import type { CacheEvent } from '../store/cache.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import type { Store } from '../store/store.js';
import { applyEvent } from './apply-event.js';
import { freshWorkflow } from './load.js';
import type { PlanCache } from './plan-cache.js';
import { Run } from './run.js';
import type { WorkflowReader } from './workflow-reader.js';

/** A workflow that was just submitted, as its events show it. */
export interface FreshWorkflow {
  readonly head: WorkflowHead;
  readonly liveRevision: number;
}

/** What reading needs. */
export interface ReadOptions {
  readonly store: Store;
  readonly plans: PlanCache;
  readonly reader: WorkflowReader;
  /** Aborts when nobody needs it any more. */
  readonly signal: AbortSignal;
}

/** See the head of this file. */
export class KnownRun {
  readonly #key: WorkflowKey;
  readonly #options: ReadOptions;
  readonly #onGap: () => void;
  #run: Run | undefined;
  /** The revision as of which the run was read: older events say nothing new. */
  #asOf = 0;
  /** Records that a retry has taken away, and when: an older event must not bring them back. */
  readonly #removedRecords = new Map<StepId, number>();
  #events: CacheEvent[] = [];
  #fresh: FreshWorkflow | undefined;

  /** `fresh` spares the reading of a workflow that was just submitted; `onGap`: an event says that it must be read anew. */
  constructor(key: WorkflowKey, options: ReadOptions, fresh: FreshWorkflow | undefined, onGap: () => void) {
    this.#key = key;
    this.#options = options;
    this.#fresh = fresh;
    this.#onGap = onGap;
  }

  /** What is known now, without asking the store. */
  peek(): Run | undefined {
    return this.#run;
  }

  /** Whether something was seen that has not been taken in. */
  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** Takes note of a change of one of the workflow's keys. */
  note(event: CacheEvent): void {
    this.#events.push(event);
  }

  /**
   * The queue was listed as of that revision. An item that was read from the store, and never cached, may have gone
   * unseen: no list differs from the cache in it. Whether there is one; it is noted as gone.
   */
  noteListed(asOf: number, isCached: (key: string) => boolean): boolean {
    const gone = [...(this.#run?.items ?? [])]
      .filter(([, { revision }]) => revision > 0 && revision <= asOf)
      .map(([step]) => keys.queue(this.#key, step))
      .filter((key) => !isCached(key));
    for (const key of gone) this.note({ key, kv: undefined, revision: asOf });
    return gone.length > 0;
  }

  /** What was seen is of no use: the workflow cannot be read. */
  dropEvents(): void {
    this.#events = [];
  }

  /** A commit of this actor has taken the step's record away. */
  noteRemoved(step: StepId, revision: number): void {
    this.#removedRecords.set(step, revision);
  }

  /** What is known, with what was seen since; read anew if it is not known. Undefined when there is none, or a gap. */
  async current(): Promise<Run | undefined> {
    if (this.#run === undefined) await this.#read();
    const events = this.#events;
    this.#events = [];
    for (const event of events) {
      // An event may end what is known; the rest is then in what is read next.
      if (this.#run === undefined || event.revision <= this.#asOf) continue;
      if (applyEvent(this.#run, event, this.#removedRecords)) continue;
      this.discard();
      this.#onGap();
    }
    return this.#run;
  }

  /** Forgets it. */
  discard(): void {
    this.#run = undefined;
  }

  async #read(): Promise<void> {
    const { store, plans, reader, signal } = this.#options;
    const fresh = this.#fresh;
    this.#fresh = undefined;
    this.#removedRecords.clear();
    if (fresh !== undefined) {
      this.#asOf = fresh.liveRevision;
      const { head, liveRevision } = fresh;
      this.#run = new Run(await freshWorkflow(store, plans, this.#key, head, liveRevision));
      return;
    }
    const loaded = await reader.read(this.#key, signal);
    this.#asOf = loaded?.revision ?? 0;
    this.#run = loaded === undefined ? undefined : new Run(loaded);
  }
}
