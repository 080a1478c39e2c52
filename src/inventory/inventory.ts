/**
 * The records of resources: read, and changed in units that compare everything the decision was made on. Links (who uses
 * whom) are written together with the records that they follow from, so that "nobody uses it" is a compare of a range.
 */
import { sleep, type Clock } from '../base/clock.js';
import type { JsonObject } from '../base/json.js';
import type { Random } from '../base/random.js';
import { SteplockError } from '../errors/index.js';
import { ResourceLink, ResourceRecord, ResourceState } from '../gen/store/steplock/store/v1/inventory.js';
import { keys, ranges, resourceOfKey, type ResourceKey } from '../store/keys.js';
import { decodeRecord, encodeRecord } from '../store/records.js';
import { isAbsent, isUnchanged, type Compare, type Store } from '../store/store.js';
import type { Unit, UnitOp, UnitResult } from '../store/unit.js';
import { bodyOf, linksOf } from './bodies.js';
import { resourceName } from './names.js';

/** What an inventory works on. */
export interface InventoryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly commit: (unit: Unit) => Promise<UnitResult>;
}

/** A record as it was read. */
export interface Known {
  readonly record: ResourceRecord;
  readonly body: JsonObject;
  /** The revision of its last change. */
  readonly revision: number;
}

/** One record's change: `after` undefined deletes it. */
export interface Change {
  readonly before: Known | undefined;
  readonly after: ResourceRecord | undefined;
}

/** What a unit does to the inventory. */
export interface ChangeSet {
  readonly changes: readonly Change[];
  /** What else must hold. */
  readonly guards?: readonly Compare[];
  /** What else is written. */
  readonly ops?: readonly UnitOp[];
}

const triesMax = 6;
const retryMs = 25;

/** See the head of this file. */
export class Inventory {
  readonly #options: InventoryOptions;

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** What is known of a resource; undefined if it is not there. */
  async read(resource: ResourceKey): Promise<Known | undefined> {
    const kv = await this.#options.store.get(keys.resource(resource));
    if (kv === undefined) return undefined;
    const record = decodeRecord(ResourceRecord, kv);
    return { record, body: bodyOf(record), revision: kv.modRevision };
  }

  /** One that uses the resource; undefined if nobody does. */
  async findUser(resource: ResourceKey): Promise<ResourceKey | undefined> {
    const { kvs } = await this.#options.store.list(ranges.links('use', resource), {
      limit: 1,
      keysOnly: true,
    });
    return kvs[0] === undefined ? undefined : resourceOfKey(kvs[0].key);
  }

  /** All that use the resource, or are parts of it, of one kind. */
  async listLinked(link: 'use' | 'part', resource: ResourceKey, kind: string): Promise<ResourceKey[]> {
    const { kvs } = await this.#options.store.list(ranges.links(link, resource, kind), { keysOnly: true });
    return kvs.map(({ key }) => resourceOfKey(key));
  }

  /**
   * Decides on what is there now and writes it, anew whenever somebody else was first. `decide` gives undefined if there
   * is nothing to write, and throws to refuse.
   *
   * @throws SteplockError OPERATION_PENDING when others keep changing it.
   */
  async change(name: string, decide: (unitId: string) => Promise<ChangeSet | undefined>): Promise<void> {
    const { clock, random, commit } = this.#options;
    for (let tries = 0; tries < triesMax; tries++) {
      const id = random.hex(8);
      const set = await decide(id);
      if (set === undefined) return;
      const { applied } = await commit(unitOf(id, set));
      if (applied) return;
      await sleep(clock, retryMs * 2 ** tries, neverAborted);
    }
    throw new SteplockError('OPERATION_PENDING', `${name} is being changed by others; try again`, {
      metadata: { name },
      retryAfterMs: 200,
    });
  }

  /** A new record of that kind, not written yet. */
  newRecord(resource: ResourceKey, fields: Partial<ResourceRecord>): ResourceRecord {
    const { clock, random } = this.#options;
    const nowMs = clock.nowMs();
    return {
      ...ResourceRecord.fromPartial({}),
      ...{ kind: resource.kind, id: resource.id, uid: random.hex(16) },
      ...{ createTimeMs: nowMs, updateTimeMs: nowMs, tenant: 'default' },
      ...fields,
    };
  }

  /** The record with other fields, changed now. */
  changed(record: ResourceRecord, fields: Partial<ResourceRecord>): ResourceRecord {
    return { ...record, updateTimeMs: this.#options.clock.nowMs(), ...fields };
  }

  /**
   * Guards that everything which the record uses, or belongs to, is there and stays as it is.
   *
   * @throws SteplockError RESOURCE_NOT_FOUND or RESOURCE_BUSY naming it.
   */
  async guardTargets(record: Pick<ResourceRecord, 'kind' | 'body' | 'workflow'>): Promise<Compare[]> {
    const links = linksOf({ kind: record.kind, body: bodyOf(record) });
    return await Promise.all(
      links.map(async ({ to }) => {
        const known = await this.read(to);
        if (known === undefined) throw resourceNotFound(to);
        const isOurs = record.workflow !== '' && known.record.workflow === record.workflow;
        if (!isUsable(known.record) && !isOurs) throw resourceBusy(known.record);
        return isUnchanged(keys.resource(to), known.revision);
      }),
    );
  }
}

