/** Lines that are there for good, also after a write that failed or was cut off. */
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { InvalidSettingError } from '../../../src/config/settings.js';
import { ArchiveFile } from '../../../src/runtime/archive-file.js';
import { FakeClock } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

async function* pieces(...texts: readonly (string | Error)[]): AsyncGenerator<string> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield await Promise.resolve(text);
  }
}

describe('ArchiveFile', () => {
  let directory: string;
  let clock: FakeClock;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'steplock-archive-'));
    clock = new FakeClock();
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  const texts = async (): Promise<Record<string, string>> => {
    const names = (await readdir(directory)).sort();
    const found: Record<string, string> = {};
    for (const name of names) found[name] = await readFile(join(directory, name), 'utf8');
    return found;
  };

  it('makes its directory, and has a file for each day that only its owner can read', async () => {
    const parent = directory;
    directory = join(parent, 'a');
    const file = await ArchiveFile.open(directory, 'n1', clock);
    await ArchiveFile.open(directory, 'n2', clock);
    await file.append(pieces('{"a"', ':1}\n', '{"b":2}\n'));
    await file.append(pieces('{"c":3}\n'));
    clock.jumpWall(86_400_000);
    await file.append(pieces('{"d":4}\n'));
    expect(await texts()).to.deep.equal({
      'workflows-2023-11-14-n1.jsonl': '{"a":1}\n{"b":2}\n{"c":3}\n',
      'workflows-2023-11-15-n1.jsonl': '{"d":4}\n',
    });
    expect((await stat(join(directory, 'workflows-2023-11-14-n1.jsonl'))).mode & 0o777).to.equal(0o600);
    directory = parent;
  });

  it('writes what is longer than it gathers', async () => {
    const file = await ArchiveFile.open(directory, 'n1', clock);
    const long = 'x'.repeat(200_000);
    await file.append(pieces(long, long, long, '\n'));
    expect(Object.values(await texts())).to.deep.equal([`${long}${long}${long}\n`]);
  });

  it('leaves nothing of what it could not write whole', async () => {
    const file = await ArchiveFile.open(directory, 'n1', clock);
    await file.append(pieces('{"a":1}\n'));
    const failure = new Error('the store did not answer');
    const broken = file.append(pieces('x'.repeat(300_000), failure));
    expect(await rejection(broken)).to.equal(failure);
    expect(Object.values(await texts())).to.deep.equal(['{"a":1}\n']);
  });

  it('begins a new line after one that was cut off', async () => {
    const file = await ArchiveFile.open(directory, 'n1', clock);
    await file.append(pieces('{"a":1}\n'));
    const [name = ''] = Object.keys(await texts());
    await appendFile(join(directory, name), '{"cut');
    await file.append(pieces('{"b":2}\n'));
    expect(Object.values(await texts())).to.deep.equal(['{"a":1}\n{"cut\n{"b":2}\n']);
  });

  it('refuses a directory that cannot be one, naming the option', async () => {
    const path = join(directory, 'file');
    await writeFile(path, '');
    const refusal = await rejection(ArchiveFile.open(path, 'n1', clock));
    expect(refusal).to.be.instanceOf(InvalidSettingError);
    expect(refusal.message).to.match(/^--retention-export-dir cannot be written to: EEXIST/);
  });
});
