/** What every refusal has in common, checked at each one that a test provokes: exactly one reason, and the code of it. */
import type { MethodDefinition } from '@grpc/grpc-js';
import { expect } from 'chai';
import { callReasons, errorDomain, type CallReason } from '../../../src/errors/index.js';
import { callRaw, type RawAnswer, type RawRefusal } from './raw-call.js';
import type { Rig } from './rig.js';

/** The answer as a refusal for that reason. */
export function asRefusal(answer: RawAnswer<unknown>, reason: CallReason): RawRefusal {
  if (answer.ok)
    throw new Error(`Not refused, but answered ${JSON.stringify(answer.response).slice(0, 300)}`);
  const { refusal } = answer;
  const found = refusal.infos.map((info) => `${info.domain} ${info.reason}`);
  expect(found, refusal.details).to.deep.equal([`${errorDomain} ${reason}`]);
  expect(refusal.code, refusal.details).to.equal(callReasons[reason].code);
  expect(refusal.details).to.not.equal('');
  return refusal;
}

/** Makes a call that must be refused for that reason. */
export async function refused<Request, Response>(
  rig: Pick<Rig, 'raw'>,
  method: MethodDefinition<Request, Response>,
  request: Request,
  reason: CallReason,
): Promise<RawRefusal> {
  return asRefusal(await callRaw(rig.raw, method, request), reason);
}

/** Each place that a refusal names, as `RULE field`. */
export function placesOf({ violations }: RawRefusal): string[] {
  return violations.map(({ reason, field }) => `${reason} ${field}`);
}

/** What the refusal's reason says of itself. */
export function metadataOf({ infos }: RawRefusal): Record<string, string> {
  return infos[0]?.metadata ?? {};
}
