/**
 * What the protos say of errors is true: every reason that a method documents is provoked here by that very method. A
 * reason that is added there and not here fails this test, and so does one that no method documents any more.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { callReasons, type CallReason } from '../../src/errors/index.js';
import { failed, silentLogger } from '../../src/controller.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { IncidentServiceService as Incidents } from '../../src/gen/wire/steplock/v1/incident_service.js';
import {
  WorkflowServiceService as Service,
  type SubmitWorkflowRequest,
} from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { rejection } from '../support/rejection.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { refused } from './support/refusal.js';
import { addition, creation, start, submission } from './support/requests.js';
import { requestId, startRig, type Rig } from './support/rig.js';
import { resolutionProvocations } from './support/resolution-provocations.js';
import { verbProvocations, type Provocation } from './support/verb-provocations.js';
import { ScriptedOrchestrator } from './support/scripted-orchestrator.js';
import { serveOrchestrator } from '../../src/remote/serve-orchestrator.js';

/** Provoked elsewhere, because that needs a store of its own. */
const elsewhere = ['STORE_FULL'];

/** Each `Method REASON` that the services' comments name. */
function documented(): string[] {
  return ['workflow_service', 'incident_service'].flatMap((file) => {
    const proto = readFileSync(new URL(`../../proto/steplock/v1/${file}.proto`, import.meta.url), 'utf8');
    return [...proto.matchAll(/\/\/ Errors:((?:.*\n\s*\/\/)*.*)\n\s*rpc (\w+)/g)].flatMap(
      ([, comment = '', method = '']) =>
        (comment.match(/[A-Z][A-Z_]{4,}/g) ?? [])
          .filter((word) => word in callReasons && !elsewhere.includes(word))
          .map((reason) => `${method} ${reason}`),
    );
  });
}

