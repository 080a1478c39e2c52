/** Block storage over the command line, on simulated arrays: what a person types, what it prints, how it exits. */
import { expect } from 'chai';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { runCli } from '../../src/cli/program.js';
import { startStorageRig, type StorageRig } from './support/storage-rig.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('The command line of block storage', function () {
  this.timeout(120_000);
  let rig: StorageRig;

  before(async () => {
    rig = await startStorageRig();
  });
  after(async () => {
    await rig.close();
  });

  /** Runs a command in this process. */
  async function run(line: string): Promise<Ran> {
    let [out, err, code] = ['', '', 0];
    await runCli([...line.split(' '), '--server', rig.node.address], {
      terminal: {
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
        isTty: false,
        columns: 200,
        rows: 0,
      },
      env: {},
      signal: new AbortController().signal,
      nowMs: () => Date.UTC(2026, 0),
      setExitCode: (ended) => {
        code = ended;
      },
    });
    return { out, err, code };
  }

  /** Runs a command that must succeed; gives what it printed. */
  async function ok(line: string): Promise<string> {
    const { code, out, err } = await run(line);
    expect(code, `${line}\n${out}${err}`).to.equal(exitCodes.ok);
    return out;
  }

  it('systems and a host are registered, volumes made and exported, changed and deleted', async () => {
    await ok('system register shelf-1 --controller array --wait');
    await ok('system register shelf-2 --controller array --wait');
    expect(await ok('pool list --of systems/shelf-1')).to.match(/^gold +available +shelf-1 +100GiB/m);
    await ok('host create web-1 --initiator iqn.2025-01.org.example:web-1');
    await ok(
      'volume create data --size 1GiB --system shelf-1 --system shelf-2 --count 3 --export-to web-1 --label app=db --wait',
    );
    const list = await ok('volume list --label app=db');
    expect(list)
      .to.match(/^data-1 +available +shelf-1 +gold +1GiB/m)
      .and.to.match(/^data-2 +available +shelf-2/m);
    expect(await ok('export list --of hosts/web-1')).to.match(/available +data-3 +web-1 +\d+ +iqn/);
    await ok('snapshot create data-1 monday --wait');
    await ok('volume clone copy --from snapshots/monday --wait');
    await ok('volume expand data-1 --size 2GiB --wait');
    expect(await ok('volume describe data-1')).to.include('2GiB');
    await ok('volume revert data-1 --to monday --wait');
    await ok('volume label data-1 --label app=web');
    expect(await ok('volume list --label app=web --state available')).to.include('data-1');
  });

  it('refusals have their exit code and say who is in the way', async () => {
    const refused = await run('volume delete data-1 --wait');
    expect(refused.code).to.equal(exitCodes.refused);
    expect(refused.err).to.match(
      /^steplock: RESOURCE_IN_USE: volumes\/data-1 is in use by (exports|snapshots)\//,
    );
    expect((await run('volume describe nobody')).code).to.equal(exitCodes.notFound);
    expect((await run('volume create x --size 1GB --system shelf-1')).code).to.equal(exitCodes.usage);
    const full = await run('volume create x --size 1TiB --system shelf-1 --wait');
    expect(full.code).to.equal(exitCodes.notSucceeded);
    expect((await run('volume describe x')).code).to.equal(exitCodes.notFound);
  });

  it('at the end nothing is left on the arrays', async () => {
    for (const number of [1, 2, 3]) await ok(`export delete data-${number} web-1 --wait`);
    await ok('snapshot delete monday --wait');
    for (const name of ['data-1', 'data-2', 'data-3', 'copy']) await ok(`volume delete ${name} --wait`);
    await ok('host delete web-1');
    await ok('system unregister shelf-1');
    await ok('system unregister shelf-2');
    for (const system of ['shelf-1', 'shelf-2']) expect(await rig.onArray(system)).to.deep.equal([]);
    const left = (await rig.keys()).filter((key) => /^(resource|use|part)\//.test(key));
    expect(left).to.deep.equal([]);
  });
});
