/** The SDK's examples as processes of their own, against a node: controller, orchestrator that goes away, submitter, test kit. */
import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SteplockClient } from '../../src/client/index.js';
import { startScript, startServer, type RunningProcess } from '../integration/support/processes.js';
import { freePorts } from '../support/etcd.js';

const example = (name: string): string => `../../../examples/sdk/${name}.ts`;

describe('The examples of the SDK', function () {
  this.timeout(120_000);
  let directory: string;
  let node: RunningProcess & { readonly address: string };
  let controller: RunningProcess;
  let controllerAt = '';
  let deskAt = '';
  let client: SteplockClient;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'steplock-sdk-'));
    node = await startServer('dev');
    controller = startScript(example('volume-controller'), directory, '127.0.0.1:0');
    [, controllerAt = ''] = await controller.says(/^serves at (\S+)$/m);
    deskAt = `127.0.0.1:${(await freePorts())[0]}`;
    client = await connect(node.address, { timeoutMs: 30_000 });
  });
  after(async () => {
    client.close();
    controller.kill('SIGTERM');
    node.kill('SIGTERM');
    await Promise.all([controller.ended, node.ended]);
    await rm(directory, { recursive: true, force: true });
  });

  it('a program submits a plan, follows it and takes its typed result', async () => {
    // The first endpoint refuses: the second is taken.
    const submitter = startScript(example('submit-volumes'), `127.0.0.1:1,${node.address}`, controllerAt);
    expect(await submitter.ended, submitter.output.err).to.equal(0);
    const [, path = ''] = /^data lies at (\S+)$/m.exec(submitter.output.out) ?? [];
    expect(existsSync(path)).to.equal(true);
    for (const id of ['data', 'log', 'mirror'])
      expect(submitter.output.out).to.match(new RegExp(`^${id} is made$`, 'm'));
    expect(submitter.output.out.match(/the workflow has ended/g)).to.have.length(1);
    expect(await readdir(directory)).to.have.length(3);
  });

  it('an orchestrator submits and exits; its receiver is down when the workflow ends, and is told when it is back', async () => {
    const asking = startScript(example('provision-orchestrator'), 'ask', node.address, deskAt, '8192');
    const [, name = ''] = await asking.says(/^submitted (\S+)$/m);
    expect(await asking.ended, asking.output.err).to.equal(0);
    const ended = await client.workflow(name).result({ timeoutMs: 60_000 });
    expect(ended.state).to.equal('SUCCEEDED');
    expect(asking.output.out).not.to.contain('ended');
    // The node has tried, and nobody was there.
    await node.says(/orchestrator not told, trying again/);
    const receiver = startScript(example('provision-orchestrator'), 'serve', deskAt);
    const [told] = await receiver.says(/^\S+ ended: .*$/m);
    expect(told).to.match(new RegExp(`^${name} ended: SUCCEEDED \\{"paths":\\["\\S+","\\S+"\\]\\}$`));
    receiver.kill('SIGTERM');
    expect(await receiver.ended, receiver.output.err).to.equal(0);
  });

  it('a plan that the orchestrator refuses is refused, with its words', async () => {
    const size = String(2 ** 41);
    const asking = startScript(example('provision-orchestrator'), 'ask', node.address, deskAt, size);
    expect(await asking.ended).not.to.equal(0);
    expect(asking.output.err).to.contain('At most 1 TiB').and.contain('PLANNING_FAILED');
  });

  it('a test of a plan lets a night pass in an instant', async () => {
    const trying = startScript(example('try-volumes'));
    expect(await trying.ended, trying.output.err).to.equal(0);
    expect(trying.output.out).to.equal('it is 2030-01-02T10 h now, and data was undone\n');
  });

  it('a controller that is told to end takes no call any more and exits', async () => {
    const other = startScript(example('volume-controller'), directory, '127.0.0.1:0');
    await other.says(/^serves at/m);
    other.kill('SIGTERM');
    expect(await other.ended, other.output.err).to.equal(0);
  });
});
