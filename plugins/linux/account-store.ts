/**
 * CHAP accounts, which tgtd has one list of for all its targets. A record per account says that it is ours
 * and which grants use it; it is written before the account is made and removed after it is gone. An account
 * without a record is somebody else's. All calls want tgtd's lock.
 */
import type { ChapAccount as Chap } from '../../src/storage-controller.js';
import { isSecretOf, makeVerifier, openSecret, sealSecret, type Verifier } from './chap-vault.js';
import { readFileIfThere, removeFile, syncDirectory, writeFileAtomic } from './files.js';
import type { LinuxSystem } from './options.js';
import { Refusal } from './refusal.js';
import { accountPath } from './system-layout.js';
import type { TgtdClient, TgtdView } from './tgtd-client.js';
import { dirname } from 'node:path';

/** A grant that logs in with the account. */
export interface AccountUse {
  readonly volume: string;
  readonly key: string;
}

/** What is known of an account. */
export interface AccountRecord {
  readonly format: 1;
  readonly username: string;
  /** Which run of tgtd was told of it. */
  readonly tgtdInstance: string;
  readonly verifier: Verifier;
  /** The secret under the system's key; empty for not stored. */
  readonly sealed: string;
  readonly uses: readonly AccountUse[];
}

/** tgtd while its lock is held. */
export interface TgtdNow {
  readonly system: LinuxSystem;
  readonly tgtd: TgtdClient;
  /** This run of it. */
  readonly instance: string;
  /** What it showed when the lock was taken. */
  readonly view: TgtdView;
}

/**
 * The record that the account will have when this grant uses it too.
 *
 * @throws Refusal AccountExists if the name is taken, by somebody else or with another secret.
 */
export async function planAccount(now: TgtdNow, chap: Chap, use: AccountUse): Promise<AccountRecord> {
  const { system, instance } = now;
  const { username, secret } = chap;
  const known = await readAccount(system, username);
  if (isForeign(now, username, known)) throw accountTaken(username, 'was not made by this system');
  if (known === undefined) {
    const [verifier, sealed] = [await makeVerifier(secret), await sealSecret(system, username, secret)];
    return { format: 1, username, tgtdInstance: instance, verifier, sealed, uses: [use] };
  }
  if (!(await isSecretOf(known.verifier, secret))) {
    const volumes = [...new Set(known.uses.map(({ volume }) => volume))].join(', ');
    throw accountTaken(username, `is in use with another secret for ${volumes}`);
  }
  const sealed = known.sealed === '' ? await sealSecret(system, username, secret) : known.sealed;
  return { ...known, tgtdInstance: instance, sealed, uses: [...usesBut(known, use), use] };
}

/** Makes the account at tgtd unless it is there. The secret goes over tgtd's socket, which only root reads. */
export async function makeAccount({ tgtd, view }: TgtdNow, { username, secret }: Chap): Promise<void> {
  if (view.accounts.includes(username)) return;
  const parameters = `user=${username},password=${secret}`;
  await tgtd.request({ mode: 'account', operation: 'new', parameters }, ['account exists']);
}

/**
 * Takes the grant off the account; the account goes with the last one.
 *
 * @throws Refusal ForeignObject if somebody has bound the account to a target of theirs.
 */
export async function releaseAccount(now: TgtdNow, username: string, use: AccountUse): Promise<void> {
  const { system, tgtd } = now;
  const known = await readAccount(system, username);
  if (known === undefined) return;
  const uses = usesBut(known, use);
  if (uses.length > 0) {
    await writeAccount(system, { ...known, uses });
    return;
  }
  const view = await tgtd.show();
  if (view.accounts.includes(username) && !isForeign({ ...now, view }, username, known)) {
    // Deleting a bound account leaves a hole in that target, which crashes tgtd (see planWithdrawal).
    const user = view.targets.find(({ accounts }) => accounts.includes(username));
    if (user !== undefined) {
      throw new Refusal(
        'ForeignObject',
        `Account ${username} is bound to target ${user.name}, which this system did not do: unbind it`,
      );
    }
    await tgtd.request({ mode: 'account', operation: 'delete', parameters: `user=${username}` }, [
      'no account',
    ]);
  }
  const path = accountPath(system, username);
  if (await removeFile(path)) await syncDirectory(dirname(path));
}

/**
 * The account with its secret if it can be made again, undefined if it cannot; `there` if it need not be.
 */
export async function reviveAccount(
  now: TgtdNow,
  username: string,
): Promise<{ record: AccountRecord; chap: Chap } | 'there' | 'taken' | 'not-stored'> {
  const known = await readAccount(now.system, username);
  if (isForeign(now, username, known)) return 'taken';
  if (now.view.accounts.includes(username)) return 'there';
  const secret = known === undefined ? undefined : await openSecret(now.system, username, known.sealed);
  if (known === undefined || secret === undefined) return 'not-stored';
  return { record: { ...known, tgtdInstance: now.instance }, chap: { username, secret } };
}

/** Replaces the account's record. */
export async function writeAccount(system: LinuxSystem, record: AccountRecord): Promise<void> {
  const path = accountPath(system, record.username);
  await writeFileAtomic(path, `${path}.tmp`, `${JSON.stringify(record, null, 2)}\n`);
}

async function readAccount(system: LinuxSystem, username: string): Promise<AccountRecord | undefined> {
  const path = accountPath(system, username);
  // What a dead process did not finish writing.
  await removeFile(`${path}.tmp`);
  const text = await readFileIfThere(path);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as Partial<AccountRecord> | null;
  if (record?.format !== 1) throw new Error(`${path} is not an account's record of format 1`);
  return record as AccountRecord;
}

/** tgtd has an account of this name, and this run of it was not told so by us. */
function isForeign({ view, instance }: TgtdNow, username: string, known: AccountRecord | undefined): boolean {
  return view.accounts.includes(username) && known?.tgtdInstance !== instance;
}

function usesBut({ uses }: AccountRecord, use: AccountUse): AccountUse[] {
  return uses.filter(({ volume, key }) => volume !== use.volume || key !== use.key);
}

function accountTaken(username: string, why: string): Refusal {
  return new Refusal('AccountExists', `CHAP account ${username} ${why}: choose another user name`);
}
