/** The benches run, each in its smallest size. What they measure is no matter of a test: docs/benchmarks.md has it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { benches } from '../../bench/benches.js';

const script = fileURLToPath(new URL('../../scripts/bench.mjs', import.meta.url));

interface Line {
  readonly id: string;
  readonly ratio?: number;
  readonly measured?: number;
  readonly budget: number;
  readonly holds: boolean;
}

describe('npm run bench -- --quick', () => {
  let output = '';
  let lines: Line[] = [];

  before(async function () {
    this.timeout(120_000);
    const child = spawn(process.execPath, [script, '--quick'], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => (output += part.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(code, output).to.equal(0);
    lines = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
  });

  for (const id of Object.keys(benches)) {
    it(`${id} says what it measured, its budget, and whether it holds`, () => {
      const own = lines.filter((line) => line.id.split(' ')[0] === id);
      expect(own, output).not.to.be.empty;
      for (const line of own) {
        expect(line.ratio ?? line.measured, output).to.be.a('number');
        expect(line.budget, output).to.be.a('number');
        expect(line.holds, output).to.be.a('boolean');
      }
    });
  }

  it('refuses a bench that there is not, and names those that there are', async () => {
    const child = spawn(process.execPath, [script, 'P99'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (part: Buffer) => (text += part.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(code).to.equal(2);
    expect(text).to.contain('there is no P99').and.contain('P1, P2');
  }).timeout(60_000);
});
