/** Starting and ending a tgtd, and what its management socket promises. */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment, tiedToParent } from '../../../plugins/linux/child-process.js';
import { startTgtd } from '../../../plugins/linux/tgtd.js';
import { encodeRequest } from '../../../plugins/linux/tgtd-protocol.js';
import { within } from '../../support/eventually.js';
import { compile } from './compiled.js';
import { descendantsOf, expectGone } from './processes.js';
import { errorOf, startTestTgtd } from './support.js';

describe('linux: tgtd', function () {
  this.timeout(20_000);

  it('starts several at once, each with numbers of its own, and ends without a trace', async () => {
    const all = await Promise.all([1, 2, 3].map(async () => await startTgtd({ diesWithParent: true })));
    expect(new Set(all.map(({ controlPort }) => controlPort)).size).to.equal(3);
    expect(new Set(all.map(({ portal }) => portal)).size).to.equal(3);
    const family = await descendantsOf(process.pid);
    for (const { client } of all) {
      await client.request({
        mode: 'target',
        operation: 'new',
        tid: 1,
        parameters: 'targetname=iqn.2026-11.x:y',
      });
      await client.request({ mode: 'account', operation: 'new', parameters: 'user=u,password=p' });
      await client.request({ mode: 'account', operation: 'bind', tid: 1, parameters: 'user=u' });
    }
    await Promise.all(
      all.map(async (one) => {
        await one.stop();
      }),
    );
    await expectGone(family.filter(({ command }) => command === 'tgtd'));
    for (const { ipcPath, controlPort } of all) {
      for (const suffix of ['', '.lock', '.steplock']) {
        expect(existsSync(`${ipcPath}.${controlPort}${suffix}`)).to.equal(false);
      }
    }
  });

  it('does not take a number that is in use', async () => {
    const one = await startTestTgtd();
    const { controlPort, portal, ipcPath } = one;
    const free = { diesWithParent: true, ipcPath };
    expect(await errorOf(startTgtd({ ...free, controlPort, portal: '127.0.0.1:1' }))).to.contain('tgtd -C');
    expect(await errorOf(startTgtd({ ...free, controlPort: controlPort + 1, portal }))).to.contain('tgtd -C');
    // Whoever had them still answers.
    expect(await one.client.show()).to.deep.equal({ targets: [], accounts: [] });
    await one.stop();
  });

  it('keeps its socket where it is told to', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-linux-ipc-'));
    const tgtd = await startTgtd({
      ipcPath: join(directory, 'socket'),
      controlPort: 3,
      diesWithParent: true,
    });
    expect(existsSync(join(directory, 'socket.3'))).to.equal(true);
    await tgtd.stop();
    await rm(directory, { recursive: true });
  });

  for (const diesWithParent of [true, false]) {
    it(`${diesWithParent ? 'dies with' : 'outlives'} the process that started it, as asked`, async () => {
      const program = await compile(fileURLToPath(new URL('./tgtd-starter.ts', import.meta.url)));
      const directory = await mkdtemp(join(tmpdir(), 'steplock-linux-ipc-'));
      const args = [program.path, String(diesWithParent), join(directory, 'socket')];
      const starter = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const text = await within(
        ...([10_000, 'A tgtd'] as const),
        new Promise<string>((resolve) => {
          starter.stdout.setEncoding('utf8').once('data', resolve);
        }),
      );
      const pid = Number(text);
      const everybody = await descendantsOf(1);
      const family = everybody.filter((one) => one.pid === pid);
      expect(family).to.have.length(1);
      const ended = new Promise((resolve) => starter.once('close', resolve));
      starter.kill('SIGKILL');
      await ended;
      if (!diesWithParent) {
        expect((await descendantsOf(1)).some((one) => one.pid === pid)).to.equal(true);
        process.kill(pid, 'SIGKILL');
      }
      await expectGone(family);
      await program.remove();
      await rm(directory, { recursive: true });
    });
  }

  it('does not run a command whose parent is gone already', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-linux-tied-'));
    const run = async (args: string[]): Promise<number | null> =>
      await new Promise((resolve) => {
        spawn('setpriv', args, { env: childEnvironment }).once('close', resolve);
      });
    const [, args] = tiedToParent('touch', [join(directory, 'file')]);
    const orphaned = args.map((arg) => (arg === String(process.pid) ? '1' : arg));
    expect(await run(orphaned)).not.to.equal(0);
    expect(existsSync(join(directory, 'file'))).to.equal(false);
    expect(await run(args)).to.equal(0);
    expect(existsSync(join(directory, 'file'))).to.equal(true);
    await rm(directory, { recursive: true });
  });

  it('carries out what a process sent before it died, ahead of all that is sent after', async () => {
    const tgtd = await startTestTgtd();
    const send = `
      const socket = require('node:net').connect(process.argv[1]);
      socket.write(Buffer.from(process.argv[2], 'hex'), () => process.stdout.write('sent'));
    `;
    for (const tid of [1, 2, 3]) {
      // It hangs: what is sent now waits.
      process.kill(tgtd.pid, 'SIGSTOP');
      const parameters = `targetname=iqn.2026-11.x:${tid}`;
      const bytes = encodeRequest({ mode: 'target', operation: 'new', tid, parameters }).toString('hex');
      const args = ['-e', send, `${tgtd.ipcPath}.${tgtd.controlPort}`, bytes];
      const sender = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const gone = new Promise((resolve) => sender.once('close', resolve));
      await new Promise((resolve) => sender.stdout.once('data', resolve));
      sender.kill('SIGKILL');
      await gone;
      const listing = tgtd.client.show();
      process.kill(tgtd.pid, 'SIGCONT');
      expect((await listing).targets.map((target) => target.tid)).to.include(tid);
    }
    await tgtd.stop();
  });

  it('does not take a dead tgtd for an empty one', async () => {
    const tgtd = await startTestTgtd();
    const listing = errorOf(tgtd.client.show());
    process.kill(tgtd.pid, 'SIGSTOP');
    const hanging = errorOf(tgtd.client.show());
    await tgtd.kill();
    expect(await hanging).not.to.contain('no error');
    await listing;
    expect(await errorOf(tgtd.client.show())).to.contain('tgtd does not run');
    await tgtd.stop();
  });
});
