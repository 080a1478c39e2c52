/**
 * Group commit. While one transaction is under way, units gather; the next transaction carries as many of them as fit
 * and do not touch each other, each nested with its own guard, all under one guard of the node's session.
 *
 * A transaction whose answer is lost is sent again, unchanged, until it is answered or the session ends: a read that
 * says "not there" proves nothing, because the lost one may be applied later. Guards make a second application
 * impossible, and the witness tells a unit that was applied before from one that was refused.
 */
import { assert } from '../base/assert.js';
import { createDeferred, type Deferred } from '../base/deferred.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../log/log.js';
import { wasWrittenBy } from './records.js';
import { leaseLost, sendUntilAnswered } from './send.js';
import {
  TxnRefusedError,
  type Compare,
  type KeyValue,
  type Op,
  type OpResult,
  type Store,
  type Txn,
  type TxnResult,
} from './store.js';
import { checkUnit, Footprint, type Unit, type UnitResult } from './unit.js';

/** What a batcher needs. */
export interface BatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Compared once per transaction; when it fails no unit is applied and the session is over. */
  readonly guard: readonly Compare[];
  /** Aborts when the session ends. */
  readonly signal: AbortSignal;
  /** Called when the guard failed: somebody else, or time, ended the session. */
  readonly onGuardFailed: () => void;
  /** Called for each unit that was applied, in the order of revisions, before its submitter hears of it. */
  readonly onApplied?: (unit: Unit, revision: number) => void;
}

/** etcd allows 128 operations a level, and a nested level what the outer one leaves: units + largest unit ≤ this. */
const operationsMax = 120;
/** etcd refuses requests over 1.5 MiB. */
const bytesMax = 1024 * 1024;
/** Rough cost of an operation beside its key and value. */
const operationBytes = 32;

interface Waiting {
  readonly unit: Unit;
  readonly operations: number;
  readonly bytes: number;
  readonly deferred: Deferred<UnitResult>;
  /** Whether a transaction with it got no answer: when its guard fails later, it may be that it was applied then. */
  mayBeApplied: boolean;
}

/** See the head of this file. */
export class Batcher {
  readonly #options: BatcherOptions;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isScheduled = false;
  #sent = { transactions: 0, units: 0 };

  constructor(options: BatcherOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => {
      this.#refuseWaiting();
    });
  }

  /** How many transactions and units were answered so far. */
  get sent(): { readonly transactions: number; readonly units: number } {
    return this.#sent;
  }

  /** How many units wait for their transaction. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /**
   * Commits a unit.
   *
   * @throws SteplockError LEASE_LOST when the session ended first: the unit may have been applied or not, and will
   *   not be any more once the session's lease is gone.
   * @throws TxnRefusedError when the store refuses the unit as such (too large); nothing of it was applied.
   */
  async commit(unit: Unit): Promise<UnitResult> {
    checkUnit(unit);
    if (this.#options.signal.aborted) throw leaseLost(this.#options.signal.reason);
    const deferred = createDeferred<UnitResult>();
    const operations = Math.max(unit.compares.length, unit.ops.length);
    this.#waiting.push({ unit, operations, bytes: sizeOf(unit), deferred, mayBeApplied: false });
    this.#schedule();
    return await deferred.promise;
  }

  #schedule(): void {
    if (this.#isBusy || this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      if (!this.#isBusy && this.#waiting.length > 0) void this.#sendBatch();
    });
  }

  async #sendBatch(): Promise<void> {
    this.#isBusy = true;
    const batch = this.#takeBatch();
    try {
      await this.#sendTogether(batch);
    } catch (error) {
      // Only a defect leads here; the submitters must hear of it all the same.
      for (const { deferred } of batch) deferred.reject(error);
    } finally {
      this.#isBusy = false;
      this.#schedule();
    }
  }

  /** Takes what fits, in order; a unit that must wait holds back those after it that touch what it touches. */
  #takeBatch(): Waiting[] {
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const footprint = new Footprint();
    let bytes = 0;
    let largest = 0;
    for (const waiting of this.#waiting) {
      const fits =
        bytes + waiting.bytes <= bytesMax &&
        taken.length + 1 + Math.max(largest, waiting.operations) <= operationsMax;
      const isFirst = taken.length === 0 && left.length === 0;
      if ((fits || isFirst) && !footprint.conflictsWith(waiting.unit)) {
        taken.push(waiting);
        bytes += waiting.bytes;
        largest = Math.max(largest, waiting.operations);
      } else {
        left.push(waiting);
      }
      // Also for those left behind: nothing that touches them may overtake them.
      footprint.add(waiting.unit);
    }
    this.#waiting = left;
    return taken;
  }

  async #sendTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#settle(batch);
    } catch (error) {
      if (error instanceof TxnRefusedError && batch.length > 1) {
        // One bad unit spoils all of its request: alone, each gets its own answer.
        for (const waiting of batch) await this.#sendTogether([waiting]);
        return;
      }
      for (const { deferred } of batch) deferred.reject(error);
    }
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    const { result } = await sendUntilAnswered(toTxn(this.#options.guard, batch), {
      ...this.#options,
      onUnanswered: () => {
        for (const waiting of batch) waiting.mayBeApplied = true;
      },
    });
    this.#sent = { transactions: this.#sent.transactions + 1, units: this.#sent.units + batch.length };
    if (!result.succeeded) {
      this.#options.onGuardFailed();
      throw leaseLost('The session is no longer the one in the store');
    }
    const outcomes = batch.map((waiting, index) => outcomeOf(waiting, result.results[index], result));
    for (const [index, outcome] of outcomes.entries()) {
      const waiting = batch[index];
      if (outcome.applied && waiting !== undefined) this.#options.onApplied?.(waiting.unit, outcome.revision);
    }
    for (const [index, outcome] of outcomes.entries()) batch[index]?.deferred.resolve(outcome);
  }

  #refuseWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { deferred } of waiting) deferred.reject(leaseLost(this.#options.signal.reason));
  }
}

function toTxn(guard: readonly Compare[], batch: readonly Waiting[]): Txn {
  return {
    compares: guard,
    then: batch.map(({ unit }): Op => ({ type: 'txn', txn: nested(unit) })),
    otherwise: [],
  };
}

function nested(unit: Unit): Txn {
  const { compares, ops, witness } = unit;
  return { compares, then: ops, otherwise: witness === undefined ? [] : [{ type: 'get', at: witness }] };
}

function outcomeOf(
  { unit, mayBeApplied }: Waiting,
  answer: OpResult | undefined,
  result: TxnResult,
): UnitResult {
  assert(answer?.type === 'txn', 'A nested transaction is answered by one');
  if (answer.result.succeeded) return { applied: true, revision: result.revision };
  const read = answer.result.results[0];
  const witness: KeyValue | undefined = read?.type === 'get' ? read.kvs[0] : undefined;
  if (mayBeApplied && witness !== undefined && wasWrittenBy(witness.value, unit.id)) {
    return { applied: true, revision: witness.modRevision };
  }
  return { applied: false, witness };
}

function sizeOf(unit: Unit): number {
  let bytes = 0;
  for (const op of unit.ops) {
    bytes += operationBytes + (op.type === 'put' ? op.key.length + op.value.length : operationBytes);
  }
  return bytes + unit.compares.length * 2 * operationBytes;
}
