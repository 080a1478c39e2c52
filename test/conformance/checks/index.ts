/** All that an adapter has to do. */
import type { Check, Subject } from '../bench.js';
import { callChecksOf } from './call-checks.js';
import { copyChecks } from './copy-checks.js';
import { exportChecks } from './export-checks.js';
import { objectChecks } from './object-checks.js';

/** The checks of a subject. */
export function checksOf({ deaths }: Subject): readonly Check[] {
  return [...objectChecks(), ...copyChecks(), ...exportChecks(), ...callChecksOf(deaths)];
}
