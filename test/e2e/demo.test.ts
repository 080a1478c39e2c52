/** The README's first command, as somebody new runs it. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const demo = fileURLToPath(new URL('../../examples/demo/main.ts', import.meta.url));

async function runDemo(
  args: readonly string[],
  interruptAfterMs?: number,
): Promise<{ code: number; output: string; seconds: number }> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', demo, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let interrupted = startedMs;
  if (interruptAfterMs !== undefined)
    setTimeout(() => {
      interrupted = performance.now();
      child.kill('SIGINT');
    }, interruptAfterMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (output += part.toString()));
  const code = await new Promise<number>((resolve) =>
    child.once('close', (ended) => {
      resolve(ended ?? 1);
    }),
  );
  return { code, output, seconds: (performance.now() - interrupted) / 1_000 };
}

/** Directories of demos. */
async function leftovers(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('steplock-demo-')).sort();
}

describe('npm run demo', function () {
  this.timeout(90_000);

  it('provisions on real etcd and tgtd, reads and writes as the host, undoes a failure, and leaves nothing', async () => {
    const { code, output } = await runDemo([]);
    expect(code, output).to.equal(0);
    expect(output).to.contain('Real parts: etcd');
    expect(output.match(/wrote 4 MiB and read it back/g), output).to.have.length(4);
    expect(output).to.contain('workflows/fail: ROLLED_BACK');
    expect(output.match(/volumes: 0, targets: 0, CHAP accounts: 0/g), output).to.have.length(4);
  });

  it('falls back to the embedded store and to files, and says so in one line', async () => {
    const { code, output } = await runDemo(['--missing=etcd-server (installing them needs root)']);
    expect(code, output).to.equal(0);
    expect(output.split('\n')[0]).to.match(
      /^Without etcd and tgtd \(etcd-server .*embedded store, volumes as files, no iSCSI/,
    );
    expect(output).to.contain('workflows/files-only: ROLLED_BACK');
  });

  it('refuses what it does not know', async () => {
    expect(await runDemo(['--bogus'])).to.include({ code: 2 });
  });

  for (const afterMs of [900, 1_300, 1_800, 2_500]) {
    it(`ends soon when it is interrupted after ${afterMs} ms, and leaves nothing`, async () => {
      const before = await leftovers();
      const { code, output, seconds } = await runDemo([], afterMs);
      expect(code, output).to.not.equal(0);
      expect(seconds, output).to.be.below(5);
      expect(await leftovers()).to.deep.equal(before);
    });
  }
});
