/** From a queued step to the call of its controller: outputs in place of references, secrets opened, all of it checked. */
import { expect } from 'chai';
import type { StepId } from '../../../src/base/ids.js';
import type { JsonObject } from '../../../src/base/json.js';
import type { ControllerPort } from '../../../src/contract/contract.js';
import {
  prepareCall,
  UnpreparedError,
  type PreparedCall,
  type PrepareOptions,
} from '../../../src/dispatcher/prepare-call.js';
import type { PlanMethod, PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { EffectKind, OutcomeState, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { limits } from '../../../src/model/limits.js';
import { createPlan } from '../../../src/model/plan.js';
import { createSchemaChecker } from '../../../src/model/schema.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import { FakeClock } from '../../support/fake-clock.js';
import {
  jsonBytes,
  planMethod,
  planStep,
  queueItem,
  stepRecord,
  workflowKey,
} from '../../support/records.js';
import { rejection } from '../../support/rejection.js';

const { SUCCEEDED, FAILED, CANCELLED, SKIPPED, UNKNOWN } = OutcomeState;
const checker = createSchemaChecker();
const secret = (form: JsonObject): JsonObject => ({ $secret: form });
const output = (step: string, pointer: string): JsonObject => ({ $output: { step, pointer } });

/** What stands around the call that is prepared. */
interface Around {
  readonly steps?: readonly PlanStep[];
  readonly methods?: readonly PlanMethod[];
  /** Outcomes that the store has. */
  readonly stored?: readonly StepRecord[];
  /** Outcomes that the owner remembers. */
  readonly remembered?: readonly StepRecord[];
  readonly controller?: Partial<ControllerPort>;
  readonly open?: PrepareOptions['secrets']['open'];
}

async function prepare(stepId: string, around: Around): Promise<PreparedCall> {
  const store = createEmbeddedStore({ clock: new FakeClock() });
  for (const record of around.stored ?? []) {
    const key = keys.step(workflowKey, record.stepId as StepId);
    const value = encodeRecord(StepRecord, record);
    await store.txn({ compares: [], then: [{ type: 'put', key, value }], otherwise: [] });
  }
  const { remembered = [], methods = [] } = around;
  const plan = createPlan(around.steps ?? [], [], [planMethod('make'), planMethod('unmake'), ...methods]);
  return await prepareCall(workflowKey, queueItem({ stepId }), plan, {
    store,
    checker,
    outcomes: {
      report: async () => await Promise.resolve(false),
      peekRecord: (_workflow, step) => remembered.find((record) => record.stepId === step),
    },
    secrets: {
      open: around.open ?? (async (form) => await Promise.resolve(`clear ${Object.values(form).join('')}`)),
      seal: () => undefined,
    },
    controllers: {
      find: () => around.controller as ControllerPort | undefined,
      findOrchestrator: () => undefined,
    },
  });
}

async function unprepared(stepId: string, around: Around): Promise<UnpreparedError> {
  const error = await rejection(prepare(stepId, around));
  if (!(error instanceof UnpreparedError)) throw error;
  return error;
}

const made = (step: string, result: JsonObject, patch: Partial<StepRecord> = {}): StepRecord =>
  stepRecord(step, SUCCEEDED, { output: jsonBytes(result), ...patch });

describe('prepareCall()', () => {
  const refers = planStep('b', {
    dependsOn: ['a'],
    arguments: jsonBytes({ id: output('a', '/id'), list: [output('a', '')], fixed: 1 }),
  });

  it('puts outputs in the place of references, from the store', async () => {
    const steps = [planStep('a'), refers];
    const { args, call, undone, secrets } = await prepare('b', { steps, stored: [made('a', { id: 7 })] });
    expect(args).to.deep.equal({ id: 7, list: [{ id: 7 }], fixed: 1 });
    expect(call).to.include({ controller: 'c', method: 'make' });
    expect(undone).to.equal(undefined);
    expect([...secrets]).to.deep.equal([]);
  });

  it('takes what the owner remembers before what the store says', async () => {
    const remembered = [made('a', { id: 'new' })];
    const stored = [made('a', { id: 'old' })];
    const { args } = await prepare('b', { steps: [planStep('a'), refers], remembered, stored });
    expect(args['id']).to.equal('new');
  });

  it('fails for good where an output is not there, or not that part of it', async () => {
    const steps = [planStep('a'), refers];
    for (const stored of [[], [made('a', {})], [stepRecord('a', SKIPPED)]]) {
      const error = await unprepared('b', { steps, stored });
      expect(error).to.include({ reason: 'UNRESOLVED_REFERENCE', retryable: false });
    }
  });

  it('checks what has come together against the frozen schema', async () => {
    const argumentsSchema = JSON.stringify({ type: 'object', properties: { id: { type: 'integer' } } });
    const methods = [planMethod('typed', { argumentsSchema })];
    const steps = [planStep('a'), { ...refers, method: 'typed' }];
    const error = await unprepared('b', { steps, methods, stored: [made('a', { id: 'seven' })] });
    expect(error).to.include({ reason: 'INVALID_ARGUMENTS', retryable: false });
    expect(error.message).to.include('/id').and.include('c/typed');
    await prepare('b', { steps, methods, stored: [made('a', { id: 7 })] });
  });

  it('refuses what outputs make deeper than a controller elsewhere could read', async () => {
    let deep: JsonObject = { id: 7 };
    for (let level = 0; level < limits.resolvedDepthMax - 2; level++) deep = { deep };
    const steps = [planStep('a'), planStep('b', { arguments: jsonBytes({ from: output('a', '') }) })];
    await prepare('b', { steps, stored: [made('a', deep)] });
    const error = await unprepared('b', { steps, stored: [made('a', { deep })] });
    expect(error).to.include({ reason: 'INVALID_ARGUMENTS', retryable: false });
  });

  it('opens secrets wherever they stand, and names them all', async () => {
    const args = { login: { password: secret({ env: 'ONE' }) }, keys: [secret({ sealed: 'two' }), 'plain'] };
    const steps = [planStep('a', { arguments: jsonBytes(args) })];
    const uids: string[] = [];
    const prepared = await prepare('a', {
      steps,
      open: async (form, uid) => {
        uids.push(uid);
        return await Promise.resolve('env' in form ? 'first' : 'second');
      },
    });
    expect(prepared.args).to.deep.equal({ login: { password: 'first' }, keys: ['second', 'plain'] });
    expect([...prepared.secrets]).to.have.members(['first', 'second']);
    expect(uids).to.deep.equal(['uid', 'uid']);
  });

  it('leaves what a controller looks up itself, and opens the rest', async () => {
    const args = { a: secret({ env: 'X' }), b: secret({ sealed: 's' }), c: secret({ file: 'f' }) };
    const steps = [planStep('a', { arguments: jsonBytes(args) })];
    const prepared = await prepare('a', { steps, controller: { resolvesReferences: true } });
    expect(prepared.args).to.deep.equal({ ...args, b: 'clear s' });
    expect([...prepared.secrets]).to.deep.equal(['clear s']);
    const local = await prepare('a', { steps, controller: { resolvesReferences: false } });
    expect(local.args).to.deep.equal({ a: 'clear X', b: 'clear s', c: 'clear f' });
  });

  it('fails so that it is tried again where a secret cannot be opened', async () => {
    const steps = [planStep('a', { arguments: jsonBytes({ a: secret({ env: 'X' }) }) })];
    const open = async (): Promise<string> => await Promise.reject(new Error('no variable X'));
    const error = await unprepared('a', { steps, open });
    expect(error).to.include({ reason: 'UNRESOLVED_REFERENCE', retryable: true, message: 'no variable X' });
  });
});

describe('prepareCall() of an undo', () => {
  it("gets its step's arguments, and what is known of the step", async () => {
    const steps = [planStep('a', { arguments: jsonBytes({ size: 5 }) })];
    const record = made('a', { id: 7 }, { effect: EffectKind.SOME, series: 2 });
    const { call, args, undone } = await prepare('undo.a', { steps, stored: [record] });
    expect(call.method).to.equal('unmake');
    expect(args).to.deep.equal({ size: 5 });
    expect(undone).to.deep.equal({
      state: 'succeeded',
      effect: 'some',
      output: { id: 7 },
      idempotencyKey: 'uid/a/2',
      formerKeys: ['uid/a/0', 'uid/a/1'],
    });
  });

  it('gets arguments of its own, made of the output and the arguments of its step, and of others', async () => {
    const undoArguments = jsonBytes({
      id: { $result: '/id' },
      size: { $args: '/size' },
      from: output('base', '/id'),
    });
    const steps = [
      planStep('base'),
      planStep('a', { arguments: jsonBytes({ size: output('base', '/size') }), undoArguments }),
    ];
    const stored = [made('a', { id: 7 }), made('base', { id: 1, size: 9 })];
    const { args } = await prepare('undo.a', { steps, stored });
    expect(args).to.deep.equal({ id: 7, size: 9, from: 1 });
  });

  it('leaves out what never came: its step failed before it had an output', async () => {
    const steps = [planStep('a', { undoArguments: jsonBytes({ id: { $result: '/id' }, always: true }) })];
    const { args, undone } = await prepare('undo.a', { steps, stored: [stepRecord('a', FAILED)] });
    expect(args).to.deep.equal({ always: true });
    expect(undone).to.include({ state: 'failed', output: undefined });
  });

  it('says "unknown" where nothing is known', async () => {
    const steps = [planStep('a')];
    const states: [StepRecord[], string, string][] = [
      [[], 'unknown', 'unknown'],
      [[stepRecord('a', UNKNOWN)], 'unknown', 'unknown'],
      [[stepRecord('a', CANCELLED, { effect: EffectKind.NONE })], 'cancelled', 'none'],
    ];
    for (const [stored, state, effect] of states) {
      const { undone } = await prepare('undo.a', { steps, stored });
      expect(undone).to.include({ state, effect });
    }
  });
});
