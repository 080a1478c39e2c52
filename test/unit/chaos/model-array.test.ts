/** The model array of the chaos run: fences, tasks, and what it knows after it was killed. */
import { expect } from 'chai';
import type { CallId, LogEntry } from '../../chaos/array/log.js';
import { parseLog } from '../../chaos/array/log.js';
import { ModelArray, type ArrayAnswer, type ArrayCall } from '../../chaos/array/model-array.js';

function call(revision: number, more: Partial<CallId> = {}): CallId {
  const key = more.key ?? 'k';
  return {
    workflow: 'w',
    uid: 'u',
    step: 's',
    direction: 'forward',
    attempt: 1,
    token: [1, revision],
    key,
    ownKeys: [key],
    ...more,
  };
}

class Rig {
  readonly log: LogEntry[] = [];
  #timers: (() => void)[] = [];
  #array = this.#start();

  /** What it answers. */
  ask(op: ArrayCall['op'], id: CallId, more: Partial<ArrayCall> = {}): ArrayAnswer {
    return this.#array.handle({ op, call: id, ...more });
  }

  /** Lets the timers that are set now run. */
  tick(): void {
    for (const timer of this.#timers.splice(0)) timer();
  }

  /** Another process on the same log. */
  restart(): void {
    this.#timers = [];
    this.#array = this.#start();
  }

  #start(): ModelArray {
    return new ModelArray({
      write: (entry) => void this.log.push(entry),
      nowMs: () => 0,
      after: (_ms, action) => void this.#timers.push(action),
      history: [...this.log],
    });
  }
}

const whole = { kind: 'object', state: 'whole', task: 'none' };

describe('the model array of the chaos run', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it('refuses a lower token of the same step and direction, and no other', () => {
    rig.ask('begin', call(5));
    expect(rig.ask('create', call(4))).to.deep.equal({ kind: 'fenced' });
    expect(rig.ask('create', call(4, { direction: 'undo' })).kind).to.equal('object');
    expect(rig.ask('begin', call(4, { step: 't' }))).to.deep.equal({ kind: 'ok' });
    expect(rig.log.map(({ kind }) => kind)).to.deep.equal(['begin', 'refused', 'create', 'begin']);
  });

  it('makes an object once under one key, and says so', () => {
    rig.ask('create', call(1));
    rig.ask('complete', call(1));
    rig.ask('create', call(2, { attempt: 2 }));
    expect(rig.log.map(({ kind }) => kind)).to.deep.equal(['create', 'complete', 'again']);
    expect(rig.ask('probe', call(3))).to.deep.equal(whole);
    expect(rig.ask('create', call(4, { key: 'other' }))).to.deep.equal({ kind: 'conflict' });
    expect(rig.ask('destroy', call(4, { direction: 'undo', key: 'x' }))).to.deep.equal({ kind: 'conflict' });
    expect(rig.ask('destroy', call(4, { direction: 'undo', ownKeys: ['k'] }))).to.deep.equal({ kind: 'ok' });
    expect(rig.ask('probe', call(5))).to.deep.include({ state: 'none' });
  });

  it('runs a task to its end, for whoever asks after it', () => {
    rig.ask('task', call(1));
    expect(rig.ask('poll', call(2))).to.deep.equal({ kind: 'object', state: 'none', task: 'running' });
    rig.tick();
    rig.tick();
    expect(rig.ask('poll', call(2))).to.deep.equal({ ...whole, task: 'ended' });
    expect(rig.log.filter(({ kind }) => kind === 'create').map(({ token }) => token)).to.deep.equal([[1, 2]]);
  });

  it('breaks a task half-way when told to, and stops one that is cancelled', () => {
    rig.ask('task', call(1), { breaks: true });
    rig.tick();
    rig.tick();
    expect(rig.ask('poll', call(1))).to.deep.equal({ kind: 'object', state: 'half', task: 'broken' });
    const other = call(1, { step: 't' });
    rig.ask('task', other);
    rig.ask('cancel', other);
    rig.tick();
    expect(rig.ask('poll', other)).to.deep.equal({ kind: 'object', state: 'none', task: 'broken' });
  });

  it('knows after a kill what it knew before: objects, fences, tasks under way', () => {
    rig.ask('create', call(3));
    rig.ask('complete', call(3));
    rig.ask('task', call(1, { step: 't' }));
    rig.restart();
    expect(rig.ask('begin', call(2))).to.deep.equal({ kind: 'fenced' });
    expect(rig.ask('probe', call(3))).to.deep.equal(whole);
    rig.tick();
    rig.tick();
    expect(rig.ask('poll', call(1, { step: 't' }))).to.deep.equal({ ...whole, task: 'ended' });
  });

  it('leaves out a last line that was cut off', () => {
    expect(parseLog('{"kind":"begin"}\n{"kind":"cre')).to.deep.equal([{ kind: 'begin' }]);
    expect(parseLog('')).to.deep.equal([]);
  });
});
