/**
 * What there is to do so that tgtd serves a volume to its initiators, or no longer does. Pure: from what is
 * wanted and what tgtd shows to a list of actions, so that repeating, going on after a crash and restoring
 * after a restart of tgtd are all the same.
 */
import type { Target } from './tgtd-listing.js';

/** The volume's logical unit; LUN 0 is tgtd's own. */
export const volumeLun = 1;

/** What tgtd should serve. */
export interface WantedExport {
  readonly targetName: string;
  readonly path: string;
  readonly serial: string;
  readonly isThin: boolean;
  readonly usernames: readonly string[];
  readonly initiators: readonly string[];
}

/** One change of what tgtd serves. */
export type ExportAction =
  | { readonly kind: 'make-target' }
  | { readonly kind: 'make-unit' }
  | { readonly kind: 'identify-unit' }
  | { readonly kind: 'bind-account'; readonly username: string }
  | { readonly kind: 'bind-initiator'; readonly initiator: string }
  | { readonly kind: 'reopen' };

/**
 * What is missing, in the order in which it has to be made: who may log in comes last, so that nobody sees a
 * target without its identity or without its accounts. What is there and not wanted is left alone.
 */
export function planExport(wanted: WantedExport, target: Target | undefined): ExportAction[] {
  const unit = target?.units.find(({ lun }) => lun === volumeLun);
  const isIdentified =
    unit?.scsiSn === wanted.serial && unit.scsiId === wanted.serial && unit.isThin === wanted.isThin;
  const missing = (names: readonly string[], there: readonly string[] = []): string[] =>
    names.filter((name) => !there.includes(name));
  return [
    ...(target === undefined ? [{ kind: 'make-target' } as const] : []),
    ...(unit === undefined ? [{ kind: 'make-unit' } as const] : []),
    ...(isIdentified ? [] : [{ kind: 'identify-unit' } as const]),
    ...missing(wanted.usernames, target?.accounts).map(
      (username) => ({ kind: 'bind-account', username }) as const,
    ),
    // A resize died while it kept the initiators out.
    ...(target === undefined || target.state === 'ready' ? [] : [{ kind: 'reopen' } as const]),
    ...missing(wanted.initiators, target?.acl).map(
      (initiator) => ({ kind: 'bind-initiator', initiator }) as const,
    ),
  ];
}

/** Who may log in, and with which accounts. */
export interface Admitted {
  readonly usernames: readonly string[];
  readonly initiators: readonly string[];
}

/** How some of a target's initiators are kept out. */
export interface Withdrawal {
  /** Nobody is left: the target goes. The rest is then empty. */
  readonly removesTarget: boolean;
  /** Names to take off the list, whose sessions are then ended. */
  readonly initiators: readonly string[];
  /** Accounts to unbind, in this order. */
  readonly unbind: readonly string[];
  /** Those of them to bind again, in this order. */
  readonly rebind: readonly string[];
}

/**
 * What has to go so that only `left` may log in: what is in `gone` and not in `left`.
 *
 * Accounts are unbound from the end of tgtd's list, and what stood behind them is bound again. tgtd (seen
 * with 1.0.85) keeps them in an array, and an unbound one leaves a hole that crashes it at the next listing.
 */
export function planWithdrawal(target: Target, gone: Admitted, left: Admitted): Withdrawal {
  if (left.initiators.length === 0) return { removesTarget: true, initiators: [], unbind: [], rebind: [] };
  const leaves = new Set(gone.usernames.filter((username) => !left.usernames.includes(username)));
  const first = target.accounts.findIndex((username) => leaves.has(username));
  const tail = first < 0 ? [] : target.accounts.slice(first);
  return {
    removesTarget: false,
    initiators: gone.initiators.filter(
      (name) => !left.initiators.includes(name) && target.acl.includes(name),
    ),
    unbind: [...tail].reverse(),
    rebind: tail.filter((username) => !leaves.has(username)),
  };
}

/**
 * A number for a new target, from the volume's serial: tgtd makes one of the identifiers that hosts see of
 * it, so the next volume must not get the number of a former one. Below 2^27, where that identifier has room.
 */
export function chooseTid(serial: string, taken: ReadonlySet<number>): number {
  const count = 2 ** 27 - 1;
  let tid = parseInt(serial.slice(1, 9), 16) % count;
  while (taken.has(tid + 1)) tid = (tid + 1) % count;
  return tid + 1;
}
