/** Asks an orchestrator for the plan of a submission. */
import type { PlanAnswer } from '../../contract/orchestrator.js';
import { readPlanAnswer } from '../../dispatcher/controller-answer.js';
import { errorText, isReason, SteplockError } from '../../errors/index.js';
import type { Orchestration } from '../../gen/wire/steplock/v1/plan.js';
import { readPlanned, type ReadAnswer } from '../../intake/planned-workflow.js';
import { checkArguments } from '../../model/check-arguments.js';
import { cut } from '../../model/attempt.js';
import { parseOrchestration } from '../../model/parse-plan.js';
import { findReferences } from '../../model/references.js';
import { Violations } from '../../model/violations.js';
import type { Api } from '../context.js';

const planMsMax = 60_000;
const at = 'orchestration';
const resourceReasons = [
  'RESOURCE_NOT_FOUND',
  'RESOURCE_EXISTS',
  'RESOURCE_IN_USE',
  'RESOURCE_BUSY',
] as const;

/**
 * The orchestrator's answer. Secrets in the arguments go to it as they came, for it to pass on.
 *
 * @throws SteplockError INVALID_PLAN, CONTROLLER_NOT_FOUND, CONTROLLER_UNAVAILABLE, PLANNING_FAILED.
 */
export async function orchestrate(
  api: Api,
  orchestration: Orchestration,
  tenant: string,
  signal: AbortSignal,
): Promise<ReadAnswer> {
  const { orchestrator, operation, arguments: args = {} } = orchestration;
  checkRequest(api, orchestration);
  const port = api.controllers.findOrchestrator(orchestrator);
  if (port === undefined) throw notFound(orchestrator);
  const context = { parent: '', tenant, deadlineMs: api.clock.nowMs() + planMsMax, signal };
  let answer: PlanAnswer;
  try {
    answer = readPlanAnswer(await port.plan(context, operation, args));
  } catch (error) {
    // An orchestrator of this process may refuse in the words of the API.
    if (isReason(error, 'CONTROLLER_UNAVAILABLE', 'INVALID_FIELD', ...resourceReasons)) throw error;
    throw planningFailed(orchestrator, 'Broken', errorText(error));
  }
  if (answer.kind === 'failed') throw planningFailed(orchestrator, answer.reason, answer.message);
  return readPlanned(answer);
}

/** The arguments must fit the operation's schema, and refer to no step: there is none yet. */
function checkRequest(api: Api, { orchestrator, operation, arguments: args = {} }: Orchestration): void {
  const violations = new Violations();
  parseOrchestration({ orchestrator, operation, args }, at, violations);
  violations.throwIfAny();
  const description = api.controllers.describeOrchestrator(orchestrator);
  if (description === undefined) throw notFound(orchestrator);
  const method = description.methods.find((entry) => entry.name === operation);
  if (method === undefined) {
    const names = description.methods.map(({ name }) => name).join(', ');
    const rule = `orchestrator "${orchestrator}" has no operation "${operation}"; it has: ${names}`;
    violations.add('UNKNOWN_METHOD', `${at}.operation`, rule);
  } else {
    for (const reference of findReferences(args)) {
      if (reference.kind !== 'output') continue;
      violations.add('INVALID_REFERENCE', `${at}.arguments${reference.at}`, 'there is no step to refer to');
    }
    const call = {
      args,
      schema: JSON.stringify(method.argumentsSchema),
      undone: undefined,
      allowsSealed: false,
      outputSchemaOf: () => undefined,
      at: `${at}.arguments`,
    };
    checkArguments(call, api.runtime.checker, violations);
  }
  violations.throwIfAny();
}

function notFound(name: string): SteplockError {
  return new SteplockError('CONTROLLER_NOT_FOUND', `No orchestrator "${name}" is registered`, {
    metadata: { name },
  });
}

function planningFailed(orchestrator: string, reason: string, message: string): SteplockError {
  const text = `Orchestrator ${orchestrator} made no plan: ${reason}: ${cut(message)}`;
  return new SteplockError('PLANNING_FAILED', text, { metadata: { orchestrator, planning_reason: reason } });
}
