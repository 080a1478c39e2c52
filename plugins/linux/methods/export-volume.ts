/**
 * Lets initiators use a volume: a grant per step, and one target per volume that serves all grants. The grant
 * is recorded before tgtd is told, so whatever tgtd has is in a record that says whose it is.
 */
import { notDone } from '../../../src/controller.js';
import type { ExportVolumeArguments, ExportedVolume } from '../../../src/storage-controller.js';
import { planAccount, type TgtdNow } from '../account-store.js';
import type { Call } from '../call.js';
import { chooseTid, volumeLun } from '../export-plan.js';
import {
  findServable,
  isServed,
  makeExport,
  wantedExport,
  withTgtd,
  type PendingAccount,
  type Servable,
} from '../exports.js';
import { Refusal } from '../refusal.js';
import { targetName } from '../system-layout.js';
import { identityOf, lookUpTarget, targetTaken } from '../target-lookup.js';
import type { Target } from '../tgtd-listing.js';
import {
  grantOf,
  grantsOf,
  putGrant,
  type ExportRecord,
  type Grant,
  type VolumeRecord,
} from '../volume-record.js';
import { readRecord, requireVolume, writeRecord } from '../volume-store.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

type ExportArguments = Pick<ExportVolumeArguments, 'initiators' | 'chap'>;

/** See the file's head. */
export const exportVolume: LinuxOperation<'export-volume'> = {
  object: theVolume,
  perform: async (call, { serial, chap, ...given }) => {
    const args = { initiators: readInitiators(given.initiators), ...(chap === undefined ? {} : { chap }) };
    const { record } = await requireVolume(call, serial);
    call.trace.effect = grantOf(record, call.keys) === undefined ? 'none' : 'some';
    requireCompatible(call, record, args);
    await withTgtd(call, async (now) => {
      await admit(call, now, record, args);
    });
    return outputOf(call, record, args);
  },
  look: async (call) => {
    const record = await readRecord(call.paths);
    const grant = record === undefined ? undefined : grantOf(record, call.keys);
    if (record === undefined || grant === undefined) return notDone('none');
    if (grant.state !== 'done') return notDone('some');
    const isWhole = await withTgtd(call, (now) =>
      isServed(now, identityOf(call, now.instance), record, [grant]),
    );
    return isWhole ? there(outputOf(call, record, grant)) : notDone('some');
  },
};

/**
 * Names of initiators in order.
 *
 * @throws Refusal InitiatorUnsupported for one that does not speak iSCSI, or that tgtd could not tell from an address.
 */
function readInitiators(names: readonly string[]): string[] {
  const other = names.find((name) => !name.startsWith('iqn.'));
  if (other === undefined) return [...names].sort();
  throw new Refusal(
    'InitiatorUnsupported',
    `${other} is no iSCSI qualified name, and tgtd lets in no others`,
  );
}

function requireCompatible(call: Call, record: VolumeRecord, { initiators, chap }: ExportArguments): void {
  const own = grantOf(record, call.keys);
  const username = chap?.username ?? '';
  if (own !== undefined && (own.username !== username || own.initiators.join() !== initiators.join())) {
    throw new Refusal(
      'ObjectDiffers',
      `Volume ${record.volume} was exported by this step with other arguments`,
    );
  }
  const other = grantsOf(record).find(({ key }) => !call.keys.includes(key));
  if (other === undefined || (other.username === '') === (username === '')) return;
  // tgtd asks all initiators of a target for a secret or none: one kind would lock the other out.
  const how = other.username === '' ? 'without CHAP' : 'with CHAP';
  throw new Refusal(
    'AuthenticationMismatch',
    `Volume ${record.volume} is exported ${how} by ${other.workflow}/${other.step}: export it so too`,
  );
}

async function admit(call: Call, now: TgtdNow, record: VolumeRecord, args: ExportArguments): Promise<void> {
  const { volume, paths, clock, signal, reach } = call;
  const known = grantOf(record, call.keys);
  // What was begun under a former key goes on under it, as the account's record has that one too.
  const key = known?.key ?? call.key;
  if (known?.state === 'done' && isServed(now, identityOf(call, now.instance), record, [known])) return;
  // First all that can be refused, while nothing was changed.
  const found = lookUpTarget(now.view, identityOf(call, now.instance), record.export);
  if (found.kind === 'foreign') throw targetTaken(found.target);
  const target = found.kind === 'own' ? found.target : undefined;
  const { chap } = args;
  const account: PendingAccount[] =
    chap === undefined ? [] : [{ record: await planAccount(now, chap, { volume, key }), chap }];
  const others = await findServable(
    now,
    grantsOf(record).filter((grant) => grant.key !== key),
  );

  const begun: Grant = { ...call.owner, key, ...grantArguments(args), state: 'begun' };
  const exported = exportRecord(call, now, record, target);
  const write = async (grant: Grant): Promise<void> => {
    await writeRecord(paths, {
      ...record,
      export: { ...exported, grants: putGrant(grantsOf(record), grant) },
    });
  };
  await write(begun);
  call.trace.effect = 'some';
  await reach('export-volume:granted');
  const wanted = wantedExport(call.system, record, paths.image, [...others.grants, begun]);
  const work = { tgtd: now.tgtd, tid: exported.tid, clock, signal, reach };
  await makeExport(now, work, wanted, target, joinAccounts(account, others));
  await write({ ...begun, state: 'done' });
  await reach('export-volume:recorded');
}

/** The record of the volume's target: as it is while tgtd knows it, else with a number that is free. */
function exportRecord(
  call: Call,
  { instance, view }: TgtdNow,
  record: VolumeRecord,
  target: Target | undefined,
): ExportRecord {
  const taken = new Set(view.targets.map(({ tid }) => tid));
  return {
    targetName: targetName(call.system, call.volume),
    tid: target?.tid ?? chooseTid(record.serial, taken),
    tgtdInstance: instance,
    grants: grantsOf(record),
  };
}

/** An account that another grant uses too is made once, and with this call's use in its record. */
function joinAccounts(own: readonly PendingAccount[], others: Servable): PendingAccount[] {
  const usernames = new Set(own.map(({ chap }) => chap.username));
  return [...own, ...others.accounts.filter(({ chap }) => !usernames.has(chap.username))];
}

function grantArguments({ initiators, chap }: ExportArguments): Pick<Grant, 'initiators' | 'username'> {
  return { initiators, username: chap?.username ?? '' };
}

function outputOf({ system }: Call, record: VolumeRecord, { initiators }: ExportArguments): ExportedVolume {
  return {
    volume: record.volume,
    protocol: 'iscsi',
    targets: [{ name: targetName(system, record.volume), address: system.tgtd.portal }],
    lun: volumeLun,
    initiators: [...initiators],
    serial: record.serial,
  };
}
