/** How each documented refusal of a verb is provoked. */
import type { CallReason } from '../../../src/errors/index.js';
import { WorkflowServiceService as Service } from '../../../src/gen/wire/steplock/v1/workflow_service.js';
import { chain } from './plans.js';
import { refused } from './refusal.js';
import { deletion, retry, skip, stop, verb } from './requests.js';
import { requestId, type Rig } from './rig.js';

/** Provokes a refusal for that reason, and asserts it. */
export type Provocation = (reason: CallReason) => Promise<unknown>;

/** Nodes and workflows to provoke refusals of. */
export interface ErrorWorld {
  readonly rig: () => Rig;
  /** Without a key that seals secrets. */
  readonly keyless: () => Rig;
  /** A request id that something else was asked with. */
  readonly used: string;
  /** Names of workflows: one that has succeeded, one that is suspended for a failed step `a`, and none. */
  readonly ended: string;
  readonly halted: string;
  readonly nobody: string;
}

const decision = (name: string, step: string, more: object = {}) => ({
  ...verb(name, { reason: 'because', ...more }),
  name: `${name}/steps/${step}`,
});
const message = (name: string, more: object = {}) => ({
  ...{ name, requestId: requestId(), actor: 'ann', signal: 'go', payload: undefined },
  ...more,
});

/** Each `Method REASON`, with how it is provoked. */
export function verbProvocations(world: ErrorWorld): [string, Provocation][] {
  const { rig, keyless, used, ended, halted, nobody } = world;
  const ofVerb = (
    name: string,
    ask: (workflow: string, more: { requestId?: string }, reason: CallReason) => Promise<unknown>,
    allowedNowhere = ended,
  ): [string, Provocation][] => [
    [`${name} WORKFLOW_NOT_FOUND`, async (reason) => await ask(nobody, {}, reason)],
    [`${name} ILLEGAL_TRANSITION`, async (reason) => await ask(allowedNowhere, {}, reason)],
    [`${name} REQUEST_ID_REUSED`, async (reason) => await ask(ended, { requestId: used }, reason)],
  ];

  return [
    ...ofVerb(
      'SuspendWorkflow',
      async (name, more, r) => await refused(rig(), Service.suspendWorkflow, verb(name, more), r),
    ),
    ...ofVerb(
      'ResumeWorkflow',
      async (name, more, r) => await refused(rig(), Service.resumeWorkflow, verb(name, more), r),
      halted,
    ),
    ...ofVerb(
      'CancelWorkflow',
      async (name, more, r) => await refused(rig(), Service.cancelWorkflow, stop(name, more), r),
    ),
    ...ofVerb(
      'RollbackWorkflow',
      async (name, more, r) => await refused(rig(), Service.rollbackWorkflow, stop(name, more), r),
    ),
    ...ofVerb(
      'RetryStep',
      async (name, more, r) => await refused(rig(), Service.retryStep, retry(name, 'a', more), r),
    ),
    ...ofVerb(
      'SkipStep',
      async (name, more, r) => await refused(rig(), Service.skipStep, skip(name, 'a', more), r),
    ),
    ...ofVerb(
      'DeleteWorkflow',
      async (name, more, r) => await refused(rig(), Service.deleteWorkflow, deletion(name, more), r),
      halted,
    ),
    ...ofVerb(
      'ApproveStep',
      async (name, more, r) => await refused(rig(), Service.approveStep, decision(name, 'a', more), r),
    ),
    [
      'ApproveStep STEP_NOT_FOUND',
      async (r) => await refused(rig(), Service.approveStep, decision(halted, 'z'), r),
    ],
    [
      'RejectStep INVALID_FIELD',
      async (r) => await refused(rig(), Service.rejectStep, decision(halted, 'a', { reason: '' }), r),
    ],
    ...ofVerb(
      'SendSignal',
      async (name, more, r) => await refused(rig(), Service.sendSignal, message(name, more), r),
    ),
    [
      'SendSignal INVALID_FIELD',
      async (r) => {
        const payload = { text: 'x'.repeat(70_000) };
        await refused(rig(), Service.sendSignal, message(halted, { payload }), r);
      },
    ],
    [
      'SendSignal SECRET_KEY_MISSING',
      async (r) => {
        await keyless().submit(chain('a'), { workflowId: 'keyless' });
        const payload = { text: { $secret: { value: 'open' } } };
        await refused(keyless(), Service.sendSignal, message('workflows/keyless', { payload }), r);
      },
    ],
    ['RetryStep STEP_NOT_FOUND', async (r) => await refused(rig(), Service.retryStep, retry(halted, 'z'), r)],
    [
      'SkipStep STEP_NOT_FOUND',
      async (r) => await refused(rig(), Service.skipStep, skip(halted, 'z', { output: { a: 1 } }), r),
    ],
    ['SkipStep INVALID_FIELD', async (r) => await refused(rig(), Service.skipStep, skip(halted, 'a'), r)],
  ];
}
