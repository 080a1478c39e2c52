/**
 * A record that cannot be read: its workflow stands still with an incident that names the record, all others go on,
 * and once the record is repaired the workflow goes on, too.
 */
import { expect } from 'chai';
import { keys, shardOf } from '../../src/store/keys.js';
import type { WorkflowId } from '../../src/base/ids.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { chain } from './support/plans.js';
import { createGate } from './support/scripted-controller.js';
import { freshStore, startRig, type Rig } from './support/rig.js';

const garbage = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]);

describe('a record that cannot be read', () => {
  const rigs: Rig[] = [];
  afterEach(async () => {
    await Promise.all(
      rigs.splice(0).map(async (rig) => {
        await rig.close();
      }),
    );
  });

  it('names the record in the incident, and lets the others go on', async function () {
    this.timeout(40_000);
    const store = await freshStore('etcd');
    const first = await startRig({ store });
    rigs.push(first);
    const gate = createGate();
    for (const id of ['broken', 'sound']) first.script.script(id, 'a', gate.pass);
    await first.submit(chain('a', 'b'), { workflowId: 'broken' });
    await first.submit(chain('a', 'b'), { workflowId: 'sound' });
    await first.script.called('broken', 'a');
    await first.script.called('sound', 'a');
    const shards = first.node.api.runtime.shards;
    const id = 'broken' as WorkflowId;
    const key = keys.head({ shard: shardOf(id, shards), id });
    const sound = await first.store.get(key);
    await first.store.txn({
      compares: [],
      then: [{ type: 'put', key, value: garbage }],
      otherwise: [],
    });
    await rigs.pop()?.close();

    const second = await startRig({ store });
    rigs.push(second);
    await second.restedAs('workflows/sound', WorkflowState.SUCCEEDED);
    const incident = await eventually(async () => {
      const { incidents } = await second.client.incidents.listIncidents({
        pageSize: 10,
        pageToken: '',
        includeResolved: false,
      });
      const [found] = incidents;
      if (found === undefined) throw new Error('No incident');
      return found;
    }, 10_000);
    expect(incident.workflow).to.equal('workflows/broken');
    expect(incident.error?.reason).to.equal('RECORD_CORRUPT');
    expect(incident.error?.message).to.contain(key);
    expect(second.script.order('broken')).to.not.contain('b');

    await second.store.txn({
      compares: [],
      then: [{ type: 'put', key, value: sound!.value }],
      otherwise: [],
    });
    await rigs.pop()?.close();
    const third = await startRig({ store });
    rigs.push(third);
    await third.restedAs('workflows/broken', WorkflowState.SUCCEEDED);
    const { incidents } = await third.client.incidents.listIncidents({
      pageSize: 10,
      pageToken: '',
      includeResolved: false,
    });
    expect(incidents).to.deep.equal([]);
  });
});
