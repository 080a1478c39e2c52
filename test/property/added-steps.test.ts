/** Steps that many running steps add at the same time, each against the plan as it was when they began. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { StepId } from '../../src/base/ids.js';
import type { PlanGroup, PlanStep } from '../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import { Run } from '../../src/engine/run.js';
import { freezeAdded } from '../../src/model/freeze-added.js';
import { findCycle } from '../../src/model/graph.js';
import { createPlan, extendPlan, stepOf, type Plan } from '../../src/model/plan.js';
import { Violations } from '../../src/model/violations.js';
import { freezeSources, makeAndUnmake } from '../support/plans.js';
import {
  planChunk,
  planMethod,
  planStep,
  stepRecord,
  workflowHead,
  workflowKey,
} from '../support/records.js';
import { runs } from '../support/runs.js';

const none = new Map<never, never>();
const rest = {
  callbacks: new Set<string>(),
  verbs: none,
  incidents: none,
  signals: none,
  items: none,
  records: none,
  lateTickets: none,
};
const groupCount = 3;

/** A number below a bound, from the next of the drawn numbers. */
type Draw = (bound: number) => number;

function drawBase(draw: Draw): Plan {
  const groups: PlanGroup[] = Array.from({ length: groupCount }, (_, index) => ({
    id: `g${index}`,
    dependsOn: index > 0 && draw(3) === 0 ? [`g${index - 1}`] : [],
  }));
  const steps = Array.from({ length: 2 + draw(8) }, (_, index) => {
    const group = draw(2) === 0 ? '' : `g${draw(groupCount)}`;
    // On earlier steps only, and groups from none: so that there is no cycle to begin with.
    const dependsOn = index > 0 && draw(2) === 0 ? [`s${draw(index)}`] : [];
    return planStep(`s${index}`, { group, dependsOn });
  });
  return createPlan(steps, groups, [planMethod('make'), planMethod('unmake')]);
}

function drawAdded(by: PlanStep, plan: Plan, draw: Draw): PlanStep[] {
  const own = Array.from({ length: 1 + draw(3) }, (_, index) => `${by.id}-x${index}`);
  const others = [...plan.graph.ids];
  return own.map((id, index) => {
    const dependsOn = Array.from({ length: draw(3) }, () => others[draw(others.length)] ?? by.id);
    if (index > 0 && draw(2) === 0) dependsOn.push(own[draw(index)] ?? by.id);
    return planStep(id, { dependsOn });
  });
}

describe('Steps that are added at the same time', function () {
  this.timeout(60_000);

  it('never bring a workflow to a standstill', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(1_000_000)), (numbers) => {
        const draw: Draw = (bound) => (numbers.next().value as number) % bound;
        const base = drawBase(draw);
        fc.pre(findCycle(base.graph) === undefined);
        const loaded = { key: workflowKey, head: workflowHead(), liveRevision: 1, plan: base, ticket: 0 };
        const run = new Run({ ...loaded, ...rest });
        let stored = base;
        for (let round = 0; !run.isComplete; round++) {
          expect(run.ready.size, 'a workflow that stands still').to.be.greaterThan(0);
          const begun = [...run.ready].map((node) => run.plan.steps[node]!);
          // All against the plan before any of them: none sees what another adds.
          const chunks = begun.map((by) => {
            if (draw(2) === 0 || stored.steps.length > 60) return undefined;
            const violations = new Violations();
            const addition = { by: stepOf(stored, by.id as StepId), plan: stored, locks: [] };
            const sources = freezeSources(makeAndUnmake);
            const added = freezeAdded(drawAdded(by, stored, draw), 'at', addition, sources, violations);
            return violations.count > 0 ? undefined : planChunk([...added.steps], [...added.methods]);
          });
          for (const [index, by] of begun.entries()) {
            const added = chunks[index];
            // Some end later than others.
            if (draw(3) === 0 && index > 0 && added === undefined) continue;
            if (added !== undefined) {
              accepted += 1;
              stored = extendPlan(stored, added);
            }
            const record = stepRecord(by.id, OutcomeState.SUCCEEDED, added === undefined ? {} : { added });
            run.end(by.id as StepId, { record, revision: round + 1 });
          }
          expect(findCycle(run.plan.graph)).to.equal(undefined);
        }
        expect(run.plan.steps).to.have.length(stored.steps.length);
      }),
      runs(150),
    );
    expect(accepted).to.be.greaterThan(100);
  });
});
