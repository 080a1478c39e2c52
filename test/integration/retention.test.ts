/** Workflows go when the time after their end is over: all of their records, exported first, and no others. */
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { done, failed } from '../../src/controller.js';
import { ResolveIncidentRequest } from '../../src/gen/wire/steplock/v1/incident_service.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { prefixes } from '../../src/store/keys.js';
import { eventually } from '../support/eventually.js';
import { Cluster } from './support/cluster.js';
import { chain, planOf, settings, step } from './support/plans.js';
import { creation, deletion, stop } from './support/requests.js';
import { freshStore, requestId, startRig, storeKinds, type Rig } from './support/rig.js';
import { temporaryDirectory } from './support/temporary.js';

const { SUCCEEDED, FAILED } = WorkflowState;
const retentionMs = 1_000;
const goneMs = 20_000;

interface ArchivedLine {
  readonly workflow: { readonly name: string; readonly state: string; readonly endTime: string };
  readonly steps: { readonly name: string; readonly state: string }[];
  readonly incidents: { readonly name: string; readonly resolution?: { readonly actor: string } }[];
}

async function linesIn(directory: string): Promise<ArchivedLine[]> {
  const texts = await Promise.all(
    (await readdir(directory)).sort().map(async (name) => await readFile(join(directory, name), 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ArchivedLine);
}

/** Keys but for the records of requests, which stay for a day. */
async function keysBut(rig: Rig, ...but: readonly string[]): Promise<string[]> {
  return (await rig.keys()).filter((key) => !but.some((prefix) => key.startsWith(prefix)));
}

async function allGone(rig: Rig): Promise<void> {
  await eventually(async () => {
    expect(await keysBut(rig, prefixes.request)).to.deep.equal([]);
  }, goneMs);
}

/** It fails, keeps what was done, and leaves an incident. */
async function leaveIncident(rig: Rig, workflowId: string): Promise<string> {
  rig.script.script(workflowId, 'a', () => {
    throw new Error('the line was cut');
  });
  rig.script.script(workflowId, 'b', () => failed('Bad', 'it failed', { retryable: false, effect: 'none' }));
  const plan = planOf(step('a', 'blind'), step('b', 'free'));
  const kept = { workflowId, settings: settings({ onFailure: OnFailure.KEEP }) };
  const { name } = await rig.submit(plan, kept);
  const { incidents } = await rig.restedAs(name, FAILED);
  expect(incidents).to.have.length(1);
  return incidents[0] ?? '';
}

for (const kind of storeKinds) {
  describe(`Retention, on ${kind}`, function () {
    this.timeout(60_000);
    let rig: Rig;
    let directory: string;
    before(async () => {
      directory = join(await temporaryDirectory(), 'ended');
      const said = { retentionMs, retentionExportDir: directory };
      rig = await startRig({ store: await freshStore(kind), settings: said });
    });
    after(async () => {
      await rig.close();
    });

    it('deletes what has ended, every key of it, and leaves alone what has not', async () => {
      const { workflow: draft } = await rig.client.workflows.createWorkflow(creation());
      const waiting = await rig.submit(chain('a'), {
        workflowId: 'waiting',
        settings: settings({ startTime: new Date(Date.now() + 3_600_000) }),
      });
      const before = await keysBut(rig, prefixes.request);
      await rig.run(chain('a', 'b', 'c'), { workflowId: 'short' });
      const requests = (await rig.keys()).filter((key) => key.startsWith(prefixes.request));
      await eventually(async () => {
        expect(await keysBut(rig, prefixes.request)).to.deep.equal(before);
      }, goneMs);
      // Whom nobody asked, nobody remembers.
      const after = (await rig.keys()).filter((key) => key.startsWith(prefixes.request));
      expect(after).to.deep.equal(requests);
      await rig.client.workflows.deleteWorkflow(deletion(draft?.name ?? ''));
      await rig.client.workflows.cancelWorkflow(stop(waiting.name));
      await allGone(rig);
    });

    it('keeps what has an open incident until a person has dealt with it, and exports that too', async () => {
      const incident = await leaveIncident(rig, 'kept');
      await rig.run(chain('a'), { workflowId: 'other' });
      await eventually(async () => {
        expect((await rig.keys()).filter((key) => key.includes('/other'))).to.deep.equal([]);
      }, goneMs);
      expect((await rig.get('workflows/kept')).state).to.equal(FAILED);
      const call = { ...ResolveIncidentRequest.fromPartial({ requestId: requestId() }), name: incident };
      await rig.client.incidents.resolveIncident({ ...call, actor: 'ann', reason: 'it was reset' });
      await allGone(rig);
      const line = (await linesIn(directory)).find(({ workflow }) => workflow.name === 'workflows/kept');
      expect(line?.workflow.state).to.equal('WORKFLOW_STATE_FAILED');
      expect(line?.incidents.map(({ name, resolution }) => [name, resolution?.actor])).to.deep.equal([
        [incident, 'ann'],
      ]);
    });

    it('has exported each once, whole, as the API shows it, its secrets sealed', async () => {
      const secret = 'tr0mb0ne-77';
      rig.script.script('sealed', 'a', () => done({ id: 'x', token: secret }));
      const plan = planOf(
        step('a', 'typed', { with: { name: 'n', password: { $secret: { value: secret } } } }),
      );
      const { name } = await rig.submit(plan, { workflowId: 'sealed' });
      await rig.restedAs(name, SUCCEEDED);
      const shown = await rig.step(name, 'a');
      await allGone(rig);
      const lines = await linesIn(directory);
      const names = lines.map(({ workflow }) => workflow.name.slice('workflows/'.length)).sort();
      expect(names).to.deep.equal(['kept', 'other', 'sealed', 'short', 'waiting']);
      const line = lines.find(({ workflow }) => workflow.name === name);
      expect(line?.steps).to.have.length(1);
      expect(line?.steps[0]).to.deep.include({ name: `${name}/steps/a`, state: 'STEP_STATE_SUCCEEDED' });
      expect(JSON.stringify(line?.steps[0])).to.contain(JSON.stringify(shown.output));
      expect(JSON.stringify(lines)).to.not.contain(secret);
    });
  });
}

describe('Retention', function () {
  this.timeout(60_000);

  it('deletes nothing that could not be exported, says so, and tries again', async () => {
    const directory = await temporaryDirectory();
    const rig = await startRig({ settings: { retentionMs, retentionExportDir: directory } });
    try {
      // In the place of the files of these days: they cannot be opened.
      const days = [0, 1].map((day) => new Date(Date.now() + day * 86_400_000).toISOString().slice(0, 10));
      const blocks = days.map((day) => join(directory, `workflows-${day}-n1.jsonl`));
      for (const path of blocks) await mkdir(path);
      await rig.run(chain('a'), { workflowId: 'stays' });
      await eventually(() => {
        const warnings = rig.log.with('ended workflows not deleted, trying again later');
        expect(warnings.length).to.be.greaterThan(1);
        expect(warnings[0]?.['cause']).to.match(/EISDIR/);
      }, goneMs);
      expect((await rig.get('workflows/stays')).state).to.equal(SUCCEEDED);
      for (const path of blocks) await rmdir(path);
      await allGone(rig);
      expect((await linesIn(directory)).map(({ workflow }) => workflow.name)).to.deep.equal([
        'workflows/stays',
      ]);
      expect(rig.log.errors).to.deep.equal([]);
    } finally {
      await rig.close();
    }
  });

  it('refuses to start with a directory that it cannot write to', async () => {
    const said = { retentionMs, retentionExportDir: '/proc/nowhere' };
    const failure = await startRig({ settings: said }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(String(failure)).to.match(/--retention-export-dir cannot be written to/);
  });

  it('goes on where a former node stopped, and deletes nothing while it is off', async () => {
    const store = await freshStore('etcd');
    const first = await startRig({ store });
    await first.run(chain('a'), { workflowId: 'old' });
    await first.close();
    const second = await startRig({ store, settings: { nodeId: 'n2', retentionMs } });
    await allGone(second);
    await second.close();
  });

  it('works with several nodes: one finds them, the owners of their shards delete them', async () => {
    const cluster = await Cluster.start();
    try {
      for (const node of ['n1', 'n2', 'n3']) await cluster.join(node, { retentionMs });
      const rig = cluster.rig('n1');
      await Promise.all(Array.from({ length: 60 }, async () => await rig.run(chain('a'))));
      await allGone(rig);
      for (const each of cluster.rigs) expect(each.log.errors).to.deep.equal([]);
    } finally {
      await cluster.close();
    }
  });
});
