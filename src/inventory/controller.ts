/**
 * The built-in controller `inventory`: steps that keep the records of resources in step with what is on the systems. A
 * plan declares a resource before it makes it, and forgets it after it has destroyed it, so that at every instant a record
 * says what may be there and names the workflow that is at it (docs/adr/0020-resources-are-written-by-steps.md).
 *
 * Every write compares the record that it was decided on, and goes through the node's own units: those of a node whose
 * session has ended are refused.
 */
import type { JsonObject } from '../base/json.js';
import {
  defineController,
  done,
  failed,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type MethodDefinition,
  type UndoDeclaration,
} from '../contract/index.js';
import { isReason } from '../errors/index.js';
import { ResourceState } from '../gen/store/steplock/store/v1/inventory.js';
import type { ResourceKey } from '../store/keys.js';
import { textOf, toBody } from './bodies.js';
import { hostChanges } from './hosts.js';
import {
  isUnused,
  isUsable,
  resourceBusy,
  resourceExists,
  resourceInUse,
  resourceNotFound,
  type Inventory,
} from './inventory.js';
import { inventorySchemas as schemas } from './schemas.js';
import { partRemovals, recordSystem } from './systems.js';
import { unwritten, wasDeclared, wasWritten, written, type Writer } from './transitions.js';

const states = { UPDATING: ResourceState.UPDATING, DELETING: ResourceState.DELETING } as const;
const sameTarget: JsonObject = { kind: { $args: '/kind' }, id: { $args: '/id' } };

/** Work on the inventory as a method: what is refused becomes a failure that left nothing. */
type Work = (context: CallContext, args: JsonObject) => Promise<JsonObject>;

const undeclareUndo: UndoDeclaration = { method: 'undeclare', arguments: sameTarget };
const unwriteUndo: UndoDeclaration = { method: 'unwrite', arguments: sameTarget };

/** A method as a row: what it does, what it takes, how it is undone. */
type Row = readonly [string, JsonObject, UndoDeclaration, Work];

/** See the head of this file. */
export function createInventoryController(inventory: Inventory, version: string): ControllerPort {
  const on =
    (work: (inventory: Inventory, context: CallContext, args: JsonObject) => Promise<JsonObject>): Work =>
    async (context, args) =>
      await work(inventory, context, args);
  const rows: Readonly<Record<string, Row>> = {
    declare: ['Records that something is about to be made', schemas.declare, undeclareUndo, on(declare)],
    undeclare: ['Undoes declare', schemas.target, 'none-needed', on(undeclare)],
    begin: ['Records that something is about to be changed', schemas.begin, unwriteUndo, on(begin)],
    record: ['Records what something is now', schemas.record, unwriteUndo, on(record)],
    unwrite: ['Undoes begin and record', schemas.target, 'none-needed', on(unwrite)],
    forget: ['Removes the record of what was destroyed', schemas.forget, 'irreversible', on(forget)],
    'make-host': ['Records a host, unless it is there', schemas['make-host'], 'none-needed', on(makeHost)],
    'record-system': [
      'Records what a system said of itself',
      ...([schemas['record-system'], 'none-needed'] as const),
      async (context, args) => await recordSystem(inventory, writerOf(context), context.tenant, args),
    ],
  };
  return defineController({
    kind: 'inventory',
    version,
    description: 'Keeps the records of volumes, hosts and whatever else there is of storage',
    methods: Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, toMethod(row)])),
  });
}

function toMethod([description, argumentsSchema, undo, work]: Row): MethodDefinition {
  return {
    ...{ description, argumentsSchema, undo, idempotent: true, timeoutMs: 60_000 },
    execute: async (context, args) => await answer(async () => await work(context, args)),
  };
}

async function answer(work: () => Promise<JsonObject>): Promise<ExecuteResult> {
  try {
    return done(await work());
  } catch (error) {
    const refusal = { retryable: false, effect: 'none' } as const;
    if (isReason(error, 'RESOURCE_NOT_FOUND')) return failed('ResourceNotFound', error.message, refusal);
    if (isReason(error, 'RESOURCE_EXISTS')) return failed('ResourceExists', error.message, refusal);
    if (isReason(error, 'RESOURCE_IN_USE')) return failed('ResourceInUse', error.message, refusal);
    if (isReason(error, 'RESOURCE_BUSY')) return failed('ResourceBusy', error.message, refusal);
    // Everything else leaves it open what was written: the call is repeated.
    throw error;
  }
}