describe('The errors that the protos document', function () {
  this.timeout(20_000);
  let rig: Rig;
  let keyless: Rig;
  const desk = new ScriptedOrchestrator();

  const used = requestId();
  const ended = 'workflows/ended';
  const draft = 'workflows/draft';
  const halted = 'workflows/halted';
  const nobody = 'workflows/nobody';
  const list = { pageSize: 1, pageToken: '', filter: undefined };
  const ofSteps = { parent: ended, pageSize: 1, pageToken: '', states: [] };
  const ofIncidents = { pageSize: 1, pageToken: '', includeResolved: true };
  const fails = () => failed('Bad', 'it failed', { retryable: false, effect: 'none' });

  before(async () => {
    desk.script('one', () => ({ kind: 'failed', reason: 'Full', message: 'no room', retryable: false }));
    rig = await startRig({ orchestrators: { desk: desk.port } });
    const served = await serveOrchestrator(desk.port, { address: '127.0.0.1:0', log: silentLogger });
    const gone = { controllerId: 'gone', endpoint: served.endpoint, requestId: requestId() };
    await rig.client.dispatcher.registerController({ ...gone, orchestrator: true });
    await served.close(0);
    keyless = await startRig({ settings: { secretKeyFile: undefined } });
    keyless.script.script('dim', 'a', () => {
      throw new Error('the line was cut');
    });
    await keyless.run(planOf(step('a', 'typed', { with: { name: 'x' } })), { workflowId: 'dim' });
    await rig.run(chain('a', 'b'), { workflowId: 'ended', requestId: used });
    await rig.client.workflows.createWorkflow(creation({ workflowId: 'draft' }));
    rig.script.script('halted', 'a', fails);
    const plan = planOf(step('a'), step('b', 'free', { with: { from: output('a') } }));
    await rig.run(plan, { workflowId: 'halted', settings: settings({ onFailure: OnFailure.SUSPEND }) });
    for (const workflowId of ['stuck-1', 'stuck-2']) {
      rig.script.script(workflowId, 'b', fails);
      await rig.run(planOf(step('a', 'final'), step('b', 'free', { needs: ['a'] })), { workflowId });
    }
  });

  after(async () => {
    await keyless.close();
    await rig.close();
  });

  /** A token of a page whose moment is compacted. */
  const compactedAfter = async (page: { nextPageToken: string }): Promise<string> => {
    await rig.run(chain('a'));
    const { revision } = await rig.store.list({ start: 'head/', end: 'head0' }, { keysOnly: true });
    await rig.store.compact(revision);
    return page.nextPageToken;
  };

  const secret = planOf(
    step('a', 'typed', { with: { name: 'x', password: { $secret: { value: 'open' } } } }),
  );
  const orchestrated = (orchestrator: string): SubmitWorkflowRequest => ({
    ...submission(planOf()),
    plan: undefined,
    orchestration: { orchestrator, operation: 'one', arguments: {} },
  });
  const pageToken = 'nonsense';
  const planHash = 'f'.repeat(64);
  const provocations = new Map<string, Provocation>([
    [
      'CreateWorkflow WORKFLOW_EXISTS',
      async (r) => await refused(rig, Service.createWorkflow, creation({ workflowId: 'ended' }), r),
    ],
    [
      'CreateWorkflow REQUEST_ID_REUSED',
      async (r) => await refused(rig, Service.createWorkflow, creation({ requestId: used }), r),
    ],
    [
      'AddSteps WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.addSteps, addition(nobody, chain('a')), r),
    ],
    [
      'AddSteps ILLEGAL_TRANSITION',
      async (r) => await refused(rig, Service.addSteps, addition(ended, chain('c')), r),
    ],
    [
      'AddSteps INVALID_PLAN',
      async (r) => await refused(rig, Service.addSteps, addition(draft, planOf(step('a', 'fly'))), r),
    ],
    [
      'AddSteps STALE_ETAG',
      async (r) => await refused(rig, Service.addSteps, addition(draft, chain('a'), { etag: '1' }), r),
    ],
    [
      'StartWorkflow WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.startWorkflow, start(nobody), r),
    ],
    [
      'StartWorkflow ILLEGAL_TRANSITION',
      async (r) => await refused(rig, Service.startWorkflow, start(ended), r),
    ],
    ['StartWorkflow INVALID_PLAN', async (r) => await refused(rig, Service.startWorkflow, start(draft), r)],
    [
      'StartWorkflow PLAN_CHANGED',
      async (r) => {
        const { workflow } = await rig.client.workflows.createWorkflow(creation());
        await rig.client.workflows.addSteps(addition(workflow!.name, chain('a')));
        await refused(rig, Service.startWorkflow, start(workflow!.name, { planHash }), r);
      },
    ],
    [
      'SubmitWorkflow INVALID_PLAN',
      async (r) => await refused(rig, Service.submitWorkflow, submission(planOf()), r),
    ],
    [
      'SubmitWorkflow SECRET_KEY_MISSING',
      async (r) => await refused(keyless, Service.submitWorkflow, submission(secret), r),
    ],
    [
      'SubmitWorkflow CONTROLLER_NOT_FOUND',
      async (r) => await refused(rig, Service.submitWorkflow, orchestrated('nobody'), r),
    ],
    [
      'SubmitWorkflow CONTROLLER_UNAVAILABLE',
      async (r) => await refused(rig, Service.submitWorkflow, orchestrated('gone'), r),
    ],
    [
      'SubmitWorkflow PLANNING_FAILED',
      async (r) => await refused(rig, Service.submitWorkflow, orchestrated('desk'), r),
    ],
    [
      'SubmitWorkflow PLAN_CHANGED',
      async (r) => await refused(rig, Service.submitWorkflow, submission(chain('a'), { planHash }), r),
    ],
    [
      'SubmitWorkflow WORKFLOW_EXISTS',
      async (r) =>
        await refused(rig, Service.submitWorkflow, submission(chain('a'), { workflowId: 'ended' }), r),
    ],
    [
      'SubmitWorkflow REQUEST_ID_REUSED',
      async (r) => await refused(rig, Service.submitWorkflow, submission(chain('a'), { requestId: used }), r),
    ],
    [
      'PlanWorkflow WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.planWorkflow, { source: { $case: 'name', value: nobody } }, r),
    ],
    [
      'GetWorkflow WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.getWorkflow, { name: nobody }, r),
    ],
    [
      'ListWorkflows INVALID_PAGE_TOKEN',
      async (r) => await refused(rig, Service.listWorkflows, { ...list, pageToken }, r),
    ],
    [
      'ListWorkflows REVISION_COMPACTED',
      async (r) => {
        const page = await rig.client.workflows.listWorkflows(list);
        await refused(rig, Service.listWorkflows, { ...list, pageToken: await compactedAfter(page) }, r);
      },
    ],
    [
      'WatchWorkflow WORKFLOW_NOT_FOUND',
      async (reason) => {
        const watch = rig.client.workflows.watchWorkflow({ name: nobody, startRevision: '0' });
        expect(await rejection(watch[Symbol.asyncIterator]().next())).to.include({ reason });
      },
    ],
    [
      'WaitWorkflow WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.waitWorkflow, { name: nobody, timeout: undefined }, r),
    ],
    ...verbProvocations({ rig: () => rig, keyless: () => keyless, used, ended, halted, nobody }),
    [
      'ListSteps WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.listSteps, { ...ofSteps, parent: nobody }, r),
    ],
    [
      'ListSteps INVALID_PAGE_TOKEN',
      async (r) => await refused(rig, Service.listSteps, { ...ofSteps, pageToken }, r),
    ],
    [
      'ListSteps REVISION_COMPACTED',
      async (r) => {
        const page = await rig.client.workflows.listSteps(ofSteps);
        await refused(rig, Service.listSteps, { ...ofSteps, pageToken: await compactedAfter(page) }, r);
      },
    ],
    [
      'GetStep WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.getStep, { name: `${nobody}/steps/a` }, r),
    ],
    [
      'GetStep STEP_NOT_FOUND',
      async (r) => await refused(rig, Service.getStep, { name: `${ended}/steps/z` }, r),
    ],
    [
      'ExplainWorkflow WORKFLOW_NOT_FOUND',
      async (r) => await refused(rig, Service.explainWorkflow, { name: nobody }, r),
    ],
    [
      'ExplainWorkflow STEP_NOT_FOUND',
      async (r) => await refused(rig, Service.explainWorkflow, { name: `${ended}/steps/z` }, r),
    ],
    [
      'ListIncidents INVALID_PAGE_TOKEN',
      async (r) => await refused(rig, Incidents.listIncidents, { ...ofIncidents, pageToken }, r),
    ],
    [
      'ListIncidents REVISION_COMPACTED',
      async (r) => {
        const page = await rig.client.incidents.listIncidents(ofIncidents);
        await refused(
          rig,
          Incidents.listIncidents,
          { ...ofIncidents, pageToken: await compactedAfter(page) },
          r,
        );
      },
    ],
    [
      'GetIncident INCIDENT_NOT_FOUND',
      async (r) => await refused(rig, Incidents.getIncident, { name: 'incidents/nobody.a.1' }, r),
    ],
    ...resolutionProvocations({ rig: () => rig, keyless: () => keyless, used }),
  ]);

  it('are all provoked here, and only they', () => {
    expect([...provocations.keys()].sort()).to.deep.equal(documented().sort());
  });

  for (const [title, provoke] of provocations) {
    it(title, async () => {
      await provoke(title.split(' ')[1] as CallReason);
    });
  }

  it('change nothing: what was there stands as it stood', async () => {
    const states = await Promise.all([ended, draft, halted].map(async (name) => (await rig.get(name)).state));
    expect(states).to.deep.equal([WorkflowState.SUCCEEDED, WorkflowState.DRAFT, WorkflowState.SUSPENDED]);
    expect(rig.log.with('internal error')).to.deep.equal([]);
  });
});
