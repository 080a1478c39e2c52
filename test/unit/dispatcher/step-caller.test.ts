/** What comes back from a controller, whatever it says: what is logged of it is short. */
import { expect } from 'chai';
import type { CallContext, ControllerPort } from '../../../src/contract/contract.js';
import type { HeldItem } from '../../../src/dispatcher/held-item.js';
import type { ProgressWriter } from '../../../src/dispatcher/progress.js';
import { StepCaller } from '../../../src/dispatcher/step-caller.js';
import type { Session } from '../../../src/lease/session.js';
import { silentLogger } from '../../../src/log/log.js';
import { noTelemetry } from '../../../src/telemetry/index.js';
import { limits } from '../../../src/model/limits.js';
import { FakeClock } from '../../support/fake-clock.js';
import { queueItem, stepCall } from '../../support/records.js';

describe('StepCaller', () => {
  it('cuts what a controller throws, secrets taken out before', async () => {
    const secret = 'hunter22';
    const held = { item: queueItem(), fence: 1 } as unknown as HeldItem;
    const session = { signal: new AbortController().signal, isAlive: () => true } as unknown as Session;
    const caller = new StepCaller(held, {} as unknown as ProgressWriter, {
      clock: new FakeClock(),
      session,
      controllers: { find: () => ({}) as unknown as ControllerPort, findOrchestrator: () => undefined },
      generation: 1,
      log: silentLogger,
      telemetry: noTelemetry,
      traceParent: '',
    });
    const prepared = { call: stepCall(), args: {}, undone: undefined, secrets: new Set([secret]) };
    const fail = async (_: ControllerPort, context: CallContext): Promise<never> =>
      await Promise.reject(
        new Error(`${context.step} ${'x'.repeat(limits.messageBytesMax - 60)} ${secret.repeat(1_000_000)}`),
      );
    const end = await caller.ask('probe', prepared, fail);
    if (end.kind !== 'broken') throw new Error(`ended as ${end.kind}`);
    expect(Buffer.byteLength(end.broken.message)).to.be.at.most(limits.messageBytesMax);
    expect(end.broken.message).to.not.contain('hunter');
  });
});
