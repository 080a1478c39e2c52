/** Instants drawn by a seed. */
import { createSeededRandom, randomBelow } from '../../../src/base/random.js';
import { allInstants } from './instants.js';
import type { Instant } from './stopping-controller.js';

/** Draws instants, no two the same. */
export function drawInstants(count: number, seed: number): Instant[] {
  const random = createSeededRandom(seed);
  const left = allInstants();
  const drawn: Instant[] = [];
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(randomBelow(random, left.length), 1));
  }
  return drawn;
}

/** What an instant is called. */
export function nameOf({ workflow, step, direction, point }: Instant): string {
  return `${workflow}/${direction === 'undo' ? 'undo.' : ''}${step} at ${point}`;
}
