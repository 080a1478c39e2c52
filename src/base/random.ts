/** Randomness as it is passed in, so that a simulation can replay it from a seed. */
import { randomBytes } from 'node:crypto';

/** Where randomness comes from. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** That many random bytes as lower-case hexadecimal. */
  hex(bytes: number): string;
}

/** Bytes taken from the system at once: a call for each id costs more than all else about it. */
const poolBytes = 4_096;

/** The system's randomness. */
function createSystemRandom(): Random {
  let pool = Buffer.alloc(0);
  const take = (bytes: number): Buffer => {
    if (pool.length < bytes) pool = randomBytes(Math.max(poolBytes, bytes));
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
  return {
    next: () => take(4).readUInt32BE() / 2 ** 32,
    hex: (bytes) => take(bytes).toString('hex'),
  };
}

/** See above. */
export const systemRandom: Random = createSystemRandom();

/** A generator that gives the same sequence for the same seed (mulberry32). Not for secrets. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    hex: (bytes) => {
      let text = '';
      for (let index = 0; index < bytes; index++) {
        text += Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0');
      }
      return text;
    },
  };
}

/** A whole number from 0 to below the bound. */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}
