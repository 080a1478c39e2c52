/** Randomness as it is passed in, so that a simulation can replay it from a seed. */
import { randomBytes } from 'node:crypto';

/** Where randomness comes from. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** That many random bytes as lower-case hexadecimal. */
  hex(bytes: number): string;
}

/** The system's randomness. */
export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

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
