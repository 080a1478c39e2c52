/**
 * Drives one workflow at its shard's owner: takes what was reported, asked or seen, decides, commits, and again. One
 * commit of a workflow is under way at a time. When a commit is refused, what is known is thrown away and read anew:
 * the store decides, not the memory.
 */
import { isAborted } from '../base/abort.js';
import { sleep } from '../base/clock.js';
import { createDeferred, type Deferred } from '../base/deferred.js';
import type { StepId } from '../base/ids.js';
import { errorText, isReason } from '../errors/index.js';
import type { QueueItem, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { HeadState } from '../gen/store/steplock/store/v1/workflow.js';
import { isResting } from '../model/workflow-state.js';
import type { CacheEvent } from '../store/cache.js';
import type { WorkflowKey } from '../store/keys.js';
import { CorruptRecordError } from '../store/records.js';
import type { Unit, UnitResult } from '../store/unit.js';
import type { ActorOptions } from './actor-options.js';
import { confirmTurn, unitOfTurn } from './commit.js';
import { reportCorruptRecord } from './corrupt-record.js';
import { decide, type Report } from './decide.js';
import { deleteTree } from './delete-tree.js';
import { Elapsed } from './elapsed.js';
import { lockInputs } from './lock-inputs.js';
import { noteIncident, noteState } from './notes.js';
import { KnownRun, type FreshWorkflow } from './known-run.js';
import type { Reservation } from './release.js';
import type { Run } from './run.js';
import { keepPlan } from './take-up-added.js';
import { Turn } from './turn.js';

interface PendingReport {
  readonly report: Report;
  readonly deferred: Deferred<boolean>;
}

/** Reports taken into one unit, so that it stays small. */
const reportsMax = 8;
/** Units of a large fan-out that are under way together. */
const unitsMax = 16;
/** How long to wait after a start was refused for a lock that is taken. */
const lockRetryMs = 200;
const reloadMsMin = 10;
const reloadMsMax = 2_000;

/** See the head of this file. */
export class WorkflowActor {
  readonly key: WorkflowKey;
  readonly #options: ActorOptions;
  readonly #known: KnownRun;
  readonly #elapsed = new Elapsed();
  #reports: PendingReport[] = [];
  #isDirty = true;
  #isRunning = false;
  #cancelWake: (() => void) | undefined;
  #failures = 0;

  /** `fresh` spares the reading of a workflow that was just submitted. */
  constructor(key: WorkflowKey, options: ActorOptions, fresh?: FreshWorkflow) {
    this.key = key;
    this.#options = options;
    this.#known = new KnownRun(key, options, fresh, () => {
      this.#isDirty = true;
    });
    this.#schedule();
  }

  /** The outcome of a step as its owner knows it, without asking the store. */
  peekRecord(step: StepId): StepRecord | undefined {
    return this.#known.peek()?.records.get(step)?.record;
  }

  /** Looks again: what it waits for may have come. */
  poke(): void {
    this.#isDirty = true;
    this.#schedule();
  }

  /** Takes note of a change of one of the workflow's keys. */
  onEvent(event: CacheEvent): void {
    this.#known.note(event);
    this.poke();
  }

  /** See {@link KnownRun.noteListed}. */
  onListed(asOf: number, isCached: (key: string) => boolean): void {
    if (this.#known.noteListed(asOf, isCached)) this.poke();
  }

  /**
   * Commits a step's outcome together with what follows from it. False when that cannot be done here: the reporter
   * then writes the outcome by itself.
   */
  async report(report: Report): Promise<boolean> {
    if (this.#options.signal.aborted) return false;
    const deferred = createDeferred<boolean>();
    this.#reports.push({ report, deferred });
    this.poke();
    return await deferred.promise;
  }

  #schedule(): void {
    if (this.#isRunning || this.#options.signal.aborted) return;
    this.#isRunning = true;
    this.#options.clock.soon(() => void this.#runTurns());
  }

  async #runTurns(): Promise<void> {
    const { log, signal, clock } = this.#options;
    while (this.#isDirty && !signal.aborted) {
      this.#isDirty = false;
      try {
        await this.#runTurn();
        this.#failures = 0;
      } catch (error) {
        if (isAborted(signal) || isReason(error, 'LEASE_LOST')) break;
        if (error instanceof CorruptRecordError) {
          this.#known.discard();
          await this.#standStill(error);
          break;
        }
        this.#known.discard();
        log.warn({ workflow: this.key.id, cause: errorText(error) }, 'workflow not read, trying again');
        this.#isDirty = true;
        const waitMs = Math.min(reloadMsMin * 2 ** this.#failures++, reloadMsMax);
        await sleep(clock, waitMs, signal).catch(() => undefined);
      }
    }
    this.#isRunning = false;
    if (this.#isDirty) this.#schedule();
    else if (this.#isIdle()) {
      const run = this.#known.peek();
      if (run !== undefined) this.#options.plans.rest(run.head.uid);
      this.close();
      this.#options.onIdle();
    }
  }

  async #standStill(error: CorruptRecordError): Promise<void> {
    const { log } = this.#options;
    this.#known.dropEvents();
    this.#refuseReports();
    log.error(
      { workflow: this.key.id, key: error.key, err: error },
      'record cannot be read, workflow stands still',
    );
    try {
      await reportCorruptRecord(this.key, error, this.#options);
    } catch (failure) {
      // The next event, or the next owner, comes by here again.
      log.warn({ workflow: this.key.id, cause: errorText(failure) }, 'incident not opened');
    }
  }

  /** Nothing is under way, and nothing but an event can move it. */
  #isIdle(): boolean {
    const run = this.#known.peek();
    if (this.#reports.length > 0 || this.#known.hasEvents) return false;
    // What is queued and not in doubt cannot be claimed while the workflow rests.
    return run === undefined || (isResting(run.head.state) && !run.hasLiveItem);
  }

  async #runTurn(): Promise<void> {
    const run = await this.#known.current();
    const reports = this.#reports.splice(0, reportsMax);
    if (this.#reports.length > 0) this.#isDirty = true;
    if (run === undefined) {
      for (const { deferred } of reports) deferred.resolve(false);
      return;
    }
    if (run.head.state === HeadState.DELETING) {
      for (const { deferred } of reports) deferred.resolve(false);
      await deleteTree(run, this.#options);
      this.#known.discard();
      this.#isDirty = true;
      return;
    }
    await this.#decideAndCommit(run, reports);
  }

  async #decideAndCommit(run: Run, reports: readonly PendingReport[]): Promise<void> {
    const { clock, dispatch, random, epoch, locks } = this.#options;
    const before = run.head.state;
    const commits: { readonly turn: Turn; readonly unit: Unit }[] = [];
    let refused: Report[] = [];
    let inputs = reports.map(({ report }) => report);
    const reserve = (item: QueueItem): Reservation | undefined => dispatch.reserve(item);
    const given = {
      reserve,
      ...lockInputs(locks),
      elapsedMs: this.#elapsed.measure(run.head, clock.monotonicMs()),
    };
    for (;;) {
      const turn = new Turn();
      refused = refused.concat(decide(run, { ...given, reports: inputs, nowMs: clock.nowMs() }, turn));
      inputs = [];
      if (turn.wakeAtMs !== undefined) this.#wakeAt(turn.wakeAtMs);
      if (!turn.isEmpty) commits.push({ turn, unit: unitOfTurn(run, turn, epoch, random.hex(8)) });
      if (!turn.hasMore) break;
      // Releases that wait for no commit of this one may go on at once; anything else waits for it.
      const isPureRelease = !turn.headChanged && turn.changes.every((change) => change.kind === 'enqueue');
      if (!isPureRelease || turn.isEmpty || commits.length >= unitsMax) {
        this.#isDirty = true;
        break;
      }
    }
    let areApplied = false;
    try {
      areApplied = await this.#commitAll(run, commits);
    } finally {
      for (const { report, deferred } of reports) deferred.resolve(areApplied && !refused.includes(report));
    }
    if (areApplied && run.head.state !== before) noteState(run.head, this.#options);
    // Its tickets are written: perhaps nobody stands before it.
    if (areApplied && run.head.state === HeadState.QUEUED && before !== HeadState.QUEUED)
      this.#isDirty = true;
    const hasGrant = commits.some(({ turn }) => turn.changes.some(({ kind }) => kind === 'grant'));
    if (!areApplied && hasGrant) {
      // Somebody comes before it of whom the cache has not heard: the next list brings him.
      await sleep(clock, lockRetryMs, this.#options.signal).catch(() => undefined);
    }
  }

  async #commitAll(run: Run, commits: readonly { turn: Turn; unit: Unit }[]): Promise<boolean> {
    const { batcher } = this.#options;
    const results = await Promise.allSettled(commits.map(async ({ unit }) => await batcher.commit(unit)));
    let areApplied = true;
    for (const [index, result] of results.entries()) {
      const commit = commits[index];
      if (commit === undefined) continue;
      if (result.status === 'fulfilled' && result.value.applied) this.#confirm(run, commit, result.value);
      else {
        areApplied = false;
        this.#cancelReservations(commit.turn);
      }
    }
    if (!areApplied) {
      this.#known.discard();
      this.#isDirty = true;
    }
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason as Error;
    return areApplied;
  }

  #confirm(
    run: Run,
    commit: { turn: Turn; unit: Unit },
    result: Extract<UnitResult, { applied: true }>,
  ): void {
    confirmTurn(run, commit.turn, commit.unit, result.revision);
    if (commit.turn.changes.some(({ kind }) => kind === 'extend')) keepPlan(run, this.#options.plans);
    for (const change of commit.turn.changes) {
      if (change.kind === 'incident') noteIncident(change.entry.record, this.#options);
      if (change.kind !== 'enqueue') continue;
      if (change.former !== undefined) this.#known.noteRemoved(change.step, result.revision);
      if (change.entry.record.claim !== undefined) {
        this.#options.dispatch.start(this.key, change.entry.record, result.revision);
      }
    }
  }

  #cancelReservations(turn: Turn): void {
    for (const change of turn.changes) {
      if (change.kind === 'enqueue' && change.entry.record.claim !== undefined) {
        this.#options.dispatch.cancelReservation(this.key, change.step);
      }
    }
  }

  #wakeAt(timeMs: number): void {
    this.#cancelWake?.();
    const delayMs = Math.max(1, timeMs - this.#options.clock.nowMs());
    this.#cancelWake = this.#options.clock.setTimer(delayMs, () => {
      this.poke();
    });
  }

  /** Lets go of the workflow: the shard is lost, or nothing is left to do. */
  close(): void {
    this.#cancelWake?.();
    this.#known.discard();
    this.#refuseReports();
  }

  #refuseReports(): void {
    const reports = this.#reports;
    this.#reports = [];
    for (const { deferred } of reports) deferred.resolve(false);
  }
}
