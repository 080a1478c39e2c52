/**
 * A node without its network face: session after session, it joins the cluster, decides and executes, and leaves. All
 * that survives a session is the cache of the store; whoever was busy under the old session has been told to stop.
 */
import { Admission } from '../admission/admission.js';
import { AbortScope, isAborted } from '../base/abort.js';
import { sleep } from '../base/clock.js';
import { newUuid } from '../base/ids.js';
import { LockTable } from '../lock/lock-table.js';
import { Members } from '../cluster/members.js';
import { Dispatcher } from '../dispatcher/dispatcher.js';
import type { OutcomeSink } from '../dispatcher/ports.js';
import { Engine } from '../engine/engine.js';
import { PlanCache } from '../engine/plan-cache.js';
import { WorkflowReader } from '../engine/workflow-reader.js';
import { errorText, isReason, SteplockError } from '../errors/index.js';
import { openSession, type Session } from '../lease/session.js';
import { createSchemaChecker, type SchemaChecker } from '../model/schema.js';
import { Batcher } from '../store/batcher.js';
import { StoreCache } from '../store/cache.js';
import { keys, prefixes, ranges } from '../store/keys.js';
import type { Unit, UnitResult } from '../store/unit.js';
import { noTelemetry } from '../telemetry/index.js';
import { readClusterFacts, type ClusterFacts } from './cluster-records.js';
import { Draining } from './draining.js';
import type { Membership } from './membership.js';
import type { NodeRuntimeOptions } from './runtime-options.js';

const rejoinMsMin = 100;
const rejoinMsMax = 2_000;
const planStepsMax = 200_000;
/** Transactions that read workflows at once: for the engine few, for it may have thousands to read. */
const engineReadsMax = 4;
const apiReadsMax = 16;

/** See the head of this file. */
export class NodeRuntime {
  readonly plans = new PlanCache(planStepsMax);
  readonly checker: SchemaChecker;
  readonly cache: StoreCache;
  /** For those who look at workflows. */
  readonly reader: WorkflowReader;
  readonly members: Members;
  readonly locks: LockTable;
  readonly admission: Admission;
  readonly #options: NodeRuntimeOptions;
  readonly #scope = new AbortScope();
  readonly #draining: Draining;
  #facts: ClusterFacts | undefined;
  #membership: Membership | undefined;
  #running: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Set<(isMember: boolean) => void>();

  constructor(options: NodeRuntimeOptions) {
    this.#options = options;
    this.checker = options.checker ?? createSchemaChecker();
    const { store, clock, log, resyncMs } = options;
    const { node, shard, live, verb, queue, controller, lock, permit, webhook, callback } = prefixes;
    const kept = [node, shard, live, verb, queue, controller, lock, permit, webhook, callback, keys.policy];
    this.cache = new StoreCache({ store, clock, log, range: ranges.all, kept, resyncMs });
    const { plans, cache } = this;
    this.reader = new WorkflowReader({ store, plans, cache, clock, atOnceMax: apiReadsMax });
    this.members = new Members(this.cache, log);
    this.admission = new Admission(this.cache, clock);
    this.locks = new LockTable(this.cache, (resource) => {
      this.#membership?.engine.onLockFreed(resource);
    });
    this.#draining = new Draining({ ...options, cache: this.cache, membership: () => this.#membership });
  }

  /** What the node is a member by; undefined while it is not. */
  get membership(): Membership | undefined {
    return this.#membership;
  }

  /** What all nodes agree on; undefined until the store has answered. */
  get facts(): ClusterFacts | undefined {
    return this.#facts;
  }

