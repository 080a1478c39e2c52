/**
 * A queue item that this node has claimed: the only way to change it. Changes go one after the other, each guarded by
 * the revision of the one before; the first that is refused means that the claim is lost.
 */
import type { Random } from '../base/random.js';
import { isReason } from '../errors/index.js';
import { QueueItem, StepRecord, IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import { incidentKeyName, webhookNote } from '../engine/incident.js';
import type { Batcher } from '../store/batcher.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isUnchanged, type Compare } from '../store/store.js';
import type { UnitOp } from '../store/unit.js';
import type { StepId } from '../base/ids.js';
import type { Outcome } from './outcome.js';

/** Thrown when the step is no longer this node's; whatever it did is for the next claimer to find out. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
}

/** What was held and no longer is. */
function freedPermits(before: readonly string[], after: readonly string[]): UnitOp[] {
  return before.filter((permit) => !after.includes(permit)).map((at) => ({ type: 'delete', at }));
}

/** See the head of this file. */
export class HeldItem {
  readonly key: string;
  readonly workflow: WorkflowKey;
  readonly #batcher: Batcher;
  readonly #random: Random;
  #item: QueueItem;
  #revision: number;
  #fence: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(workflow: WorkflowKey, item: QueueItem, revision: number, batcher: Batcher, random: Random) {
    this.workflow = workflow;
    this.key = keys.queue(workflow, item.stepId as StepId);
    this.#item = item;
    this.#revision = revision;
    this.#fence = revision;
    this.#batcher = batcher;
    this.#random = random;
  }

  /** As last written. */
  get item(): QueueItem {
    return this.#item;
  }

  /** The revision of the last write. */
  get revision(): number {
    return this.#revision;
  }

  /** The revision at which the step was claimed, its last attempt begun or its last probe announced. */
  get fence(): number {
    return this.#fence;
  }

  /** Waits until no write is under way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /**
   * Writes the item with these fields changed, and more with it, if the further compares hold too.
   *
   * @returns whether it was written; false only with further compares, after which the item is as it was.
   * @throws ClaimLostError
   */
  async write(
    patch: Partial<QueueItem>,
    further: readonly Compare[] = [],
    more: readonly UnitOp[] = [],
  ): Promise<boolean> {
    return await this.#inTurn(async () => {
      const unitId = this.#random.hex(8);
      const item: QueueItem = { ...this.#item, ...patch, unitId };
      const put: UnitOp = { type: 'put', key: this.key, value: encodeRecord(QueueItem, item) };
      const result = await this.#commit(
        [put, ...freedPermits(this.#item.permits, item.permits), ...more],
        unitId,
        this.key,
        further,
      );
      if (result === undefined) {
        if (further.length > 0) return false;
        throw new ClaimLostError(`Step ${item.stepId} is no longer this node's`);
      }
      this.#item = item;
      this.#revision = result;
      return true;
    });
  }

  /** As {@link write}; its revision becomes the fencing token. */
  async raiseFence(patch: Partial<QueueItem>): Promise<void> {
    await this.write(patch);
    this.#fence = this.#revision;
  }

  /** As {@link write}, for a new attempt: its revision becomes the fencing token. */
  async beginAttempt(patch: Partial<QueueItem>, further: readonly Compare[]): Promise<boolean> {
    const isWritten = await this.write(patch, further);
    if (isWritten) this.#fence = this.#revision;
    return isWritten;
  }

  /**
   * Writes the outcome and takes the item out of the queue, without the owner.
   *
   * @throws ClaimLostError
   */
  async finish({ record, incident }: Outcome): Promise<void> {
    await this.#inTurn(async () => {
      const unitId = this.#random.hex(8);
      const stepKey = keys.step(this.workflow, record.stepId as StepId);
      const ops: UnitOp[] = [
        { type: 'put', key: stepKey, value: encodeRecord(StepRecord, { ...record, unitId }) },
        { type: 'delete', at: this.key },
        ...freedPermits(this.#item.permits, record.permits),
      ];
      if (incident !== undefined) {
        const key = keys.incident(this.workflow, incidentKeyName(incident));
        const record = { ...incident, unitId };
        ops.push({ type: 'put', key, value: encodeRecord(IncidentRecord, record) });
        ops.push(...webhookNote(this.workflow, record));
      }
      const result = await this.#commit(ops, unitId, stepKey, [isUnchanged(stepKey, 0)]);
      if (result === undefined) throw new ClaimLostError(`Step ${record.stepId} is no longer this node's`);
    });
  }

  async #commit(
    ops: readonly UnitOp[],
    id: string,
    witness: string,
    further: readonly Compare[],
  ): Promise<number | undefined> {
    const compares = [isUnchanged(this.key, this.#revision), ...further];
    try {
      const result = await this.#batcher.commit({ id, compares, ops, witness });
      return result.applied ? result.revision : undefined;
    } catch (error) {
      if (isReason(error, 'LEASE_LOST')) throw new ClaimLostError('The session ended', { cause: error });
      throw error;
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return await turn;
  }
}
