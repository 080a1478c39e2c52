/** How each documented refusal of ResolveIncident is provoked. */
import {
  IncidentResolution,
  IncidentServiceService as Incidents,
  type ResolveIncidentRequest,
} from '../../../src/gen/wire/steplock/v1/incident_service.js';
import { refused } from './refusal.js';
import { requestId } from './rig.js';
import type { ErrorWorld, Provocation } from './verb-provocations.js';

/** Each `Method REASON`, with how it is provoked; the workflows `stuck-1` and, without a key, `dim` have an incident. */
export function resolutionProvocations({
  rig,
  keyless,
  used,
}: Pick<ErrorWorld, 'rig' | 'keyless' | 'used'>): [string, Provocation][] {
  const resolution = (name: string, id = requestId(), more: object = {}): ResolveIncidentRequest => ({
    name,
    requestId: id,
    actor: 'ann',
    reason: 'looked at it',
    resolution: IncidentResolution.CLOSE,
    ...more,
  });
  const stuckIncident = async (): Promise<string> =>
    (await rig().get('workflows/stuck-1')).incidents[0] ?? '';
  return [
    [
      'ResolveIncident INCIDENT_NOT_FOUND',
      async (r) => await refused(rig(), Incidents.resolveIncident, resolution('incidents/nobody.a.1'), r),
    ],
    [
      'ResolveIncident ILLEGAL_TRANSITION',
      async (r) => await refused(rig(), Incidents.resolveIncident, resolution(await stuckIncident()), r),
    ],
    [
      'ResolveIncident INVALID_FIELD',
      async (r) => {
        const more = { reason: '' };
        await refused(
          rig(),
          Incidents.resolveIncident,
          resolution(await stuckIncident(), requestId(), more),
          r,
        );
      },
    ],
    [
      'ResolveIncident SECRET_KEY_MISSING',
      async (r) => {
        const [incident = ''] = (await keyless().get('workflows/dim')).incidents;
        const more = { resolution: IncidentResolution.DONE, output: { token: 'open' } };
        await refused(keyless(), Incidents.resolveIncident, resolution(incident, requestId(), more), r);
      },
    ],
    [
      'ResolveIncident REQUEST_ID_REUSED',
      async (r) =>
        await refused(rig(), Incidents.resolveIncident, resolution(await stuckIncident(), used), r),
    ],
  ];
}
