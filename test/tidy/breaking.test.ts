/** The guard of the contract guards: `buf breaking` fails when what others rely on goes. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './support/project.js';

function breaks(change: (directory: string) => void): {
  readonly status: number | null;
  readonly output: string;
} {
  const directory = mkdtempSync(join(tmpdir(), 'steplock-breaking-'));
  try {
    for (const name of ['proto', 'buf.yaml'])
      cpSync(join(root, name), join(directory, name), { recursive: true });
    change(directory);
    const buf = join(root, 'node_modules/.bin/buf');
    const against = join(root, 'proto/baseline.binpb');
    const { status, stdout, stderr } = spawnSync(buf, ['breaking', '--against', against], {
      cwd: directory,
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function edit(directory: string, file: string, find: string, replace: string): void {
  const path = join(directory, 'proto/steplock', file);
  const text = readFileSync(path, 'utf8');
  expect(text.split(find), find).to.have.length(2);
  writeFileSync(path, text.replace(find, replace));
}

describe('buf breaking against proto/baseline.binpb', function () {
  this.timeout(10_000);

  it('lets the contract pass as it is', () => {
    expect(breaks(() => undefined)).to.deep.equal({ status: 0, output: '' });
  });

  it('catches a field of the wire that was removed', () => {
    const { status, output } = breaks((directory) => {
      edit(directory, 'v1/plan.proto', '  string system = 3;\n', '');
    });
    expect(status).not.to.equal(0);
    expect(output).to.match(/"3".*"system"/);
  });

  it('catches a field of a record whose type changed', () => {
    const { status, output } = breaks((directory) => {
      edit(directory, 'store/v1/step.proto', '  uint32 lost_claims = 15;\n', '  string lost_claims = 15;\n');
    });
    expect(status).not.to.equal(0);
    expect(output).to.include('lost_claims');
  });
});
