/**
 * Tells a tgtd that was restarted, and so has forgotten everything, what the records say. To be run when the
 * host has started and whenever tgtd was restarted; what is served already stays untouched.
 */
import { systemClock, type Clock } from '../../src/controller.js';
import { prepareSystem } from './call.js';
import { runChild, type RunChild } from './child-process.js';
import { chooseTid } from './export-plan.js';
import { findServable, isServed, makeExport, wantedExport, withTgtd } from './exports.js';
import { withLock } from './file-lock.js';
import { checkOptions, type LinuxSystem } from './options.js';
import { ledgerPath, targetName, volumePaths } from './system-layout.js';
import { lookUpTarget } from './target-lookup.js';
import type { TgtdNow } from './account-store.js';
import type { VolumeRecord } from './volume-record.js';
import { listVolumes, readRecord, writeRecord } from './volume-store.js';

/** What there was to do; volumes by id. */
export interface RestoreReport {
  /** Were not served, or not wholly, and are now. */
  readonly restored: readonly string[];
  /** Were served. */
  readonly intact: readonly string[];
  /** Are not served, or not to all, and why. */
  readonly skipped: readonly { readonly volume: string; readonly reason: string }[];
}

/** What may be injected. */
export interface RestoreOptions {
  /** Ends the work between two volumes, or the wait for a lock. */
  readonly signal?: AbortSignal;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** @default {@link runChild} */
  readonly run?: RunChild;
}

type Outcome = 'restored' | 'intact' | 'unexported' | { readonly reason: string };

/**
 * Makes the system's finished exports again where tgtd does not have them. Exports that a step has begun and
 * not finished are left to that step.
 *
 * @throws Refusal TgtdUnavailable if tgtd does not run, SystemUnavailable if the directory is not there.
 */
export async function restoreExports(
  system: LinuxSystem,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const { clock = systemClock, run = runChild, signal = new AbortController().signal } = options;
  checkOptions({ systems: [system] });
  await prepareSystem(system);
  const restored: string[] = [];
  const intact: string[] = [];
  const skipped: { volume: string; reason: string }[] = [];
  for (const volume of await listVolumes(system)) {
    const outcome = await withLock(
      ledgerPath(system, { kind: 'volume', name: volume }),
      { signal, run },
      async () => {
        const record = await readRecord(volumePaths(system, volume));
        if (record?.export?.grants.some(({ state }) => state === 'done') !== true)
          return 'unexported' as const;
        return await withTgtd({ system, clock, run, signal }, async (now) => {
          return await restoreVolume(now, record, clock, signal);
        });
      },
    );
    if (outcome === 'restored') restored.push(volume);
    else if (outcome === 'intact') intact.push(volume);
    else if (outcome !== 'unexported') skipped.push({ volume, reason: outcome.reason });
  }
  return { restored, intact, skipped };
}

async function restoreVolume(
  now: TgtdNow,
  record: VolumeRecord,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome> {
  const { system, instance, view, tgtd } = now;
  const paths = volumePaths(system, record.volume);
  const identity = { name: targetName(system, record.volume), path: paths.image, tgtdInstance: instance };
  const finished = record.export?.grants.filter(({ state }) => state === 'done') ?? [];
  if (isServed(now, identity, record, finished)) return 'intact';
  const found = lookUpTarget(view, identity, record.export);
  if (found.kind === 'foreign') return { reason: `target ${found.target.name} was made by somebody else` };
  const { grants, accounts, without } = await findServable(now, finished);
  const missing = `the secret of ${without.join(', ')} is not known: run the export again`;
  if (grants.length === 0) return { reason: missing };
  const target = found.kind === 'own' ? found.target : undefined;
  const tid = target?.tid ?? chooseTid(record.serial, new Set(view.targets.map((other) => other.tid)));
  const exported = { targetName: identity.name, tid, tgtdInstance: instance };
  await writeRecord(paths, { ...record, export: { ...exported, grants: record.export?.grants ?? [] } });
  const work = { tgtd, tid, clock, signal, reach: () => Promise.resolve() };
  await makeExport(now, work, wantedExport(system, record, paths.image, grants), target, accounts);
  return without.length === 0 ? 'restored' : { reason: missing };
}
