/**
 * Random workflows under random outcomes and random verbs, down to their end. What must hold is worked out here from
 * the declared graph and from the records alone.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { isUndo, undoneOf, type StepId } from '../../src/base/ids.js';
import { createSeededRandom, randomBelow, type Random } from '../../src/base/random.js';
import { UndoKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import { EffectKind, OutcomeState, type StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { FailureAction, HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { Run } from '../../src/engine/run.js';
import { isFinal, startsSteps, startsUndos } from '../../src/model/workflow-state.js';
import { DrivenWorkflow, type End } from '../support/driven-workflow.js';
import { allRequirements, drawGraph } from '../support/graphs.js';
import { planStep } from '../support/records.js';
import { runs } from '../support/runs.js';

const { SUCCEEDED, FAILED, SKIPPED, CANCELLED, UNKNOWN } = OutcomeState;

const verbs = ['suspend', 'resume', 'resume', 'cancel', 'rollback'];

/** A workflow, what each step of it waits for, and a watch over every turn. */
class Subject {
  readonly #random: Random;
  /** For each step, all that must have ended before it. */
  readonly #before: ReadonlyMap<string, ReadonlySet<string>>;
  #known = new Set<string>();
  readonly #undone = new Set<StepId>();
  readonly driven: DrivenWorkflow;

  private constructor(
    driven: DrivenWorkflow,
    random: Random,
    before: ReadonlyMap<string, ReadonlySet<string>>,
  ) {
    this.driven = driven;
    this.#random = random;
    this.#before = before;
  }

  static async create(seed: number, stepsMax: number): Promise<Subject> {
    const random = createSeededRandom(seed);
    const graph = drawGraph(random, stepsMax);
    const undoKinds = [UndoKind.METHOD, UndoKind.METHOD, UndoKind.NONE_NEEDED, UndoKind.IRREVERSIBLE];
    const steps = graph.steps.map(({ id, group, waitsFor }) =>
      planStep(id, { group, dependsOn: [...waitsFor], undoKind: pick(random, undoKinds) }),
    );
    const groups = graph.groups.map(({ id, dependsOn }) => ({
      id,
      description: '',
      dependsOn: [...dependsOn],
    }));
    const { ROLL_BACK, SUSPEND, KEEP } = FailureAction;
    const isScheduled = random.next() < 0.2;
    const driven = await DrivenWorkflow.create(steps, {
      groups,
      head: {
        onFailure: pick(random, [ROLL_BACK, SUSPEND, KEEP]),
        deadlineMs: random.next() < 0.2 ? 5_000 : 0,
        ...(isScheduled ? { state: HeadState.SCHEDULED, notBeforeMs: 1_500, startTimeMs: 0 } : {}),
      },
    });
    const subject = new Subject(driven, random, allRequirements(graph));
    await driven.turns();
    return subject;
  }

