/** Records of a storage system with its pools and ports, as `discover` gives them. */
import type { JsonObject } from '../base/json.js';
import { ResourceState } from '../gen/store/steplock/store/v1/inventory.js';
import type { ResourceKey } from '../store/keys.js';
import { partId, textOf, toBody } from './bodies.js';
import { resourceBusy, resourceNotFound, type Change, type Inventory } from './inventory.js';
import { wasWritten, written, type Writer } from './transitions.js';

/** Parts whose records go into one unit. */
const partsPerUnit = 20;
/** Parts that go in the unit of the whole: all initiators of a host. */
const partsKeptForLast = 32;

/** Writes what a system said of itself: parts first, the system last; parts that it no longer has go. */
export async function recordSystem(
  inventory: Inventory,
  writer: Writer,
  tenant: string,
  args: JsonObject,
): Promise<JsonObject> {
  const target = { kind: 'system', id: textOf(args, 'id') };
  const discovery = args['discovery'] as JsonObject;
  const parts = partsOf(target.id, discovery);
  const isThere = new Set(parts.map(({ id, kind }) => `${kind} ${id}`));
  const known = [
    ...(await inventory.listLinked('part', target, 'pool')),
    ...(await inventory.listLinked('part', target, 'port')),
  ];
  const gone = known.filter(({ id, kind }) => !isThere.has(`${kind} ${id}`));
  const all = [...parts, ...gone.map((part) => ({ ...part, body: undefined }))];
  for (let first = 0; first < all.length; first += partsPerUnit) {
    const some = all.slice(first, first + partsPerUnit);
    await inventory.change(target.id, async () => {
      const system = await inventory.read(target);
      if (system === undefined) throw resourceNotFound(target);
      const changes = await Promise.all(some.map(async (part) => await partChange(inventory, part, tenant)));
      const needed = changes.filter(({ before, after }) => before !== undefined || after !== undefined);
      return needed.length === 0 ? undefined : { changes: needed };
    });
  }
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined) throw resourceNotFound(target);
    if (wasWritten(before.record, writer)) return undefined;
    if (before.record.workflow !== writer.workflow) throw resourceBusy(before.record);
    const { model = '', version = '' } = discovery['system'] as JsonObject;
    const capabilities = discovery['capabilities'] as JsonObject;
    const body = { controller: textOf(args, 'controller'), model, version, capabilities };
    const after = written(before.record, writer, { state: ResourceState.AVAILABLE, body });
    return { changes: [{ before, after: inventory.changed(after, {}) }] };
  });
  return { pools: parts.filter(({ kind }) => kind === 'pool').length };
}

interface Part extends ResourceKey {
  /** Undefined for one that is gone. */
  readonly body: JsonObject | undefined;
}

function partsOf(system: string, discovery: JsonObject): Part[] {
  const of = (kind: 'pool' | 'port', list: string): Part[] =>
    (discovery[list] as JsonObject[]).map(({ [kind]: name, ...body }) => ({
      ...{ kind, id: partId(system, name as string) },
      body: { ...body, system },
    }));
  return [...of('pool', 'pools'), ...of('port', 'ports')];
}

async function partChange(inventory: Inventory, part: Part, tenant: string): Promise<Change> {
  const before = await inventory.read(part);
  if (part.body === undefined) return { before, after: undefined };
  const body = toBody(part.body);
  if (before !== undefined) return { before, after: inventory.changed(before.record, { body }) };
  const after = inventory.newRecord(part, { state: ResourceState.AVAILABLE, body, tenant });
  return { before, after };
}

/** Deletes the parts of a system or host, all but what fits beside the whole itself; gives the changes that delete those. */
export async function partRemovals(inventory: Inventory, whole: ResourceKey): Promise<Change[]> {
  const kinds = whole.kind === 'system' ? ['pool', 'port'] : whole.kind === 'host' ? ['initiator'] : [];
  const parts = (
    await Promise.all(kinds.map(async (kind) => await inventory.listLinked('part', whole, kind)))
  ).flat();
  const removalOf = async (part: ResourceKey): Promise<Change[]> => {
    const before = await inventory.read(part);
    return before === undefined ? [] : [{ before, after: undefined }];
  };
  while (parts.length > partsKeptForLast) {
    const some = parts.splice(0, partsPerUnit);
    await inventory.change(whole.id, async () => {
      const changes = (await Promise.all(some.map(removalOf))).flat();
      return changes.length === 0 ? undefined : { changes };
    });
  }
  return (await Promise.all(parts.map(removalOf))).flat();
}
