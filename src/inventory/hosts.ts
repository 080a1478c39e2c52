/** Hosts and their initiators: records only, nothing is done on any system. */
import type { JsonObject } from '../base/json.js';
import { ResourceState, type ResourceRecord } from '../gen/store/steplock/store/v1/inventory.js';
import { numberOf, textOf, toBody } from './bodies.js';
import { resourceExists, type Change, type Inventory, type Known } from './inventory.js';
import type { InitiatorName } from './initiators.js';

/** Initiators of one host: a unit must hold them all. */
export const initiatorsOfHostMax = 32;

/** An initiator as its record keeps it, without its host. */
export function initiatorBody({ protocol, address, nodeWwn }: InitiatorName): JsonObject {
  return { protocol, address, node_wwn: nodeWwn };
}

/**
 * What makes a host with initiators.
 *
 * @throws SteplockError RESOURCE_EXISTS when an initiator belongs to another one.
 */
export async function hostChanges(
  inventory: Inventory,
  id: string,
  initiators: readonly JsonObject[],
  fields: Partial<ResourceRecord>,
): Promise<Change[]> {
  const body = toBody({ initiators: initiators.length });
  const after = inventory.newRecord(
    { kind: 'host', id },
    { state: ResourceState.AVAILABLE, body, ...fields },
  );
  return [
    { before: undefined, after },
    ...(await initiatorChanges(inventory, id, initiators, fields.tenant)),
  ];
}

/**
 * What adds initiators to a host that is there; those that it has already are left out.
 *
 * @throws SteplockError RESOURCE_EXISTS when one belongs to another host.
 */
export async function addedInitiators(
  inventory: Inventory,
  host: Known,
  initiators: readonly JsonObject[],
): Promise<Change[]> {
  const { id, tenant } = host.record;
  const added = await initiatorChanges(inventory, id, initiators, tenant);
  const body = toBody({ ...host.body, initiators: numberOf(host.body, 'initiators') + added.length });
  return [{ before: host, after: inventory.changed(host.record, { body }) }, ...added];
}

async function initiatorChanges(
  inventory: Inventory,
  host: string,
  initiators: readonly JsonObject[],
  tenant = 'default',
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const initiator of initiators) {
    const target = { kind: 'initiator', id: textOf(initiator, 'address') };
    const known = await inventory.read(target);
    const owner = known === undefined ? undefined : textOf(known.body, 'host');
    if (owner === host) continue;
    if (owner !== undefined) throw resourceExists(target, `: it belongs to hosts/${owner}`);
    const body = toBody({ ...initiator, host });
    const after = inventory.newRecord(target, { state: ResourceState.AVAILABLE, body, tenant });
    changes.push({ before: undefined, after });
  }
  return changes;
}
