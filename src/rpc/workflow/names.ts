/** Names of resources, parsed. */
import {
  idPattern,
  idRule,
  requestIdPattern,
  undoneOf,
  type StepId,
  type WorkflowId,
} from '../../base/ids.js';
import { invalidField } from '../../errors/index.js';
import { limits } from '../../model/limits.js';
import { shardOf, type WorkflowKey } from '../../store/keys.js';
import type { Api } from '../context.js';

/** `workflows/{workflow}`. */
export function workflowName(id: string): string {
  return `workflows/${id}`;
}

/** `workflows/{workflow}/steps/{step}`. */
export function stepName(workflow: string, step: string): string {
  return `workflows/${workflow}/steps/${step}`;
}

/**
 * The workflow that the name names.
 *
 * @throws SteplockError INVALID_FIELD.
 */
export function parseWorkflowName(api: Api, name: string, field = 'name'): WorkflowKey {
  const id = /^workflows\/([^/]+)$/.exec(name)?.[1];
  if (id === undefined || !idPattern.test(id)) throw invalidField(field, 'must be workflows/{workflow}');
  return workflowKey(api, id as WorkflowId);
}

/**
 * The step that the name names.
 *
 * @throws SteplockError INVALID_FIELD.
 */
export function parseStepName(api: Api, name: string): { workflow: WorkflowKey; step: StepId } {
  const [, id, step] = /^workflows\/([^/]+)\/steps\/([^/]+)$/.exec(name) ?? [];
  const isName = id !== undefined && step !== undefined && idPattern.test(id);
  if (!isName || !idPattern.test(undoneOf(step as StepId))) {
    throw invalidField('name', 'must be workflows/{workflow}/steps/{step}, or …/steps/undo.{step}');
  }
  return { workflow: workflowKey(api, id as WorkflowId), step: step as StepId };
}

/** The workflow's place in the store. */
export function workflowKey(api: Api, id: WorkflowId): WorkflowKey {
  return { shard: shardOf(id, api.runtime.shards), id };
}

/** @throws SteplockError INVALID_FIELD unless it is a UUID. */
export function checkRequestId(requestId: string): void {
  if (!requestIdPattern.test(requestId)) throw invalidField('request_id', 'must be a UUID');
}

/**
 * The actor, or the default.
 *
 * @throws SteplockError INVALID_FIELD when it is too long.
 */
export function checkActor(actor: string): string {
  if (Buffer.byteLength(actor) > limits.actorBytesMax) {
    throw invalidField('actor', `must have at most ${limits.actorBytesMax} bytes`);
  }
  return actor === '' ? 'anonymous' : actor;
}

/** @throws SteplockError INVALID_FIELD unless it is such an id. */
export function checkId(id: string, field: string): void {
  if (!idPattern.test(id)) throw invalidField(field, idRule);
}
