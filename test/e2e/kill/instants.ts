/** Every instant at which the node can be killed: each named point of each method, forward and as an undo. */
import { linuxFaultPoints, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { Instant } from './stopping-controller.js';

const pointsOf = (method: string): LinuxFaultPoint[] =>
  linuxFaultPoints.filter((point) => point.startsWith(`${method}:`));

type Place = readonly [workflow: string, step: string, direction: Instant['direction'], method: string];

const places: readonly Place[] = [
  ['provision', 'create-a', 'forward', 'create-volume'],
  ['provision', 'create-b', 'forward', 'create-volume'],
  ['provision', 'export-a', 'forward', 'export-volume'],
  ['resize', 'grow-a', 'forward', 'expand-volume'],
  ['fail', 'create-c', 'undo', 'delete-volume'],
  ['fail', 'grow-c', 'undo', 'restore-volume-size'],
  ['fail', 'export-c', 'undo', 'unexport-volume'],
  ['fail', 'export-d', 'undo', 'unexport-volume'],
  ['remove', 'unexport-a', 'forward', 'unexport-volume'],
  ['remove', 'delete-a', 'forward', 'delete-volume'],
];

/** All of them, workflows without their number. */
export function allInstants(): Instant[] {
  return places.flatMap(([workflow, step, direction, method]) =>
    pointsOf(method)
      // A thin volume has no space to reserve.
      .filter((point) => step !== 'create-b' || point !== 'create-volume:space-reserved')
      .map((point) => ({ workflow, step, direction, point })),
  );
}
