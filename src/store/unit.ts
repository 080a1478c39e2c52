/**
 * A unit: one guarded change, all or nothing. Units are what the engine thinks in; the batcher sends many of them in
 * one transaction.
 */
import { assert } from '../base/assert.js';
import { isInRange, type Compare, type KeyRange, type KeyValue, type Op } from './store.js';

/** A write of a unit. */
export type UnitOp = Extract<Op, { type: 'put' | 'delete' }>;

/** See above. */
export interface Unit {
  /** Goes as field 1 into every record that it writes; letters and digits, at most 64. */
  readonly id: string;
  /** What must hold. At least one of them must fail once the unit has been applied (see {@link checkUnit}). */
  readonly compares: readonly Compare[];
  /** What it writes. */
  readonly ops: readonly UnitOp[];
  /**
   * A key that it puts: when its compares fail after a lost answer, this key tells whether the unit itself was the
   * cause. Without one, a unit whose answer was lost may be called refused though it was applied: only for units
   * whose submitter looks again anyway.
   */
  readonly witness: string | undefined;
}

/** What came of a unit. */
export type UnitResult =
  | { readonly applied: true; readonly revision: number }
  /** A guard failed: look again. `witness` is what the witness key held then. */
  | { readonly applied: false; readonly witness: KeyValue | undefined };

/**
 * Asserts that a unit can be sent again without harm: it changes something that it compares, so that a second
 * application is refused.
 */
export function checkUnit(unit: Unit): void {
  assert(unit.id.length > 0 && unit.id.length <= 64, 'A unit needs an id of at most 64 characters');
  const isGuarded = unit.ops.some((op) => {
    const written = op.type === 'put' ? op.key : op.at;
    return unit.compares.some((compare) => overlaps(compare.at, written));
  });
  assert(isGuarded, `Unit ${unit.id} changes nothing that it compares`);
  const { witness } = unit;
  const putsWitness = unit.ops.some((op) => op.type === 'put' && op.key === witness);
  assert(witness === undefined || putsWitness, `Unit ${unit.id} does not put its witness`);
}

/** Whether two keys or ranges have a key in common. */
export function overlaps(left: string | KeyRange, right: string | KeyRange): boolean {
  if (typeof left === 'string') {
    return typeof right === 'string' ? left === right : isInRange(left, right);
  }
  if (typeof right === 'string') return isInRange(right, left);
  return left.start < right.end && right.start < left.end;
}

/**
 * The keys and ranges that units read and write. Two units may go into one transaction only if neither writes what
 * the other one reads or writes: etcd evaluates all compares before it applies anything, so the second would pass
 * on what the first one is about to change.
 */
export class Footprint {
  readonly #readKeys = new Set<string>();
  readonly #writtenKeys = new Set<string>();
  readonly #readRanges: KeyRange[] = [];
  readonly #writtenRanges: KeyRange[] = [];

  /** Adds what the unit reads and writes. */
  add(unit: Unit): void {
    for (const { at } of unit.compares) {
      if (typeof at === 'string') this.#readKeys.add(at);
      else this.#readRanges.push(at);
    }
    for (const op of unit.ops) {
      const at = op.type === 'put' ? op.key : op.at;
      if (typeof at === 'string') this.#writtenKeys.add(at);
      else this.#writtenRanges.push(at);
    }
  }

  /** Whether the unit cannot go together with those added. */
  conflictsWith(unit: Unit): boolean {
    return (
      unit.compares.some(({ at }) => this.#isWritten(at)) ||
      unit.ops.some((op) => {
        const at = op.type === 'put' ? op.key : op.at;
        return this.#isWritten(at) || this.#isRead(at);
      })
    );
  }

  #isWritten(at: string | KeyRange): boolean {
    return touches(at, this.#writtenKeys, this.#writtenRanges);
  }

  #isRead(at: string | KeyRange): boolean {
    return touches(at, this.#readKeys, this.#readRanges);
  }
}

function touches(at: string | KeyRange, keys: ReadonlySet<string>, ranges: readonly KeyRange[]): boolean {
  if (typeof at === 'string') return keys.has(at) || ranges.some((range) => isInRange(at, range));
  if (ranges.some((range) => overlaps(range, at))) return true;
  for (const key of keys) if (isInRange(key, at)) return true;
  return false;
}