  /**
   * How many shards the cluster has.
   *
   * @throws SteplockError SHUTTING_DOWN until the store has answered.
   */
  get shards(): number {
    if (this.#facts === undefined) throw shuttingDown();
    return this.#facts.shards;
  }

  /** Begins to join, and joins again whenever a session has ended, until it is closed. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits until the node is a member. */
  async joined(): Promise<Membership> {
    for (;;) {
      if (this.#membership !== undefined) return this.#membership;
      if (this.#scope.signal.aborted) throw shuttingDown();
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Calls whenever the node becomes a member or ceases to be one. */
  onMembership(listener: (isMember: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes no new work, gives shards and what it polls to others, and waits until its calls have ended, or the time is
   * up. Without others it just takes nothing new.
   */
  async drain(timeoutMs: number): Promise<void> {
    await this.#draining.drain(timeoutMs);
  }

  /**
   * Commits a unit under the node's session.
   *
   * @throws SteplockError SHUTTING_DOWN when it is not a member; LEASE_LOST when it ceased to be one meanwhile.
   */
  async commit(unit: Unit): Promise<UnitResult> {
    if (this.#membership === undefined) throw shuttingDown();
    return await this.#membership.batcher.commit(unit);
  }

  /** Leaves: gives the lease back, so that others take over at once. */
  async close(): Promise<void> {
    this.#scope.abort(new Error('The node is closing'));
    await this.#membership?.session.close();
    this.#wakeWaiting();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#scope;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#prepare();
        await this.#beMember();
        failures = 0;
      } catch (error) {
        if (isAborted(signal)) return;
        if (
          !isReason(
            error,
            'STORE_UNAVAILABLE',
            'OUTCOME_UNKNOWN',
            'STORE_FULL',
            'LEASE_LOST',
            'REVISION_COMPACTED',
          )
        ) {
          log.error({ err: error }, 'node cannot join');
        } else {
          log.warn({ cause: errorText(error) }, 'waiting for the store to join');
        }
      }
      const waitMs = Math.min(rejoinMsMin * 2 ** Math.min(failures, 10), rejoinMsMax);
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  }

  /** Once: what the cluster is, and the cache. */
  async #prepare(): Promise<void> {
    if (this.#facts !== undefined) return;
    const facts = await readClusterFacts(this.#options.store, this.#options.shards);
    await this.cache.start(this.#scope.signal);
    this.#facts = facts;
  }

  /** One session, from its opening to its end. */
  async #beMember(): Promise<void> {
    const { log, nodeId } = this.#options;
    const session = await this.#openSession();
    if (this.#scope.signal.aborted) {
      // Closed while it was being opened: nobody else would ever end it.
      session.end('the node is closing');
      await session.close();
      return;
    }
    const membership = this.#assemble(session);
    const unsubscribe = this.cache.subscribe((event) => {
      // A key of ours that anybody else deleted ends what runs under it, whatever the lease says.
      if (event.key !== keys.node(nodeId) || event.revision <= session.revision) return;
      if (event.kv?.createRevision !== session.revision) session.end('the node record is gone');
      // Any node may have been asked to let this one drain.
      else if (this.members.get(nodeId)?.record.draining === true) this.#draining.begin();
    });
    this.#setMembership(membership);
    this.#wakeWaiting();
    log.info({ node: nodeId, session: session.revision }, 'node joined');
    try {
      await membership.engine.run();
    } finally {
      this.#setMembership(undefined);
      unsubscribe();
      session.end('the engine stopped');
      await session.close();
    }
  }

  async #openSession(): Promise<Session> {
    const { store, clock, random, log, ttlMs, nodeId, address, neighborhood, labels, version, capacity } =
      this.#options;
    return await openSession({
      store,
      clock,
      random,
      log,
      ttlMs,
      signal: this.#scope.signal,
      node: {
        nodeId,
        instance: newUuid(random),
        address: address(),
        neighborhood,
        labels: { ...labels },
        draining: this.#draining.hasBegun,
        version,
        capacity,
        controllers: [...this.#options.localControllers],
        joinTimeMs: clock.nowMs(),
      },
    });
  }

  #assemble(session: Session): Membership {
    const { store, clock, random, log, capacity, capacityOf, controllers, secrets, sealer } = this.#options;
    const { cache, members, locks, admission, plans, checker } = this;
    const { shards, generation } = this.#facts ?? { shards: this.#options.shards, generation: 1 };
    const batcher = new Batcher({
      store,
      clock,
      log,
      guard: session.guard(),
      signal: session.signal,
      onGuardFailed: () => {
        session.end('its record is gone from the store');
      },
      onApplied: (unit, revision) => {
        cache.applyUnit(unit, revision);
      },
    });
    const outcomes: OutcomeSink = {
      report: async (workflow, report) => await engine.report(workflow, report),
      peekRecord: (workflow, step) => engine.peekRecord(workflow, step),
    };
    const { lookMs, telemetry = noTelemetry } = this.#options;
    const common = { store, batcher, clock, random, log, telemetry, plans, cache, session };
    const dispatcher = new Dispatcher({
      ...common,
      members,
      admission,
      capacity,
      capacityOf,
      controllers,
      secrets,
      checker,
      intake: { controllers, checker, sealer },
      shards,
      outcomes,
      generation,
      ...(lookMs === undefined ? {} : { ownClaimsMs: lookMs }),
    });
    const engine = new Engine({
      ...common,
      members,
      locks,
      reader: new WorkflowReader({ store, plans, cache, clock, atOnceMax: engineReadsMax }),
      dispatch: dispatcher,
      shards,
      ...(lookMs === undefined ? {} : { lookMs }),
    });
    if (this.#draining.hasBegun) dispatcher.drain();
    return { session, batcher, engine, dispatcher };
  }

  #setMembership(membership: Membership | undefined): void {
    this.#membership = membership;
    for (const listener of this.#listeners) listener(membership !== undefined);
  }

  #wakeWaiting(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

function shuttingDown(): SteplockError {
  return new SteplockError('SHUTTING_DOWN', 'This node is not a member of its cluster now');
}