  /** Something happens. */
  async act(): Promise<void> {
    const { driven } = this;
    const random = this.#random;
    const draw = random.next();
    if (draw < 0.06) await driven.verb(pick(random, verbs), this.#flags());
    else if (draw < 0.16) await driven.verb(pick(random, ['retry', 'skip']), { step: this.#anyStep() });
    else if (draw < 0.2) {
      driven.nowMs += 700;
      await driven.turns();
    } else await this.#work(() => this.#anyEnd());
  }

  /** What an operator does who wants it to end. */
  async heal(): Promise<void> {
    const { driven } = this;
    const { state } = driven.run.head;
    const stuck = this.#stuckStep();
    if (state === HeadState.ROLLBACK_BLOCKED) {
      expect(stuck, 'What a blocked rollback waits for').to.not.equal(undefined);
      expect(await driven.verb('skip', { step: stuck! })).to.equal(undefined);
    } else if (state === HeadState.SUSPENDED && driven.run.failed.size > 0) {
      await driven.verb('skip', { step: [...driven.run.failed][0]! });
    } else if (state === HeadState.SUSPENDED && driven.run.unknownStep() !== undefined) {
      await driven.verb('skip', { step: driven.run.unknownStep()! });
    } else if (state === HeadState.SUSPENDED || state === HeadState.ROLLBACK_SUSPENDED) {
      expect(await driven.verb('resume')).to.equal(undefined);
    } else if (driven.run.items.size > 0) {
      await this.#work(() => ({ state: SUCCEEDED }));
    } else if (state === HeadState.SCHEDULED) {
      driven.nowMs += 1_000;
      await driven.turns();
    } else if (stuck !== undefined) {
      await driven.verb('skip', { step: stuck });
    }
  }

  /** An undo that failed, or else a step of which nobody knows. */
  #stuckStep(): string | undefined {
    const records = [...this.driven.run.records];
    const hasFailed = ({ state }: StepRecord): boolean => state !== SUCCEEDED && state !== SKIPPED;
    const undo = records.find(([id, { record }]) => isUndo(id) && hasFailed(record));
    return (undo ?? records.find(([id, { record }]) => !isUndo(id) && record.state === UNKNOWN))?.[0];
  }

  /** Some node claims something, or finishes what it has claimed. */
  async #work(end: () => End): Promise<void> {
    const { driven } = this;
    const items = [...driven.run.items];
    if (items.length === 0) return;
    const [id, { record }] = pick(this.#random, items);
    const { state } = driven.run.head;
    const mayStart = isUndo(id) ? startsUndos(state) : startsSteps(state);
    if (!record.inDoubt) {
      if (mayStart) await driven.claim(id);
      return;
    }
    const draw = this.#random.next();
    if (draw < 0.15) {
      await driven.release(id, pick(this.#random, [EffectKind.NONE, EffectKind.SOME]));
      await driven.turns();
    } else if (draw < 0.4) expect(await driven.endUnseen(id, end()), 'The owner sees it all').to.equal(true);
    else await driven.end(id, end());
  }

  /** Checks what has come up since the last time. */
  check(): void {
    const { run } = this.driven;
    for (const id of run.items.keys()) if (!this.#known.has(id)) this.#checkQueued(run, id);
    this.#known = new Set(run.items.keys());
    for (const [id, { record }] of run.records) {
      if (isUndo(id)) this.#checkUndone(run, id);
      if (isUndo(id) && record.state === SUCCEEDED) this.#undone.add(id);
    }
  }

  #checkQueued(run: Run, id: StepId): void {
    const stateOf = (step: string): OutcomeState | undefined => run.records.get(step as StepId)?.record.state;
    if (!isUndo(id)) {
      for (const earlier of this.#before.get(id) ?? [])
        expect([SUCCEEDED, SKIPPED], `${id} is queued before ${earlier} has ended`).to.include(
          stateOf(earlier),
        );
      return;
    }
    const step = undoneOf(id);
    expect(this.#undone.has(id), `${id} is queued again`).to.equal(false);
    expect(run.items.has(step), `${id} is queued while ${step} runs`).to.equal(false);
    for (const [later, before] of this.#before) {
      if (!before.has(step)) continue;
      expect(run.items.has(later as StepId), `${id} is queued while ${later} runs`).to.equal(false);
      const record = run.records.get(later as StepId)?.record;
      if (record === undefined || !mustBeUndone(run, later, record)) continue;
      const undo = stateOf(`undo.${later}`);
      expect([SUCCEEDED, SKIPPED], `${id} is queued before ${later} is undone`).to.include(undo);
    }
  }

  #checkUndone(run: Run, id: StepId): void {
    const step = undoneOf(id);
    const record = run.records.get(step)?.record;
    expect(record, `${step} is undone though it never ended`).to.not.equal(undefined);
    const undo = run.records.get(id)!.record;
    if (undo.state === SKIPPED) return;
    expect(record!.effect, `${step} is undone though it left nothing`).to.not.equal(EffectKind.NONE);
  }

  #anyStep(): string {
    const { steps } = this.driven.run.plan;
    const id = pick(this.#random, steps).id;
    return this.#random.next() < 0.4 ? `undo.${id}` : id;
  }

  #anyEnd(): End {
    const { SOME, NONE } = EffectKind;
    const ends: End[] = [
      ...Array.from({ length: 8 }, () => ({ state: SUCCEEDED })),
      { state: FAILED, effect: SOME },
      { state: FAILED, effect: NONE },
      { state: UNKNOWN },
    ];
    return pick(this.#random, ends);
  }

  #flags(): { readonly keep: boolean; readonly cancelRunning: boolean } {
    return { keep: this.#random.next() < 0.5, cancelRunning: this.#random.next() < 0.5 };
  }
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomBelow(random, items.length)]!;
}

/** Whether what a step left has to be taken back, as far as anybody knows. */
function mustBeUndone(run: Run, step: string, record: StepRecord): boolean {
  if (record.state === SKIPPED || record.effect === EffectKind.NONE) return false;
  const kind = run.plan.steps.find(({ id }) => id === step)?.undoKind;
  return kind !== UndoKind.NONE_NEEDED || record.state === UNKNOWN;
}

/** All that a run says about its workflow. */
function contents(run: Run): object {
  const sorted = (map: ReadonlyMap<string, unknown>): unknown[] =>
    [...map].sort(([left], [right]) => (left < right ? -1 : 1));
  const all = {
    head: run.head,
    liveRevision: run.liveRevision,
    records: sorted(run.records),
    items: sorted(run.items),
    verbs: sorted(run.verbs),
    incidents: sorted(run.incidents),
    ready: [...run.ready].sort((left, right) => left - right),
    undoReady: [...run.undoReady].sort((left, right) => left - right),
    failed: [...run.failed].sort(),
    isComplete: run.isComplete,
  };
  // Of the decoder's own; empty.
  const withoutUnknown = (key: string, value: unknown): unknown =>
    key === '_unknownFields' ? undefined : value;
  return JSON.parse(JSON.stringify(all, withoutUnknown)) as object;
}

/** The end tells the truth: worked out from the records. */
function checkEnd(run: Run): void {
  const { state, stop } = run.head;
  const states = run.plan.steps.map(({ id }) => run.records.get(id as StepId)?.record.state);
  expect(run.items.size, 'Something is still queued').to.equal(0);
  switch (state) {
    case HeadState.SUCCEEDED:
      for (const step of states) expect([SUCCEEDED, SKIPPED]).to.include(step);
      expect([...run.records.keys()].some(isUndo), 'A workflow that succeeded undid something').to.equal(
        false,
      );
      return;
    case HeadState.FAILED:
      expect(stop?.cause).to.equal('STEP_FAILED');
      expect(states.some((step) => step === FAILED || step === CANCELLED)).to.equal(true);
      return;
    case HeadState.CANCELLED:
      expect(['CANCELLED', 'DEADLINE']).to.include(stop?.cause);
      expect(stop?.action).to.equal(FailureAction.KEEP);
      return;
    case HeadState.ROLLED_BACK:
      for (const { id } of run.plan.steps) {
        const record = run.records.get(id as StepId)?.record;
        const undo = run.records.get(`undo.${id}` as StepId)?.record.state;
        if (record !== undefined && mustBeUndone(run, id, record))
          expect([SUCCEEDED, SKIPPED], `What ${id} left is still there`).to.include(undo);
      }
      for (const { record } of run.incidents.values())
        expect(record.resolveTimeMs, 'An incident is open though all is undone').to.be.above(0);
      return;
    default:
      throw new Error(`${state} is no end`);
  }
}

const drawn = fc.record({ seed: fc.nat(), stepsMax: fc.integer({ min: 1, max: 9 }) });

describe('A workflow under random outcomes and verbs', () => {
  it('obeys its graph both ways, is the same when read anew, and ends in a state that tells the truth', async () => {
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(drawn, async ({ seed, stepsMax }) => {
        const subject = await Subject.create(seed, stepsMax);
        const { driven } = subject;
        for (let count = 0; count < 300 && !isFinal(driven.run.head.state); count++) {
          await (count < 60 ? subject.act() : subject.heal());
          subject.check();
          expect(contents(driven.run)).to.deep.equal(contents(await driven.reload()));
        }
        checkEnd(driven.run);
        ends.add(driven.state);
        expect(await driven.store.get('live/003/wf'), 'What has ended is not live').to.equal(undefined);
      }),
      // Ended with an undo still queued, whose step an operator had skipped.
      { ...runs(150), examples: [[{ seed: 2033768833, stepsMax: 6 }]] },
    );
    expect([...ends].sort()).to.deep.equal(['CANCELLED', 'FAILED', 'ROLLED_BACK', 'SUCCEEDED']);
  }).timeout(20_000);
});
