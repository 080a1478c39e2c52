/** The controller in Python, with a real node and etcd: what it makes, and its death by kill -9 in the middle of a call. */
import { expect } from 'chai';
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import type { RunningProcess } from './support/processes.js';
import { launchPythonController, startPythonController } from './support/python-controller.js';
import { requestId, startRig, type Rig } from './support/rig.js';
import { temporaryDirectory } from './support/temporary.js';

const mebibyte = 1024 * 1024;
/** Slow enough to be killed before it is done: 4 MiB take 32 s. */
const slow = 128 * 1024;

describe('The controller in Python', function () {
  this.timeout(120_000);
  let rig: Rig;
  let dataDir: string;
  let controller: RunningProcess & { readonly endpoint: string };

  before(async () => {
    rig = await startRig();
    dataDir = await temporaryDirectory();
    controller = await startPythonController({ dataDir });
    await rig.client.dispatcher.registerController({
      controllerId: 'volumes',
      endpoint: controller.endpoint,
      requestId: requestId(),
      orchestrator: false,
    });
  });
  after(async () => {
    controller.kill();
    await controller.ended;
    await rig.close();
  });

  const call = (
    id: string,
    method: string,
    args: Record<string, string | number | boolean>,
    ...needs: string[]
  ) => step(id, method, { controller: 'volumes', with: args, needs });
  const volumes = async (): Promise<string[]> => (await readdir(join(dataDir, 'volumes'))).sort();
  const being = async (): Promise<string[]> => await readdir(join(dataDir, 'making'));
  const dataOf = (volume: string): string => join(dataDir, 'volumes', volume, 'data');
  const restart = async (writeRate?: number): Promise<void> => {
    controller.kill();
    await controller.ended;
    const listen = controller.endpoint;
    controller = await startPythonController({
      dataDir,
      listen,
      ...(writeRate === undefined ? {} : { writeRate }),
    });
  };
  const probesOf = (workflow: string): number =>
    rig.log.with('probed a call in doubt').filter((line) => line['workflow'] === workflow).length;

  it('executes steps, polls a task and undoes what they made when a later one fails', async () => {
    const made = await rig.run(
      planOf(
        call('a', 'create-volume', { volume: 'kept', size_bytes: mebibyte, thick: true }),
        call('b', 'copy-volume', { source: 'kept', volume: 'copied' }, 'a'),
      ),
    );
    expect(made.state).to.equal(WorkflowState.SUCCEEDED);
    expect((await stat(dataOf('copied'))).size).to.equal(mebibyte);
    expect((await rig.step(made.name, 'b')).output).to.deep.equal({
      volume: 'copied',
      size_bytes: mebibyte,
      path: dataOf('copied'),
    });
    const failed = await rig.run(
      planOf(
        call('a', 'create-volume', { volume: 'gone', size_bytes: mebibyte }),
        call('b', 'copy-volume', { source: 'kept', volume: 'gone-too' }, 'a'),
        call('c', 'create-volume', { volume: 'kept', size_bytes: mebibyte }, 'b'),
      ),
    );
    expect(failed.state).to.equal(WorkflowState.ROLLED_BACK);
    expect((await rig.step(failed.name, 'c')).error?.message).to.match(/VolumeExists/);
    expect(await volumes()).to.deep.equal(['copied', 'kept']);
    expect(await being()).to.deep.equal([]);
  });

  async function killedWhileMaking(workflowId: string, plan: Plan): Promise<string> {
    await restart(slow);
    const { name } = await rig.submit(plan, { workflowId });
    // In the middle: some bytes of it are written, and the volume is not there.
    await eventually(async () => {
      const [place = ''] = await being();
      expect((await stat(join(dataDir, 'making', place, 'data'))).size).to.be.greaterThan(0);
    }, 20_000);
    return name;
  }

  it('killed in the middle of a method that is idempotent, it is called again with the same key', async () => {
    const name = await killedWhileMaking(
      'dies-create',
      planOf(call('a', 'create-volume', { volume: 'thick', size_bytes: 4 * mebibyte, thick: true })),
    );
    expect(await volumes()).to.not.include('thick');
    await restart();
    await rig.restedAs(name, WorkflowState.SUCCEEDED, 60_000);
    expect((await stat(dataOf('thick'))).size).to.equal(4 * mebibyte);
    expect(await being()).to.deep.equal([]);
    expect((await rig.step(name, 'a')).attempts).to.be.greaterThan(1);
    expect(probesOf('dies-create')).to.equal(0);
    const record = JSON.parse(await readFile(join(dataDir, 'volumes/thick/record.json'), 'utf8')) as {
      key: string;
    };
    expect(record.key).to.match(/\/a\/0$/);
  });

  it('killed in the middle of a method that can be probed, it is asked what came of the call', async () => {
    const bytes = Buffer.alloc(4 * mebibyte, 'steplock');
    await rig.run(planOf(call('a', 'create-volume', { volume: 'source', size_bytes: bytes.length })));
    await writeFile(dataOf('source'), bytes);
    const name = await killedWhileMaking(
      'dies-copy',
      planOf(call('a', 'copy-volume', { source: 'source', volume: 'target' })),
    );
    await restart();
    await rig.restedAs(name, WorkflowState.SUCCEEDED, 60_000);
    expect(await readFile(dataOf('target'))).to.deep.equal(bytes);
    expect(await being()).to.deep.equal([]);
    expect(probesOf('dies-copy')).to.be.greaterThan(0);
  });

  it('two processes do not serve one directory', async () => {
    const second = launchPythonController({ dataDir });
    expect(await second.ended).to.equal(1);
    expect(second.output.err).to.include('is served by another process');
    await access(dataOf('kept'));
  });
});