/** Of an undo: the keys of the step that it undoes. */
function writerOf({ workflow, idempotencyKey, formerKeys, undone }: CallContext): Writer {
  if (undone === undefined) return { workflow, key: idempotencyKey, formerKeys };
  return { workflow, key: undone.idempotencyKey, formerKeys: undone.formerKeys };
}

function targetOf(args: JsonObject): ResourceKey {
  return { kind: textOf(args, 'kind'), id: textOf(args, 'id') };
}

function partOf(args: JsonObject, name: 'body' | 'labels'): JsonObject {
  return (args[name] ?? {}) as JsonObject;
}

async function declare(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  const writer = writerOf(context);
  let uid = '';
  await inventory.change(target.id, async () => {
    const known = await inventory.read(target);
    if (known !== undefined) {
      if (!wasDeclared(known.record, writer)) throw resourceExists(target);
      uid = known.record.uid;
      return undefined;
    }
    const after = inventory.newRecord(target, {
      ...{ state: ResourceState.CREATING, workflow: context.workflow, tenant: context.tenant },
      ...{ declaredBy: writer.key, labels: partOf(args, 'labels') as Record<string, string> },
      body: toBody(partOf(args, 'body')),
    });
    uid = after.uid;
    return { changes: [{ before: undefined, after }], guards: await inventory.guardTargets(after) };
  });
  return { uid };
}

async function undeclare(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  const writer = writerOf(context);
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined || !wasDeclared(before.record, writer)) return undefined;
    const user = await inventory.findUser(target);
    if (user !== undefined) throw resourceInUse(target, user);
    const parts = await partRemovals(inventory, target);
    return { changes: [{ before, after: undefined }, ...parts], guards: [isUnused(target)] };
  });
  return {};
}

async function begin(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  const writer = writerOf(context);
  const state = states[args['state'] as keyof typeof states];
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined || before.record.uid !== args['uid']) throw resourceNotFound(target);
    if (wasWritten(before.record, writer)) return undefined;
    const isLeft = before.record.workflow !== '' && before.record.workflow === args['left_by'];
    const isFree = isUsable(before.record) && before.record.workflow === '';
    if (!isFree && !isLeft) throw resourceBusy(before.record);
    const after = inventory.changed(written(before.record, writer, { state, body: {} }), {});
    const changes = [{ before, after }];
    if (state !== ResourceState.DELETING) return { changes };
    const user = await inventory.findUser(target);
    if (user !== undefined) throw resourceInUse(target, user);
    return { changes, guards: [isUnused(target)] };
  });
  return {};
}

async function record(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  const writer = writerOf(context);
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined) throw resourceNotFound(target);
    if (wasWritten(before.record, writer)) return undefined;
    // Whoever made or changed it has it: nobody else has come in between.
    if (before.record.workflow !== writer.workflow) throw resourceBusy(before.record);
    const wanted = { state: ResourceState.AVAILABLE, body: partOf(args, 'body') };
    return { changes: [{ before, after: inventory.changed(written(before.record, writer, wanted), {}) }] };
  });
  return {};
}

async function unwrite(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  const writer = writerOf(context);
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined || !wasWritten(before.record, writer)) return undefined;
    return { changes: [{ before, after: inventory.changed(unwritten(before.record), {}) }] };
  });
  return {};
}

async function forget(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = targetOf(args);
  await inventory.change(target.id, async () => {
    const before = await inventory.read(target);
    if (before === undefined || before.record.uid !== args['uid']) return undefined;
    if (before.record.workflow !== context.workflow) throw resourceBusy(before.record);
    return { changes: [{ before, after: undefined }], guards: [isUnused(target)] };
  });
  return {};
}

/** A host stays when the workflow that needed it is undone: it is a record of what there is, and others may use it by then. */
async function makeHost(inventory: Inventory, context: CallContext, args: JsonObject): Promise<JsonObject> {
  const target = { kind: 'host', id: textOf(args, 'id') };
  let uid = '';
  await inventory.change(target.id, async () => {
    const known = await inventory.read(target);
    if (known !== undefined) {
      uid = known.record.uid;
      return undefined;
    }
    const initiators = args['initiators'] as JsonObject[];
    const changes = await hostChanges(inventory, target.id, initiators, { tenant: context.tenant });
    uid = changes[0]?.after?.uid ?? '';
    return { changes };
  });
  return { uid };
}
