/**
 * Who wrote what. Invariant 3: a head is changed, and a step queued, only by the process that has the shard. Invariants 2 and
 * 10: what a living session has claimed, nobody but its process ends, and no session ends what it claimed once it is over.
 */
import { isUndo, type StepId } from '../../src/base/ids.js';
import type { QueueItem } from '../../src/gen/store/steplock/store/v1/step.js';
import { keys, workflowOfKey } from '../../src/store/keys.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import type { StoreEvent } from '../../src/store/store.js';
import type { SimProcess } from './scheduler.js';

/** See the head of this file. */
export class OwnerRules {
  readonly #server: Mvcc;
  /** Which process has each shard. */
  readonly #owners = new Map<string, SimProcess>();
  /** Which process each session is of, by its revision. */
  readonly #sessions = new Map<number, SimProcess>();
  /** Whose transaction is being applied; undefined for an operator's, or none. */
  writer: () => SimProcess | undefined = () => undefined;

  constructor(server: Mvcc) {
    this.#server = server;
  }

  /** What is wrong with who wrote that; undefined if nothing is. */
  onEvent(event: StoreEvent): string | undefined {
    const key = event.type === 'put' ? event.kv.key : event.key;
    const writer = this.writer();
    if (key.startsWith('shard/')) this.#noteOwner(key, event, writer);
    if (event.type === 'put' && writer !== undefined && key.startsWith('node/'))
      this.#sessions.set(event.kv.createRevision, writer);
    if (writer === undefined) return undefined;
    const isNew = event.type === 'put' && event.kv.createRevision === event.kv.modRevision;
    // A submission makes a head; from then on it is the owner's. What is queued anew, only the owner queues.
    const isOwners = key.startsWith('head/') ? !isNew : key.startsWith('queue/') && isNew;
    const shard = workflowOfKey(key)?.workflow.shard;
    if (!isOwners || shard === undefined) return undefined;
    const owner = this.#owners.get(keys.shard(shard));
    if (owner === writer) return undefined;
    return `${key}: written by ${writer.name} while ${owner?.name ?? 'nobody'} has the shard (3)`;
  }

  /** The step has ended, and this was its item: who may say so. */
  onOutcome(step: StepId, item: QueueItem): string | undefined {
    const writer = this.writer();
    if (item.claim === undefined || writer === undefined) return undefined;
    const { session, node: nodeId } = item.claim;
    const claimer = this.#sessions.get(session);
    const node = this.#server.get(keys.node(nodeId as never));
    const isAlive = node?.createRevision === session;
    const name = `${item.workflowId}/${step} attempt ${item.attempt}`;
    const what = isUndo(step) ? 'undo' : 'outcome';
    if (isAlive && claimer !== writer)
      return `${name}: its ${what} is ${writer.name}'s word, and ${claimer?.name ?? ''} has claimed it (2)`;
    if (!isAlive && claimer === writer)
      return `${name}: its ${what} was accepted under a session that is over (10)`;
    return undefined;
  }

  #noteOwner(key: string, event: StoreEvent, writer: SimProcess | undefined): void {
    if (event.type === 'delete') this.#owners.delete(key);
    else if (writer !== undefined) this.#owners.set(key, writer);
  }
}
