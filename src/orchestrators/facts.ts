/** What plans are made on: read from the inventory, and refused where it stands in the way. */
import type { JsonObject } from '../base/json.js';
import { SteplockError } from '../errors/index.js';
import {
  isUsable,
  resourceBusy,
  resourceExists,
  resourceInUse,
  resourceNotFound,
  textOf,
  type Inventory,
  type Known,
} from '../inventory/index.js';
import type { ResourceKey } from '../store/keys.js';
import type { ExportFacts, HostFacts } from './export-plans.js';
import type { SystemFacts } from './plan-parts.js';
import type { SnapshotFacts } from './snapshot-plans.js';
import type { VolumeFacts } from './volume-plans.js';

/** A request that no plan can be made of. */
export class PlanRefusal extends Error {
  override readonly name = 'PlanRefusal';
  /** For programs. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Whether a workflow has not ended. */
export type IsLive = (workflow: string) => Promise<boolean>;

/** Reads facts. */
export class Facts {
  readonly inventory: Inventory;
  readonly #isLive: IsLive;

  constructor(inventory: Inventory, isLive: IsLive) {
    this.inventory = inventory;
    this.#isLive = isLive;
  }

  /** @throws SteplockError RESOURCE_NOT_FOUND. */
  async need(target: ResourceKey): Promise<Known> {
    const known = await this.inventory.read(target);
    if (known === undefined) throw resourceNotFound(target);
    return known;
  }

  /** @throws SteplockError RESOURCE_NOT_FOUND, or RESOURCE_BUSY while it is not registered yet. */
  async system(id: string): Promise<SystemFacts & { readonly protocols: readonly string[] }> {
    const { record, body } = await this.need({ kind: 'system', id });
    if (!isUsable(record)) throw resourceBusy(record);
    const { protocols = [] } = (body['capabilities'] ?? {}) as { protocols?: string[] };
    return { system: id, controller: textOf(body, 'controller'), protocols };
  }

  /** @throws SteplockError RESOURCE_EXISTS. */
  async needAbsent(target: ResourceKey): Promise<void> {
    if ((await this.inventory.read(target)) !== undefined) throw resourceExists(target);
  }

  /** A volume that nobody is changing. */
  async volume(id: string, uid?: string): Promise<VolumeFacts & { readonly body: JsonObject }> {
    const known = await this.#free({ kind: 'volume', id }, uid);
    const system = await this.system(textOf(known.body, 'system'));
    return { ...system, volume: id, ...this.#identity(known), body: known.body };
  }

  /** A snapshot that nobody is changing. */
  async snapshot(id: string, uid?: string): Promise<SnapshotFacts & { readonly body: JsonObject }> {
    const known = await this.#free({ kind: 'snapshot', id }, uid);
    const system = await this.system(textOf(known.body, 'system'));
    const volume = textOf(known.body, 'volume');
    return { ...system, snapshot: id, volume, ...this.#identity(known), body: known.body };
  }

  /** An export that nobody is changing. */
  async export(id: string): Promise<ExportFacts> {
    const { record, body } = await this.#free({ kind: 'export', id }, undefined);
    const initiators = (body['initiators'] ?? []) as string[];
    return { id, uid: record.uid, host: textOf(body, 'host'), initiators, leftBy: record.workflow };
  }

  /** Refuses what is in use, naming the user. */
  async needUnused(target: ResourceKey): Promise<void> {
    const user = await this.inventory.findUser(target);
    if (user !== undefined) throw resourceInUse(target, user);
  }

  /** Whether what is left behind can be taken over: whoever left it has ended. */
  async leftBy({ record }: Known): Promise<string> {
    if (record.workflow !== '' && (await this.#isLive(record.workflow))) throw resourceBusy(record);
    return record.workflow;
  }

  async #free(target: ResourceKey, uid: string | undefined): Promise<Known> {
    const known = await this.need(target);
    if (uid !== undefined && known.record.uid !== uid) throw resourceNotFound(target);
    await this.leftBy(known);
    return known;
  }

  #identity({ record, body }: Known): { uid: string; serial: string; leftBy: string } {
    const serial = textOf(body, 'serial');
    if (serial === '') {
      const name = `${record.kind}s/${record.id}`;
      throw new SteplockError(
        'RESOURCE_BUSY',
        `${name} was left by workflows/${record.workflow} before its identity was known: look at its system, then forget it`,
        { metadata: { name, workflow: `workflows/${record.workflow}` } },
      );
    }
    return { uid: record.uid, serial, leftBy: record.workflow };
  }

  /** The initiators of a host that a system speaks with. */
  async host(id: string, protocols: readonly string[]): Promise<HostFacts> {
    await this.need({ kind: 'host', id });
    const keys = await this.inventory.listLinked('part', { kind: 'host', id }, 'initiator');
    const initiators = await Promise.all(keys.map(async (key) => (await this.need(key)).body));
    return hostFacts(id, initiators, protocols);
  }
}

/**
 * A host as a system lets it in: with its initiators of the first of the system's protocols that it has.
 *
 * @throws PlanRefusal when it has none.
 */
export function hostFacts(
  host: string,
  initiators: readonly JsonObject[],
  protocols: readonly string[],
): HostFacts {
  const protocol = protocols.find((each) => initiators.some((initiator) => initiator['protocol'] === each));
  if (protocol === undefined) {
    const spoken = protocols.join(', ');
    throw new PlanRefusal('InitiatorUnsupported', `hosts/${host} has no initiator for ${spoken}`);
  }
  const addresses = initiators
    .filter((initiator) => initiator['protocol'] === protocol)
    .map((initiator) => textOf(initiator, 'address'))
    .sort();
  return { host, protocol, addresses };
}
