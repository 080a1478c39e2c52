/**
 * Each operation's plan against its golden one in golden/. After a change that is meant, write them anew with
 * STEPLOCK_WRITE_GOLDEN=1 and read the difference.
 */
import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PlannedWorkflow } from '../../../src/gen/wire/steplock/v1/orchestrator_service.js';
import { planExportVolume, planUnexportVolume } from '../../../src/orchestrators/export-plans.js';
import { toAnswer, type Planned } from '../../../src/orchestrators/plan-parts.js';
import {
  planCreateSnapshot,
  planDeleteSnapshot,
  planDiscoverSystem,
} from '../../../src/orchestrators/snapshot-plans.js';
import {
  planCloneVolume,
  planCreateVolumes,
  planDeleteVolume,
  planExpandVolume,
  planRevertVolume,
} from '../../../src/orchestrators/volume-plans.js';

const golden = fileURLToPath(new URL('golden/', import.meta.url));
const onOne = { system: 'shelf-1', controller: 'array' };
const onTwo = { system: 'shelf-2', controller: 'other' };
const volume = { ...onOne, volume: 'data', uid: 'u1', serial: 's1', leftBy: '' };
const host = { host: 'web-1', protocol: 'iscsi', addresses: ['iqn.2025-01.org.example:web-1'] };
const newVolume = (id: string, on: typeof onOne) => ({
  ...on,
  ...{ volume: id, sizeBytes: 1024 ** 3, pool: undefined, thick: false, labels: {} },
});

const plans: Readonly<Record<string, Planned>> = {
  'create-volumes': planCreateVolumes({
    volumes: [newVolume('data', onOne), { ...newVolume('log', onTwo), pool: 'gold', thick: true }],
    hosts: [],
  }),
  'create-and-export': planCreateVolumes({ volumes: [newVolume('data', onOne)], hosts: [host] }),
  'expand-volume': planExpandVolume(volume, 2 * 1024 ** 3),
  'clone-volume': planCloneVolume({
    ...onOne,
    ...{ volume: 'copy', labels: { from: 'data' }, sizeBytes: undefined, sourceSizeBytes: 1024 ** 3 },
    source: { kind: 'snapshot', id: 'monday', serial: 's2' },
  }),
  'revert-volume': planRevertVolume(volume, { id: 'monday', serial: 's2' }),
  'delete-volume': planDeleteVolume({ ...volume, leftBy: 'wf-gone' }),
  'create-snapshot': planCreateSnapshot(volume, { id: 'monday', labels: {} }),
  'delete-snapshot': planDeleteSnapshot({
    ...onOne,
    ...{ snapshot: 'monday', uid: 'u2', serial: 's2', volume: 'data', leftBy: '' },
  }),
  'export-volume': planExportVolume(
    volume,
    { ...host, toMake: [{ protocol: 'iscsi', address: 'iqn.2025-01.org.example:web-1', node_wwn: '' }] },
    { username: 'web', secret: { $secret: { env: 'CHAP' } } },
  ),
  'unexport-volume': planUnexportVolume(volume, {
    ...{ id: 'exp-1', uid: 'u3', host: 'web-1', initiators: host.addresses, leftBy: '' },
  }),
  'register-system': planDiscoverSystem({ ...onOne, labels: { site: 'a' }, known: undefined }),
  'discover-system': planDiscoverSystem({ ...onOne, labels: {}, known: { uid: 'u4', leftBy: '' } }),
};

describe('plans of storage', () => {
  for (const [name, planned] of Object.entries(plans)) {
    it(`${name} is its golden plan, and one that can be read`, () => {
      const file = `${golden}${name}.json`;
      const answer = toAnswer(planned);
      const text = `${JSON.stringify(answer, null, 2)}\n`;
      if (process.env['STEPLOCK_WRITE_GOLDEN'] === '1') {
        mkdirSync(golden, { recursive: true });
        writeFileSync(file, text);
      }
      expect(existsSync(file), `${file} is missing`).to.equal(true);
      expect(JSON.parse(text)).to.deep.equal(JSON.parse(readFileSync(file, 'utf8')));
      const { plan } = PlannedWorkflow.fromJSON(answer);
      expect(plan?.steps.length).to.equal(planned.steps.length);
    });
  }

  it('of volumes on two systems no step waits for one of the other', () => {
    const { steps } = plans['create-volumes']!;
    for (const { id, dependsOn } of steps as { id: string; dependsOn: string[] }[]) {
      const number = id.slice(-1);
      for (const before of dependsOn) expect(before.endsWith(number), `${id} after ${before}`).to.equal(true);
    }
  });

  it('a step that destroys names the serial of what it means', () => {
    const destroying = ['delete-volume', 'delete-snapshot', 'revert-volume', 'unexport-volume'];
    for (const { steps } of Object.values(plans)) {
      for (const { call } of steps as { call: { method: string; arguments: Record<string, unknown> } }[]) {
        if (destroying.includes(call.method)) expect(call.arguments['serial'], call.method).to.match(/^s\d$/);
      }
    }
  });
});
