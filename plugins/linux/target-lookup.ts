/** Which of tgtd's targets is a volume's own. */
import type { Call } from './call.js';
import { Refusal } from './refusal.js';
import { targetName, tgtdSocketPath } from './system-layout.js';
import { createTgtdClient, type TgtdView } from './tgtd-client.js';
import { volumeLun } from './export-plan.js';
import type { Target } from './tgtd-listing.js';
import type { ExportRecord } from './volume-record.js';

/** What tgtd has under a volume's target name. */
export type Lookup =
  | { readonly kind: 'none' }
  | { readonly kind: 'own'; readonly target: Target }
  | { readonly kind: 'foreign'; readonly target: Target };

/** What identifies a volume's target. */
export interface TargetIdentity {
  readonly name: string;
  /** The volume's data file. */
  readonly path: string;
  /** This run of tgtd. */
  readonly tgtdInstance: string;
}

/**
 * Finds the volume's target. It is its own if this run of tgtd was told to make it, which is recorded before
 * it is made, and if it still serves the volume's file.
 */
export function lookUpTarget(
  view: TgtdView,
  identity: TargetIdentity,
  record: ExportRecord | undefined,
): Lookup {
  const target = view.targets.find(({ name }) => name === identity.name);
  if (target === undefined) return { kind: 'none' };
  const unit = target.units.find(({ lun }) => lun === volumeLun);
  const isOwn =
    record?.tgtdInstance === identity.tgtdInstance &&
    record.tid === target.tid &&
    (unit === undefined || unit.path === identity.path);
  return { kind: isOwn ? 'own' : 'foreign', target };
}

/** The refusal for a target that is not ours. */
export function targetTaken(target: Target): Refusal {
  return new Refusal(
    'ForeignObject',
    `Target ${target.name} (tid ${target.tid}) was not made by this system's workflows and is left alone: ` +
      'remove it or choose another volume name',
  );
}

/** The target that serves the file though no grant says so; undefined also when no tgtd runs. */
export async function findForeignUse(call: Call, path: string): Promise<string | undefined> {
  try {
    const view = await createTgtdClient(tgtdSocketPath(call.system), call.clock).show();
    return view.targets.find(({ units }) => units.some((unit) => unit.path === path))?.name;
  } catch (error) {
    // Without a tgtd nothing is served; whoever starts one restores from the records.
    if (error instanceof Refusal && error.reason === 'TgtdUnavailable') return undefined;
    throw error;
  }
}

/** What identifies the call's volume at tgtd. */
export function identityOf({ system, volume, paths }: Call, tgtdInstance: string): TargetIdentity {
  return { name: targetName(system, volume), path: paths.image, tgtdInstance };
}
