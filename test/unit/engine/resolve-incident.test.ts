import { expect } from 'chai';
import { incidentFor } from '../../../src/engine/incident.js';
import { EffectKind, IncidentRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { FailureAction } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { keys } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import { DrivenWorkflow, failed, unknown } from '../../support/driven-workflow.js';
import { planStep, stepError, workflowKey } from '../../support/records.js';

const steps = [planStep('a'), planStep('b', { dependsOn: ['a'] })];

async function stuck(): Promise<DrivenWorkflow> {
  const driven = await DrivenWorkflow.create(steps);
  await driven.turns();
  await driven.end('a', unknown);
  return driven;
}

const incidentId = `${workflowKey.id}.a.1`;

describe('What a person says about an incident', () => {
  it('is refused when the incident is resolved, whatever he says', async () => {
    const driven = await stuck();
    expect(await driven.verb('mark-undone', { step: 'a', incidentId })).to.equal(undefined);
    for (const verb of ['mark-done', 'mark-undone', 'retry', 'skip', 'release'])
      expect(await driven.verb(verb, { step: 'a', incidentId }), verb).to.equal('the incident is resolved');
  });

  it('holds to a suspension by an operator', async () => {
    const driven = await stuck();
    expect(driven.state).to.equal('SUSPENDED');
    await driven.verb('mark-done', { step: 'a', incidentId });
    expect([driven.state, driven.queued]).to.deep.equal(['RUNNING', ['b']]);
    const held = await DrivenWorkflow.create(steps);
    await held.turns();
    await held.claim('a');
    await held.verb('suspend');
    await held.end('a', unknown);
    await held.verb('mark-done', { step: 'a', incidentId });
    expect([held.state, held.queued]).to.deep.equal(['SUSPENDED', []]);
  });

  it('about a step that is to be undone decides whether its undo is called', async () => {
    for (const [verb, queued, state] of [
      ['mark-done', ['undo.a'], 'ROLLING_BACK'],
      ['mark-undone', [], 'ROLLED_BACK'],
    ] as const) {
      const driven = await stuck();
      await driven.verb('rollback');
      expect(driven.state).to.equal('ROLLBACK_BLOCKED');
      await driven.verb(verb, { step: 'a', incidentId });
      expect([driven.queued, driven.state]).to.deep.equal([queued, state]);
    }
  });

  it('about an undo ends it without a call', async () => {
    const driven = await DrivenWorkflow.create(steps);
    await driven.turns();
    await driven.end('a');
    await driven.end('b', failed);
    await driven.end('undo.b', failed);
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    const id = `${workflowKey.id}.undo.b.1`;
    expect(await driven.verb('mark-done', { step: 'undo.b', incidentId: id })).to.contain('say undone');
    await driven.verb('mark-undone', { step: 'undo.b', incidentId: id });
    expect([driven.outcome('undo.b'), driven.queued]).to.deep.equal(['SUCCEEDED', ['undo.a']]);
  });

  it('is told wherever the workflow stands, and does not move one that has ended', async () => {
    const apart = [planStep('a'), planStep('b')];
    const driven = await DrivenWorkflow.create(apart, { head: { onFailure: FailureAction.KEEP } });
    await driven.turns();
    await driven.end('a', unknown);
    await driven.end('b', failed);
    expect(driven.state).to.equal('FAILED');
    await driven.verb('mark-done', { step: 'a', incidentId });
    expect([driven.state, driven.outcome('a')]).to.deep.equal(['FAILED', 'SUCCEEDED']);
    const incident = driven.run.incidents.get(incidentId)?.record;
    expect(incident?.resolution).to.include({ verb: 'mark-done', actor: 'olga', reason: 'because' });
  });

  it('about an orchestrator that cannot be told lets the workflow go', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')], { head: { callback: 'desk' } });
    await driven.turns();
    await driven.end('a');
    const cause = { error: stepError(), effect: EffectKind.NONE, task: '', number: 1, nowMs: 5 };
    const record = incidentFor(workflowKey, 'CALLBACK' as never, cause);
    const key = keys.incident(workflowKey, 'CALLBACK.1');
    const value = encodeRecord(IncidentRecord, { ...record, stepId: '' });
    await driven.store.txn({ compares: [], then: [{ type: 'put', key, value }], otherwise: [] });
    driven.run = await driven.reload();
    expect(await driven.verb('delete')).to.contain('has not been told');
    expect(await driven.verb('untell', { incidentId: record.incidentId })).to.equal(undefined);
    expect(await driven.store.get(keys.callback(workflowKey, 1))).to.equal(undefined);
    expect(driven.run.incidents.get(record.incidentId)?.record.resolveTimeMs).to.not.equal(0);
  });
});
