/** Where a call of the `linux` adapter dies: by the named points of its effect. */
import { linuxFaultPoints, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { Instant } from '../bench.js';

/** Points that are passed before the one midway. */
const midway = 3;

/** Tells whether the point is the instant; to be asked at each point that the call passes. */
export function createInstant(at: Instant): (point: LinuxFaultPoint) => boolean {
  let passed = 0;
  return (point) => {
    passed += 1;
    const method = point.slice(0, point.indexOf(':') + 1);
    const last = linuxFaultPoints.filter((one) => one.startsWith(method)).at(-1);
    return { before: passed === 1, midway: passed === midway, after: point === last }[at];
  };
}
