/** What a volume's grants come to at tgtd: from records and what tgtd shows to what it should serve. */
import type { Clock } from '../../src/controller.js';
import {
  makeAccount,
  reviveAccount,
  writeAccount,
  type AccountRecord,
  type TgtdNow,
} from './account-store.js';
import type { ChapAccount as Chap } from '../../src/storage-controller.js';
import type { RunChild } from './child-process.js';
import { planExport, type WantedExport } from './export-plan.js';
import { withLock } from './file-lock.js';
import type { LinuxSystem } from './options.js';
import { targetName, tgtdLockPath, tgtdSocketPath } from './system-layout.js';
import { carryOut, type TargetWork } from './target-work.js';
import { lookUpTarget, type TargetIdentity } from './target-lookup.js';
import { createTgtdClient } from './tgtd-client.js';
import type { Target } from './tgtd-listing.js';
import { initiatorsOf, usernamesOf, type Grant, type VolumeRecord } from './volume-record.js';

/** What locking tgtd needs. */
export interface TgtdAccess {
  readonly system: LinuxSystem;
  readonly clock: Clock;
  readonly run: RunChild;
  readonly signal: AbortSignal;
}

/**
 * Runs the work while tgtd is locked against everybody who changes its targets and accounts through us.
 *
 * @throws Refusal TgtdUnavailable if it does not run; Error if it was restarted meanwhile, since what the
 *   work did is then gone or not.
 */
export async function withTgtd<T>(access: TgtdAccess, work: (now: TgtdNow) => Promise<T> | T): Promise<T> {
  const { system, clock, run, signal } = access;
  const tgtd = createTgtdClient(tgtdSocketPath(system), clock);
  // Where there is no socket there may be no directory for the lock either.
  await tgtd.instance();
  return await withLock(tgtdLockPath(system), { signal, run }, async () => {
    const instance = await tgtd.instance();
    const result = await work({ system, tgtd, instance, view: await tgtd.show() });
    const isSame = (await tgtd.instance()) === instance;
    if (!isSame) throw new Error('tgtd was restarted while it was told of a target');
    return result;
  });
}

/** An account that tgtd has to be told of. */
export interface PendingAccount {
  readonly record: AccountRecord;
  readonly chap: Chap;
}

/** What of a volume's grants can be served. */
export interface Servable {
  readonly grants: readonly Grant[];
  readonly accounts: readonly PendingAccount[];
  /** User names of those that cannot, because tgtd has forgotten the account and nobody knows its secret. */
  readonly without: readonly string[];
}

/** Which of the finished grants can be served, and which accounts have to be made again for that. */
export async function findServable(now: TgtdNow, grants: readonly Grant[]): Promise<Servable> {
  const finished = grants.filter(({ state }) => state === 'done');
  const accounts: PendingAccount[] = [];
  const without: string[] = [];
  for (const username of usernamesOf(finished)) {
    const account = await reviveAccount(now, username);
    if (account === 'not-stored' || account === 'taken') without.push(username);
    else if (account !== 'there') accounts.push(account);
  }
  return { grants: finished.filter(({ username }) => !without.includes(username)), accounts, without };
}

/** What tgtd should serve for these grants. */
export function wantedExport(
  system: LinuxSystem,
  record: VolumeRecord,
  path: string,
  grants: readonly Grant[],
): WantedExport {
  return {
    targetName: targetName(system, record.volume),
    path,
    serial: record.serial,
    isThin: !record.thick,
    usernames: usernamesOf(grants),
    initiators: initiatorsOf(grants),
  };
}

/** Whether tgtd serves all of this to all of them. */
export function isServed(
  now: TgtdNow,
  identity: TargetIdentity,
  record: VolumeRecord,
  grants: readonly Grant[],
): boolean {
  const found = lookUpTarget(now.view, identity, record.export);
  if (found.kind !== 'own') return false;
  const wanted = wantedExport(now.system, record, identity.path, grants);
  return planExport(wanted, found.target).length === 0;
}

/** Makes what is missing of an export, accounts included; who may log in comes last. */
export async function makeExport(
  now: TgtdNow,
  work: TargetWork,
  wanted: WantedExport,
  target: Target | undefined,
  accounts: readonly PendingAccount[],
): Promise<void> {
  const actions = planExport(wanted, target);
  const admitting = actions.filter(({ kind }) => kind.startsWith('bind-'));
  for (const action of actions.filter(({ kind }) => !kind.startsWith('bind-'))) {
    await carryOut(work, wanted, action);
  }
  for (const { record, chap } of accounts) {
    await writeAccount(now.system, record);
    await work.reach('export-volume:account-recorded');
    await makeAccount(now, chap);
    await work.reach('export-volume:account-made');
  }
  for (const action of admitting) await carryOut(work, wanted, action);
  await work.reach('export-volume:bound');
}
