/** The README's cluster, as somebody runs it: a node killed with -9 has its steps taken over by the others. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const cluster = fileURLToPath(new URL('../../examples/cluster/main.ts', import.meta.url));

describe('npm run cluster', function () {
  this.timeout(90_000);

  it('goes on with two nodes when the third is killed', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', cluster], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => (output += part.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(code, output).to.equal(0);
    const [, killed = '0'] = /kill -9 (\d+) \(n2\)/.exec(output) ?? [];
    expect(Number(killed), output).to.be.above(0);
    expect(output).to.contain('workflows/spread: SUCCEEDED');
    expect(output).to.match(/: lost with n2, done by n[13]/);
    expect(() => process.kill(Number(killed), 0), 'the killed node is gone').to.throw();
  });
});
