/**
 * Lists in pages: each thing once, as of one moment, whatever happens between two pages; and a token is worth something
 * only to the list that gave it.
 */
import { expect } from 'chai';
import { done, failed } from '../../src/controller.js';
import { DispatcherServiceService } from '../../src/gen/wire/steplock/v1/dispatcher_service.js';
import { IncidentServiceService } from '../../src/gen/wire/steplock/v1/incident_service.js';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { chain, planOf, settings, step } from './support/plans.js';
import { metadataOf, refused } from './support/refusal.js';
import { verb } from './support/requests.js';
import { freshStore, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

/** All pages, with something done after the first one. */
async function walk<T>(
  read: (pageToken: string) => Promise<Page<T>>,
  between?: () => Promise<void>,
): Promise<T[]> {
  const found: T[] = [];
  for (let token = '', pages = 0; ; pages++) {
    const { items, next } = await read(token);
    found.push(...items);
    if (next === '') return found;
    if (pages === 0) await between?.();
    token = next;
  }
}

for (const kind of storeKinds) {
  describe(`Pages (${kind})`, function () {
    this.timeout(20_000);
    let rig: Rig;

    before(async () => {
      rig = await startRig({ store: await freshStore(kind), logLevel: 'info' });
    });

    after(async () => {
      await rig.close();
    });

    const workflowsOf = async (tenant: string, pageSize: number, between?: () => Promise<void>) =>
      await walk(async (pageToken) => {
        const filter = { states: [], tenant, labels: {} };
        const page = await rig.client.workflows.listWorkflows({ pageSize, pageToken, filter });
        expect(page.workflows.length).to.be.at.most(pageSize);
        return { items: page.workflows.map(({ name }) => name.slice(10)), next: page.nextPageToken };
      }, between);

    it('of workflows show each once, newest first, without those that came meanwhile', async () => {
      const said = { settings: settings({ tenant: 'paged' }) };
      for (let n = 0; n < 7; n++) await rig.submit(chain('a'), { workflowId: `p${n}`, ...said });
      const found = await workflowsOf('paged', 3, async () => {
        await rig.submit(chain('a'), { workflowId: 'late', ...said });
      });
      expect(found).to.deep.equal(['p6', 'p5', 'p4', 'p3', 'p2', 'p1', 'p0']);
      expect((await workflowsOf('paged', 1_000))[0]).to.equal('late');
    });

    it('of workflows keep to state, tenant and labels', async () => {
      const labelled = (tenant: string, site: string) => ({
        settings: settings({ tenant, labels: { site, tier: 'gold' } }),
      });
      await rig.run(chain('a'), { workflowId: `${kind}-bern`, ...labelled('lab', 'bern') });
      await rig.run(chain('a'), { workflowId: `${kind}-oslo`, ...labelled('lab', 'oslo') });
      await rig.run(chain('a'), { workflowId: `${kind}-other`, ...labelled('field', 'bern') });
      const names = async (states: WorkflowState[], tenant: string, labels: Record<string, string>) => {
        const request = { pageSize: 0, pageToken: '', filter: { states, tenant, labels } };
        return (await rig.client.workflows.listWorkflows(request)).workflows.map(({ name }) =>
          name.split('-').at(-1),
        );
      };
      expect(await names([], 'lab', {})).to.deep.equal(['oslo', 'bern']);
      expect(await names([], '', { site: 'bern', tier: 'gold' })).to.deep.equal(['other', 'bern']);
      expect(await names([WorkflowState.SUCCEEDED], 'lab', { site: 'oslo' })).to.deep.equal(['oslo']);
      expect(await names([WorkflowState.FAILED], 'lab', {})).to.deep.equal([]);
    });

    it('of steps are as of the first one, with a filter too', async () => {
      const ids = Array.from({ length: 9 }, (_, n) => `s${n}`);
      const gate = createGate();
      for (const id of ids) rig.script.script('steps', id, gate.pass);
      const { name } = await rig.submit(planOf(...ids.map((id) => step(id, 'free'))), {
        workflowId: 'steps',
      });
      for (const id of ids) await rig.script.called('steps', id);
      const read = async (pageToken: string): Promise<Page<string>> => {
        const request = { parent: name, pageSize: 4, pageToken, states: [StepState.RUNNING] };
        const { steps, nextPageToken } = await rig.client.workflows.listSteps(request);
        return { items: steps.map((each) => each.id), next: nextPageToken };
      };
      const found = await walk(read, async () => {
        gate.open();
        await rig.restedAs(name, WorkflowState.SUCCEEDED);
      });
      expect(found).to.deep.equal(ids);
      expect((await read('')).items).to.deep.equal([]);
    });

    it('of steps have the plan’s order, undos last', async () => {
      rig.script.script('undone', 'c', () => failed('Bad', 'no', { retryable: false, effect: 'none' }));
      const { name } = await rig.run(chain('a', 'b', 'c'), { workflowId: 'undone' });
      const found = await walk(async (pageToken) => {
        const request = { parent: name, pageSize: 2, pageToken, states: [] };
        const { steps, nextPageToken } = await rig.client.workflows.listSteps(request);
        return { items: steps.map((each) => each.name.split('/').at(-1)), next: nextPageToken };
      });
      expect(found).to.deep.equal(['a', 'b', 'c', 'undo.a', 'undo.b']);
    });

    it('of incidents show each once, newest first', async () => {
      rig.script.script('broken', 'a', () => done());
      const ids = ['i0', 'i1', 'i2'];
      for (const id of ids) {
        rig.script.script(id, 'b', () => failed('Bad', 'no', { retryable: false, effect: 'none' }));
        await rig.run(planOf(step('a', 'final'), step('b', 'make', { needs: ['a'] })), { workflowId: id });
      }
      const found = await walk(async (pageToken) => {
        const request = { pageSize: 2, pageToken, includeResolved: false };
        const { incidents, nextPageToken } = await rig.client.incidents.listIncidents(request);
        return { items: incidents.map(({ workflow }) => workflow.slice(10)), next: nextPageToken };
      });
      expect(found).to.deep.equal(['i2', 'i1', 'i0']);
    });

    it('are refused for a token of another list, another filter, or of nobody', async () => {
      const { nextPageToken } = await rig.client.workflows.listWorkflows({
        pageSize: 1,
        pageToken: '',
        filter: undefined,
      });
      const [key, revision, created, filter] = JSON.parse(
        Buffer.from(nextPageToken, 'base64url').toString(),
      ) as unknown[];
      const forge = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
      const tokens = [
        'nonsense',
        '%%%',
        forge('queue/000/x', revision, created, filter),
        forge(key, -1, created, filter),
        forge(key, 0, created, filter),
        forge(key, 1.5, created, filter),
        forge(key, revision, -1, filter),
        forge(key, revision, created, 'other'),
        forge(),
      ];
      for (const pageToken of tokens) {
        await refused(
          rig,
          Service.listWorkflows,
          { pageSize: 1, pageToken, filter: undefined },
          'INVALID_PAGE_TOKEN',
        );
      }
      const wrong = { pageSize: 1, pageToken: nextPageToken };
      await refused(
        rig,
        Service.listSteps,
        { ...wrong, parent: 'workflows/p0', states: [] },
        'INVALID_PAGE_TOKEN',
      );
      await refused(
        rig,
        IncidentServiceService.listIncidents,
        { ...wrong, includeResolved: true },
        'INVALID_PAGE_TOKEN',
      );
      await refused(rig, DispatcherServiceService.listClaims, wrong, 'INVALID_PAGE_TOKEN');
      const filtered = { states: [], tenant: 'other', labels: {} };
      await refused(rig, Service.listWorkflows, { ...wrong, filter: filtered }, 'INVALID_PAGE_TOKEN');
      expect(rig.log.with('internal error')).to.deep.equal([]);
    });

    it('are refused for a negative size, and for a moment that was compacted', async () => {
      const first = { pageSize: -1, pageToken: '', filter: undefined };
      expect(metadataOf(await refused(rig, Service.listWorkflows, first, 'INVALID_FIELD'))).to.include({
        field: 'page_size',
      });
      const request = { pageSize: 1, pageToken: '', filter: undefined };
      const { nextPageToken } = await rig.client.workflows.listWorkflows(request);
      const ofSteps = { parent: 'workflows/undone', pageSize: 1, pageToken: '', states: [] };
      const steps = await rig.client.workflows.listSteps(ofSteps);
      const ofIncidents = { pageSize: 1, pageToken: '', includeResolved: false };
      const incidents = await rig.client.incidents.listIncidents(ofIncidents);
      const gone = createGate();
      rig.script.script('moves-on', 'a', gone.pass);
      const { name } = await rig.submit(chain('a'), { workflowId: 'moves-on' });
      await rig.client.workflows.suspendWorkflow(verb(name));
      const { revision } = await rig.store.list({ start: 'head/', end: 'head0' }, { keysOnly: true });
      await rig.store.compact(revision);
      gone.open();
      const reason = 'REVISION_COMPACTED';
      await refused(rig, Service.listWorkflows, { ...request, pageToken: nextPageToken }, reason);
      await refused(rig, Service.listSteps, { ...ofSteps, pageToken: steps.nextPageToken }, reason);
      const again = { ...ofIncidents, pageToken: incidents.nextPageToken };
      await refused(rig, IncidentServiceService.listIncidents, again, reason);
      expect((await rig.client.workflows.listWorkflows(request)).workflows).to.have.length(1);
    });
  });
}
