/** The test kit: days of waiting in an instant, scripted controllers, what ran and was undone, real input and output. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { basic, controller, newPlan, orchestrator, watchAll } from '../../../src/client/index.js';
import { defineController, done, failed, method, pending } from '../../../src/controller.js';
import { defineOrchestrator, operation, planned, refused } from '../../../src/orchestrator.js';
import { scripted, TestEngine } from '../../../src/testing.js';
import { rejection } from '../../support/rejection.js';

const volume = defineController({
  kind: 'volume',
  version: '1',
  description: 'Volumes',
  methods: {
    create: method({
      description: 'Makes one',
      argumentsSchema: { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] },
      outputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      undo: { method: 'remove' },
      idempotent: true,
      retry: { maxAttempts: 4, initialBackoffMs: 3_600_000, maxBackoffMs: 14_400_000 },
      execute: async () => await Promise.reject(new Error('Not in a test')),
    }),
    remove: method({
      description: 'Undoes it',
      argumentsSchema: { type: 'object' },
      undo: 'none-needed',
      idempotent: true,
      execute: async () => await Promise.reject(new Error('Not in a test')),
    }),
  },
});
const volumes = controller<typeof volume>('volume');
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

describe('TestEngine', function () {
  // It takes milliseconds, on a machine that has time for it.
  this.timeout(60_000);
  const array = scripted(volume);
  let engine: TestEngine;
  beforeEach(async () => {
    engine = await TestEngine.start({ controllers: { volume: array } });
  });
  afterEach(async () => {
    array.on('create', () => undefined).on('remove', () => undefined);
    await engine.close();
  });

  const plan = newPlan();
  const first = plan.call('first', volumes('create'), { with: { size: 1 } });
  const second = plan.call('second', volumes('create'), { with: { size: 2 }, needs: [first] });
  plan.call('third', volumes('create'), { with: { size: 3 }, needs: [second] });
  const three = plan.build({ id: first.output.id });

  it('runs a plan with what a script answers, typed, and remembers the calls', async () => {
    array.on('create', ({ args, times }) => done({ id: `v${args.size}-${times}` }));
    const handle = await engine.client.submit(three);
    const ended = await handle.result();
    expect(ended.state === 'SUCCEEDED' && ended.output.id).to.equal('v1-1');
    const trail = engine.trail(handle);
    expect(trail.ran).to.deep.equal(['first', 'second', 'third']);
    trail.assertRan('third', 'second', 'first');
    trail.assertOrder('first', 'third');
    trail.assertUndone();
    expect(trail.of('second')[0]).to.include({ controller: 'volume', method: 'create', attempt: 1 });
    expect(trail.of('second')[0]?.args).to.deep.equal({ size: 2 });
    expect(() => {
      trail.assertOrder('third', 'first');
    }).to.throw('first came before third');
    expect(() => {
      trail.assertRan('first');
    }).to.throw();
    expect(() => {
      trail.assertUndone('first');
    }).to.throw();
    expect(() => {
      trail.assertOrder('fourth');
    }).to.throw('fourth was not executed');
  });

  it('undoes in reversed order what a step that fails for good has left behind', async () => {
    array.onStep('third', () => failed('Full', 'no room', { retryable: false, effect: 'some' }));
    const handle = await engine.client.submit(three);
    const ended = await handle.result();
    array.onStep('third', () => undefined);
    expect(ended.state).to.equal('ROLLED_BACK');
    expect(ended.state !== 'SUCCEEDED' && ended.stop?.error?.message).to.contain('no room');
    engine.trail(handle).assertUndone('third', 'second', 'first');
  });

  it('waits for a start time, retries for hours, polls a task and asks for an approval: a day and more, in an instant', async () => {
    const beganMs = engine.now.getTime();
    array.on('create', ({ args, times }) => {
      if (args.size === 1 && times < 3) return failed('Busy', 'later', { retryable: true, effect: 'none' });
      return args.size === 2 ? pending('task-7', hourMs) : done({ id: 'x' });
    });
    let polls = 0;
    array.onPoll('create', (task) => (++polls < 4 ? pending(task, hourMs) : done({ id: task })));
    const long = newPlan();
    const one = long.call('one', volumes('create'), { with: { size: 1 } });
    const two = long.call('two', volumes('create'), { with: { size: 2 }, needs: [one], timeoutMs: dayMs });
    const asked = long.approval('asked', 'Go on?', { needs: [two], timeoutMs: dayMs });
    long.call('last', basic('wait'), { with: { ms: 10 * 60_000 }, needs: [asked] });
    const handle = await engine.client.submit(long.build(), { startTime: new Date(beganMs + dayMs) });
    const { state, workflow } = await handle.result();
    expect(state).to.equal('ROLLED_BACK');
    expect(workflow.stop?.step).to.contain('asked');
    const trail = engine.trail(handle);
    expect(trail.of('one').map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
    expect(trail.of('one')[0]?.time.getTime()).to.equal(beganMs + dayMs);
    expect(polls).to.equal(4);
    trail.assertUndone('two', 'one');
    // A day until it starts, an hour and two (or half of them) between the attempts, four of polling, and a day for the approval.
    const elapsedMs = engine.now.getTime() - beganMs;
    expect(elapsedMs).to.be.within(2 * dayMs + 5 * hourMs, 2 * dayMs + 9 * hourMs);
  });

  it('moves time only when something is waited for, and as far as it is told', async () => {
    const asking = newPlan();
    asking.approval('asked', 'Go on?', { timeoutMs: 2 * dayMs });
    const handle = await engine.client.submit(asking.build(), { deadlineMs: 30 * dayMs });
    const beforeMs = engine.now.getTime();
    await engine.advance(dayMs);
    expect(engine.now.getTime() - beforeMs).to.equal(dayMs);
    expect(await rejection(handle.wait({ timeoutMs: hourMs }))).to.have.property(
      'reason',
      'DEADLINE_EXCEEDED',
    );
    expect(engine.now.getTime() - beforeMs).to.be.within(dayMs + hourMs, dayMs + 2 * hourMs);
    await handle.approve('asked', { actor: 'ann' });
    expect((await handle.result()).state).to.equal('SUCCEEDED');
  });

  it('a call that hangs is cut off at its timeout; a deadline cancels; a script takes its time', async () => {
    array.onStep('first', async ({ times, hang, wait }) => {
      if (times === 1) return await hang();
      await wait(hourMs);
      return done({ id: 'late' });
    });
    const slow = newPlan();
    slow.call('first', volumes('create'), { with: { size: 1 }, timeoutMs: 6 * hourMs });
    const handle = await engine.client.submit(slow.build());
    expect((await handle.result()).state).to.equal('SUCCEEDED');
    const late = await engine.client.submit(slow.build(), { deadlineMs: 30 * 60_000 });
    const { workflow } = await late.result();
    expect(workflow.stop?.cause).to.equal(4);
    array.onStep('first', () => undefined);
  });

  it('says when nothing moves any more, in place of waiting for ever', async () => {
    const stuck = newPlan();
    stuck.signal('told', 'word');
    const handle = await engine.client.submit(stuck.build());
    expect(await rejection(handle.wait()))
      .to.have.property('message')
      .that.contains('Nothing has moved for 100 days');
  });

  it('watches in its own time, and refuses what a server refuses', async () => {
    const handle = await engine.client.submit(three);
    const ends: string[] = [];
    for await (const { name, ended } of watchAll([handle])) if (ended) ends.push(name);
    expect(ends).to.deep.equal([handle.name]);
    const wrong = newPlan();
    wrong.call('a', controller<{ nope: { args: object; output: object } }>('volume')('nope'));
    expect(await rejection(engine.client.submit(wrong.build()))).to.have.property('reason', 'INVALID_PLAN');
  });

  it('asks orchestrators for plans, of children too, and tells them the end until they have heard', async () => {
    const news: string[] = [];
    let missed = 0;
    const desk = defineOrchestrator({
      kind: 'desk',
      version: '1',
      description: 'Makes plans',
      operations: {
        provision: operation({
          description: 'One volume',
          argumentsSchema: { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] },
          outputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
          plan: async (_context, { size }) => {
            if (size > 9) return refused('TooLarge', 'At most 9', { retryable: false });
            const made = newPlan();
            const one = made.call('one', volumes('create'), { with: { size } });
            return await Promise.resolve(
              planned(made.build({ id: one.output.id }), { labels: { by: 'desk' } }),
            );
          },
        }),
      },
      ended: async ({ workflow, state }) => {
        await Promise.resolve();
        if (++missed < 4) throw new Error('not now');
        news.push(`${workflow} ${state}`);
      },
    });
    const own = await TestEngine.start({ controllers: { volume: array }, orchestrators: { desk } });
    array.on('create', ({ args }) => done({ id: `v${args.size}` }));
    const ask = orchestrator<typeof desk>('desk');
    const asked = await own.client.request(ask('provision'), { size: 3 });
    const ended = await asked.result();
    expect(ended.state === 'SUCCEEDED' && ended.output.id).to.equal('v3');
    expect(ended.workflow.settings?.labels).to.deep.equal({ by: 'desk' });
    await own.until(() => news.length > 0);
    expect(news).to.deep.equal([`${asked.name} SUCCEEDED`]);
    const parent = newPlan();
    const sub = parent.child('sub', ask('provision'), { with: { size: 4 } });
    const whole = await (await own.client.submit(parent.build({ id: sub.output.id }))).result();
    expect(whole.state === 'SUCCEEDED' && whole.output.id).to.equal('v4');
    const error = await rejection(own.client.request(ask('provision'), { size: 10 }));
    expect(error).to.include({ reason: 'PLANNING_FAILED', wayOut: 'what the message says' });
    expect(error).to.have.property('message').that.contains('At most 9');
    await own.close();
  });

  it('waits for controllers that read and write for real', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-kit-'));
    const files = defineController({
      kind: 'files',
      version: '1',
      description: 'Files',
      methods: {
        write: method({
          description: 'Writes',
          argumentsSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
          outputSchema: { type: 'object', properties: { read: { type: 'string' } }, required: ['read'] },
          undo: 'none-needed',
          timeoutMs: 1_000,
          execute: async (_context, { text }) => {
            await writeFile(join(directory, 'f'), text);
            return done({ read: await readFile(join(directory, 'f'), 'utf8') });
          },
        }),
      },
    });
    const own = await TestEngine.start({ controllers: { files }, ioMs: 20_000 });
    const writing = newPlan();
    const written = writing.call('a', controller<typeof files>('files')('write'), {
      with: { text: 'hello' },
    });
    const ended = await (await own.client.submit(writing.build({ read: written.output.read }))).result();
    expect(ended.state === 'SUCCEEDED' && ended.output.read).to.equal('hello');
    await own.close();
    await rm(directory, { recursive: true });
  });
});