const neverAborted = new AbortController().signal;

/** Whether it is there and nobody is about to destroy it. */
export function isUsable({ state }: Pick<ResourceRecord, 'state'>): boolean {
  return state === ResourceState.AVAILABLE || state === ResourceState.UPDATING;
}

/** The error for a resource that is not there. */
export function resourceNotFound(resource: ResourceKey): SteplockError {
  const name = resourceName(resource);
  return new SteplockError('RESOURCE_NOT_FOUND', `There is no ${name}`, { metadata: { name } });
}

/** The error for a resource that a workflow is changing. */
export function resourceBusy(record: Pick<ResourceRecord, 'kind' | 'id' | 'workflow'>): SteplockError {
  const name = resourceName(record);
  const workflow = `workflows/${record.workflow}`;
  return new SteplockError('RESOURCE_BUSY', `${name} is being changed by ${workflow}, or was left so by it`, {
    metadata: { name, workflow },
  });
}

/** The error for a name that is taken. */
export function resourceExists(resource: ResourceKey, more = ''): SteplockError {
  const name = resourceName(resource);
  return new SteplockError('RESOURCE_EXISTS', `${name} is there already${more}`, { metadata: { name } });
}

/** The error for a resource that others use. */
export function resourceInUse(resource: ResourceKey, user: ResourceKey): SteplockError {
  const metadata = { name: resourceName(resource), user: resourceName(user) };
  return new SteplockError('RESOURCE_IN_USE', `${metadata.name} is in use by ${metadata.user}`, { metadata });
}

/** The condition that nobody uses the resource. */
export function isUnused(resource: ResourceKey): Compare {
  return isAbsent(ranges.links('use', resource));
}

/** The unit that makes the changes. Pure. */
export function unitOf(id: string, { changes, guards = [], ops = [] }: ChangeSet): Unit {
  const [first] = changes;
  const witness = first?.after === undefined ? undefined : keys.resource(first.after);
  return {
    id,
    compares: [...changes.map(compareOf), ...guards],
    ops: [...changes.flatMap((change) => opsOf(id, change)), ...ops],
    witness,
  };
}

function compareOf({ before, after }: Change): Compare {
  const resource = before?.record ?? after ?? { kind: '', id: '' };
  return isUnchanged(keys.resource(resource), before?.revision ?? 0);
}

function opsOf(unitId: string, { before, after }: Change): UnitOp[] {
  const former = before === undefined ? [] : linkKeys(before.record);
  const now = after === undefined ? [] : linkKeys(after);
  const link = encodeRecord(ResourceLink, { unitId });
  const record: UnitOp[] =
    after === undefined
      ? before === undefined
        ? []
        : [{ type: 'delete', at: keys.resource(before.record) }]
      : [
          {
            type: 'put',
            key: keys.resource(after),
            value: encodeRecord(ResourceRecord, { ...after, unitId }),
          },
        ];
  return [
    ...record,
    ...now.filter((key) => !former.includes(key)).map((key): UnitOp => ({ type: 'put', key, value: link })),
    ...former.filter((key) => !now.includes(key)).map((at): UnitOp => ({ type: 'delete', at })),
  ];
}

function linkKeys(record: ResourceRecord): string[] {
  return linksOf({ kind: record.kind, body: bodyOf(record) }).map(({ link, to }) =>
    keys.link(link, to, record),
  );
}
