/** What is said of everything that does not move: by workflows that really wait, each for another thing. */
import { expect } from 'chai';
import { failed } from '../../src/controller.js';
import { HoldKind } from '../../src/gen/wire/steplock/v1/admission_service.js';
import { LockMode, type StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { WaitKind, type Wait } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually } from '../support/eventually.js';
import { rejection } from '../support/rejection.js';
import { approval, planOf, settings, signal, step } from './support/plans.js';
import { requestId, startRig, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const who = { actor: 'ann', reason: 'disks are swapped' };

describe('ExplainWorkflow', function () {
  this.timeout(60_000);
  let rig: Rig;
  let last = 0;
  let id = '';
  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig.close();
  });
  beforeEach(() => {
    last += 1;
    id = `why-${last}`;
  });

  const explain = async (name: string): Promise<Wait[]> =>
    (await rig.client.workflows.explainWorkflow({ name })).waits;
  /** What is said of the step, once it is of that kind. */
  const eventuallyOf = async (name: string, kind: WaitKind): Promise<Wait> => {
    let found: Wait | undefined;
    await eventually(async () => {
      found = (await explain(name)).find((wait) => wait.kind === kind);
      expect(found, JSON.stringify(await explain(name))).to.not.equal(undefined);
    });
    return found as unknown as Wait;
  };
  const submit = async (...steps: StepSpec[]): Promise<void> => {
    await rig.submit(planOf(...steps), { workflowId: id });
  };
  const of = (stepId: string): string => `workflows/${id}/steps/${stepId}`;

  it('steps before it, and the call that they wait for', async () => {
    const gate = createGate();
    rig.script.script(id, 'a', gate.pass);
    await submit(step('a'), step('b', 'make', { needs: ['a'] }), step('c', 'make', { needs: ['b'] }));
    const call = await eventuallyOf(of('a'), WaitKind.CALL);
    expect(call.text).to.match(/^call 1 of test\/make on node /);
    expect(call.since).to.be.instanceOf(Date);
    expect(await explain(of('c')))
      .to.have.length(1)
      .with.nested.property('[0].holders')
      .that.deep.equals([of('b')]);
    expect((await explain(`workflows/${id}`)).map(({ subject }) => subject)).to.deep.equal(
      ['a', 'b', 'c'].map(of),
    );
    gate.open();
    await eventually(async () => {
      expect(await explain(`workflows/${id}`)).to.deep.equal([]);
    });
  });

  it('a person, with the commands that answer', async () => {
    await submit(approval('ok'));
    const wait = await eventuallyOf(of('ok'), WaitKind.APPROVAL);
    expect(wait.commands[0]).to.equal(`steplock step approve ${id}/ok`);
  });

  it('a message, by its name', async () => {
    await submit(signal('cabled', 'rack-ready'));
    const wait = await eventuallyOf(of('cabled'), WaitKind.SIGNAL);
    expect(wait.commands).to.deep.equal([`steplock workflow signal ${id} rack-ready`]);
  });

  it('the next attempt, with the failure before it', async () => {
    rig.script.script(id, 'a', () =>
      Promise.resolve(failed('Busy', 'the array rebuilds', { retryable: true, effect: 'none' })),
    );
    await submit(step('a', 'make', { attempts: 10 }));
    const wait = await eventuallyOf(of('a'), WaitKind.TIME);
    expect(wait.text).to.contain('the array rebuilds');
    expect(wait.until).to.be.instanceOf(Date);
  });

  it('a hold, and who placed it', async () => {
    await rig.client.admission.placeHold({
      kind: HoldKind.SYSTEM,
      name: 'rack-h',
      requestId: requestId(),
      ...who,
    });
    await submit(step('a', 'make', { system: 'rack-h' }));
    const wait = await eventuallyOf(of('a'), WaitKind.HOLD);
    expect(wait).to.deep.include({ holders: ['ann'] });
    expect(wait.text).to.contain(who.reason);
    expect(wait.commands[0]).to.match(/^steplock hold release system rack-h/);
  });

  it('a slot of a limited system, and the step that has it', async () => {
    await rig.client.admission.setLimit({ system: 'rack-l', limitClass: '', max: 1, requestId: requestId() });
    const gate = createGate();
    rig.script.script(id, 'a', gate.pass);
    await submit(step('a', 'make', { system: 'rack-l' }));
    await eventuallyOf(of('a'), WaitKind.CALL);
    const holder = of('a');
    id = `${id}-second`;
    await submit(step('b', 'make', { system: 'rack-l' }));
    const wait = await eventuallyOf(of('b'), WaitKind.LIMIT);
    expect(wait.holders).to.deep.equal([holder]);
    gate.open();
  });

  it('a node with a label that none has', async () => {
    await submit({ ...step('a'), nodes: { neighborhood: 'site-9', labels: { tier: 'gold' } } });
    const wait = await eventuallyOf(of('a'), WaitKind.NODE);
    expect(wait.text).to.equal('a node of neighborhood site-9, tier=gold: there is none');
  });

  it('a lock, its holder and since when', async () => {
    const locks = [{ resource: 'array/x', mode: LockMode.EXCLUSIVE }];
    const gate = createGate();
    rig.script.script(id, 'a', gate.pass);
    await submit(step('a', 'make', { locks }));
    await eventuallyOf(of('a'), WaitKind.CALL);
    const holder = `workflows/${id}`;
    id = `${id}-second`;
    await submit(step('b', 'make', { locks }));
    const wait = await eventuallyOf(`workflows/${id}`, WaitKind.LOCK);
    expect(wait).to.deep.include({ holders: [holder], subject: `workflows/${id}` });
    expect(wait.since).to.be.instanceOf(Date);
    gate.open();
  });

  it('somebody who resumes what was suspended, and who suspended it', async () => {
    await submit(approval('ok'));
    await rig.client.workflows.suspendWorkflow({ name: `workflows/${id}`, requestId: requestId(), ...who });
    const wait = await eventuallyOf(`workflows/${id}`, WaitKind.RESUME);
    expect(wait.text).to.contain('suspended by ann: disks are swapped');
    expect(wait.commands).to.deep.equal([`steplock workflow resume ${id}`]);
  });

  it('a start time', async () => {
    const startTime = new Date(Date.now() + 3_600_000);
    await rig.submit(planOf(step('a')), { workflowId: id, settings: settings({ startTime }) });
    const wait = await eventuallyOf(`workflows/${id}`, WaitKind.TIME);
    expect(Math.abs((wait.until?.getTime() ?? 0) - startTime.getTime())).to.be.below(1_000);
  });

  it('an incident, when an undo has failed for good', async () => {
    rig.script.script(id, 'b', () =>
      Promise.resolve(failed('Broken', 'no', { retryable: false, effect: 'none' })),
    );
    rig.script.script(id, 'undo.a', () =>
      Promise.resolve(failed('Stuck', 'the LUN is in use', { retryable: false, effect: 'some' })),
    );
    await submit(step('a'), step('b', 'make', { needs: ['a'] }));
    const wait = await eventuallyOf(`workflows/${id}`, WaitKind.INCIDENT);
    expect(wait.holders.join()).to.match(/^incidents\//);
  });

  it('refuses what is not there', async () => {
    expect(await rejection(explain('workflows/nobody'))).to.have.property('reason', 'WORKFLOW_NOT_FOUND');
    await submit(approval('ok'));
    expect(await rejection(explain(of('nothing')))).to.have.property('reason', 'STEP_NOT_FOUND');
  });
});
