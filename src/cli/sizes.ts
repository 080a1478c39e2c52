/** Sizes as people write them: whole bytes, or with a unit. Pure. */
import { UsageError } from './context.js';

const units = new Map([
  ['', 1n],
  ['B', 1n],
  ['KiB', 1024n],
  ['MiB', 1024n ** 2n],
  ['GiB', 1024n ** 3n],
  ['TiB', 1024n ** 4n],
  ['PiB', 1024n ** 5n],
]);

/**
 * Whole bytes of e.g. `100GiB`, `512MiB` or `1073741824`.
 *
 * @throws UsageError.
 */
export function parseSize(text: string): string {
  const [, digits, unit = ''] = /^([0-9]{1,18})([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units.get(unit);
  if (digits === undefined || factor === undefined)
    throw new UsageError(
      `"${text}" is no size: write whole bytes, or a whole number with KiB, MiB, GiB, TiB or PiB`,
    );
  return String(BigInt(digits) * factor);
}

/** Bytes with the largest unit that gives a whole number, else with one digit behind the point. */
export function formatBytes(bytes: number): string {
  const all = [...units].filter(([unit]) => unit !== '').reverse();
  const [unit, factor] = all.find(([, each]) => bytes >= Number(each)) ?? ['B', 1n];
  const value = bytes / Number(factor);
  return `${Number.isInteger(value) ? value : Math.floor(value * 10) / 10}${unit}`;
}
