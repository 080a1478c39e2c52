/** CHAP secrets at rest. */
import { expect } from 'chai';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSecretOf, makeVerifier, openSecret, sealSecret } from '../../../plugins/linux/chap-vault.js';
import type { LinuxSystem } from '../../../plugins/linux/index.js';
import { errorOf } from './support.js';

const secret = 'correct-horse-battery';

describe('linux: CHAP vault', () => {
  let directory: string;
  let system: LinuxSystem;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'steplock-linux-vault-'));
    const chapKeyFile = join(directory, 'key');
    await writeFile(chapKeyFile, '0123456789abcdef'.repeat(4), { mode: 0o600 });
    system = {
      ...{ id: 'shelf', rootDir: directory, tgtd: { controlPort: 1, portal: '127.0.0.1:1' } },
      ...{ iqnPrefix: 'iqn.2026-11.com.example:shelf', chapKeyFile },
    };
  });
  after(async () => {
    await rm(directory, { recursive: true });
  });

  it('tells a secret from another without storing it', async () => {
    const verifier = await makeVerifier(secret);
    expect(JSON.stringify(verifier)).not.to.contain(secret);
    expect(await isSecretOf(verifier, secret)).to.equal(true);
    expect(await isSecretOf(verifier, `${secret}!`)).to.equal(false);
    expect((await makeVerifier(secret)).hash).not.to.equal(verifier.hash);
  });

  it('opens what it sealed, for the same system and user only', async () => {
    const sealed = await sealSecret(system, 'alice', secret);
    expect(Buffer.from(sealed, 'base64').includes(secret)).to.equal(false);
    expect(await openSecret(system, 'alice', sealed)).to.equal(secret);
    expect(await openSecret(system, 'bob', sealed)).to.equal(undefined);
    expect(await openSecret({ ...system, id: 'other' }, 'alice', sealed)).to.equal(undefined);
    expect(await sealSecret(system, 'alice', secret)).not.to.equal(sealed);
  });

  it('stores nothing without a key', async () => {
    const { id, rootDir, tgtd, iqnPrefix } = system;
    const keyless = { id, rootDir, tgtd, iqnPrefix };
    expect(await sealSecret(keyless, 'alice', secret)).to.equal('');
    expect(await openSecret(keyless, 'alice', await sealSecret(system, 'alice', secret))).to.equal(undefined);
  });

  it('refuses a key that others can read, that is too short or not there, and names the file', async () => {
    const path = join(directory, 'bad');
    const attempt = async (): Promise<string> =>
      await errorOf(sealSecret({ ...system, chapKeyFile: path }, 'alice', secret));
    expect(await attempt())
      .to.contain(path)
      .and.contain('cannot be opened');
    await writeFile(path, 'short', { mode: 0o600 });
    expect(await attempt()).to.contain('32 bytes');
    await writeFile(path, Buffer.alloc(32, 1));
    expect(await attempt()).to.contain('no error');
    await chmod(path, 0o640);
    expect(await attempt()).to.contain('chmod 600');
  });
});
