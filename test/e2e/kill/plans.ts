/** The plans that the node is killed in the middle of: the demo's, shortened. */
import type { StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import type { JsonObject } from '../../../src/base/json.js';

/** Who uses the volumes. */
export const initiator = 'iqn.2026-11.test.steplock:host';
/** The CHAP account's name. */
export const chapUser = 'host';
/** Size of each volume. */
export const sizeBytes = 16 * 1024 * 1024;
/** Volumes of the first plan, with their systems. */
export const volumes = [
  { volume: 'vol-a', system: 'rack-a', thick: true },
  { volume: 'vol-b', system: 'rack-b', thick: false },
] as const;

const call = (
  id: string,
  method: string,
  system: string,
  args: JsonObject,
  dependsOn: string[] = [],
): StepSpec => ({
  id,
  description: '',
  locks: [],
  group: '',
  dependsOn,
  action: { $case: 'call', value: { controller: 'linux', method, system, arguments: args } },
});
const chap: JsonObject = { username: chapUser, secret: { $secret: { env: 'STEPLOCK_SECRET_CHAP' } } };

/** Creates and exports the volumes; the second one only after the first one's export, so that it is in use already. */
export function provisionPlan(): StepSpec[] {
  const [a, b] = volumes;
  return [
    call('create-b', 'create-volume', b.system, { volume: b.volume, size_bytes: sizeBytes }),
    call('export-b', 'export-volume', b.system, { volume: b.volume, initiators: [initiator], chap }, [
      'create-b',
    ]),
    call('create-a', 'create-volume', a.system, { volume: a.volume, size_bytes: sizeBytes, thick: true }, [
      'export-b',
    ]),
    call('export-a', 'export-volume', a.system, { volume: a.volume, initiators: [initiator], chap }, [
      'create-a',
    ]),
  ];
}

/** Grows an exported volume. */
export function resizePlan(): StepSpec[] {
  const [a] = volumes;
  return [call('grow-a', 'expand-volume', a.system, { volume: a.volume, size_bytes: 2 * sizeBytes })];
}

/** Makes two more, grows one, and fails for good in the middle of the last export. */
export function failPlan(): StepSpec[] {
  return [
    call('create-c', 'create-volume', 'rack-a', { volume: 'vol-c', size_bytes: sizeBytes }),
    call('create-d', 'create-volume', 'rack-b', { volume: 'vol-d', size_bytes: sizeBytes }),
    call('grow-c', 'expand-volume', 'rack-a', { volume: 'vol-c', size_bytes: 2 * sizeBytes }, ['create-c']),
    call('export-c', 'export-volume', 'rack-a', { volume: 'vol-c', initiators: [initiator], chap }, [
      'grow-c',
    ]),
    {
      ...call('export-d', 'export-volume', 'rack-b', { volume: 'vol-d', initiators: [initiator], chap }, [
        'create-d',
        'export-c',
      ]),
      retry: { maxAttempts: 1, initialBackoff: undefined, maxBackoff: undefined, multiplier: 0 },
    },
  ];
}

const serialFrom = (step: string): JsonObject => ({ $output: { step, pointer: '/found/serial' } });

/** Takes the volumes of the first plan back. */
export function removePlan(): StepSpec[] {
  return volumes.flatMap(({ volume, system }) => {
    const name = volume.slice(-1);
    return [
      call(`look-${name}`, 'get-volume', system, { volume }),
      call(`unexport-${name}`, 'unexport-volume', system, { volume }, [`look-${name}`]),
      call(`delete-${name}`, 'delete-volume', system, { volume, serial: serialFrom(`look-${name}`) }, [
        `unexport-${name}`,
      ]),
    ];
  });
}
