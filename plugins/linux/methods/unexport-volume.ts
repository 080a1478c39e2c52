/**
 * Keeps initiators out of a volume: as a step those that are named, or all, whoever let them in; as the undo
 * of export-volume what that step's grant alone let in. The target goes with the last grant.
 */
import { notDone } from '../../../src/controller.js';
import type { UnexportVolumeArguments, UnexportedVolume } from '../../../src/storage-controller.js';
import { releaseAccount, type TgtdNow } from '../account-store.js';
import type { Call } from '../call.js';
import { planExport, planWithdrawal } from '../export-plan.js';
import { findServable, isServed, makeExport, wantedExport, withTgtd } from '../exports.js';
import { identityOf, lookUpTarget } from '../target-lookup.js';
import { withdraw } from '../target-work.js';
import {
  grantsOf,
  initiatorsOf,
  requireSerial,
  usernamesOf,
  withGrants,
  withoutInitiators,
  type Grant,
  type VolumeRecord,
} from '../volume-record.js';
import { readRecord, writeRecord } from '../volume-store.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const unexportVolume: LinuxOperation<'unexport-volume'> = {
  object: theVolume,
  perform: async (call, args) => {
    const record = await readRecord(call.paths);
    if (record !== undefined) requireSerial(record, args.serial);
    const left = record === undefined ? [] : remaining(call, record, args);
    // There is nothing at tgtd that no grant says.
    if (record !== undefined && !isSame(grantsOf(record), left)) {
      await withTgtd(call, async (now) => {
        await call.reach('unexport-volume:checked');
        await keepOut(call, now, record, left);
      });
      await writeRecord(call.paths, withGrants(record, left));
      await call.reach('unexport-volume:recorded');
    }
    return outputOf(call, left);
  },
  look: async (call, args) => {
    const record = await readRecord(call.paths);
    if (record === undefined) return there(outputOf(call, []));
    const left = remaining(call, record, args);
    if (isSame(grantsOf(record), left)) return there(outputOf(call, left));
    const isWhole = await withTgtd(call, (now) =>
      isServed(now, identityOf(call, now.instance), record, grantsOf(record)),
    );
    return notDone(isWhole ? 'none' : 'some');
  },
};

/** The grants that stay. */
function remaining(call: Call, record: VolumeRecord, { initiators }: UnexportVolumeArguments): Grant[] {
  const grants = grantsOf(record);
  if (call.context.direction === 'undo') return grants.filter(({ key }) => !call.keys.includes(key));
  return withoutInitiators(grants, new Set(initiators ?? initiatorsOf(grants)));
}

function isSame(grants: readonly Grant[], left: readonly Grant[]): boolean {
  const count = (some: readonly Grant[]): number =>
    some.reduce((sum, { initiators }) => sum + initiators.length, 0);
  return grants.length === left.length && count(grants) === count(left);
}

async function keepOut(
  call: Call,
  now: TgtdNow,
  record: VolumeRecord,
  left: readonly Grant[],
): Promise<void> {
  const { volume, clock, signal, reach } = call;
  const grants = grantsOf(record);
  const found = lookUpTarget(now.view, identityOf(call, now.instance), record.export);
  // A target of that name which is not ours was made after a restart of tgtd took ours away.
  if (found.kind === 'own') {
    const { target } = found;
    const work = { tgtd: now.tgtd, tid: target.tid, clock, signal, reach };
    await withdraw(work, target, planWithdrawal(target, admitted(grants), admitted(left)));
    // An earlier attempt may have died before it had bound the others' accounts again.
    if (left.length > 0) await serveOthers(call, now, record, left);
  }
  const keys = new Set(left.map(({ key }) => key));
  for (const { key, username } of grants) {
    if (username !== '' && !keys.has(key)) await releaseAccount(now, username, { volume, key });
  }
  await reach('unexport-volume:account-removed');
}

/** Makes for those who stay what an earlier attempt took away and died before it gave back. */
async function serveOthers(
  call: Call,
  before: TgtdNow,
  record: VolumeRecord,
  left: readonly Grant[],
): Promise<void> {
  const now = { ...before, view: await before.tgtd.show() };
  const found = lookUpTarget(now.view, identityOf(call, now.instance), record.export);
  const { grants, accounts } = await findServable(now, left);
  const wanted = wantedExport(call.system, record, call.paths.image, grants);
  if (found.kind !== 'own' || planExport(wanted, found.target).length === 0) return;
  const { clock, signal } = call;
  // The instants of an export are not those of this method.
  const work = { tgtd: now.tgtd, tid: found.target.tid, clock, signal, reach: () => Promise.resolve() };
  await makeExport(now, work, wanted, found.target, accounts);
}

function admitted(grants: readonly Grant[]): { initiators: string[]; usernames: string[] } {
  return { initiators: initiatorsOf(grants), usernames: usernamesOf(grants) };
}

function outputOf({ volume }: Call, left: readonly Grant[]): UnexportedVolume {
  return { volume, remainingInitiators: initiatorsOf(left) };
}
