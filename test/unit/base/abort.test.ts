import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { AbortScope, isAborted, listenersTo, onAbort } from '../../../src/base/abort.js';

describe('AbortScope', () => {
  it('aborts with the reason of whichever parent aborts first', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const scope = new AbortScope(first.signal, second.signal);
    second.abort('two');
    first.abort('one');
    expect(scope.signal.aborted).to.equal(true);
    expect(scope.signal.reason).to.equal('two');
  });

  it('is aborted from the start under a parent that has aborted, and listens to no other', () => {
    const long = new AbortController();
    const scope = new AbortScope(long.signal, AbortSignal.abort('over'));
    expect(scope.signal.reason).to.equal('over');
    expect(listenersTo(long.signal)).to.equal(0);
  });

  it('leaves no listener at its parents when it is closed, nor when it aborts by itself', () => {
    const parent = new AbortController();
    const closed = new AbortScope(parent.signal);
    const aborted = new AbortScope(parent.signal);
    expect(listenersTo(parent.signal)).to.equal(2);
    closed.close();
    aborted.abort('done');
    expect(listenersTo(parent.signal)).to.equal(0);
    parent.abort('late');
    expect(closed.signal.aborted).to.equal(false);
    expect(aborted.signal.reason).to.equal('done');
  });

  it('lets thousands of scopes stand under one parent without a warning', () => {
    const warnings: unknown[] = [];
    const note = (warning: unknown): unknown => warnings.push(warning);
    process.on('warning', note);
    const parent = new AbortScope();
    for (let count = 0; count < 2_000; count++) new AbortScope(parent.signal);
    parent.abort('over');
    process.off('warning', note);
    expect(warnings).to.deep.equal([]);
  });
});

describe('onAbort()', () => {
  it('calls each once, in order, but not those who left; and one callback as often as it was given', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const note = (): unknown => called.push('twice');
    const leave = onAbort(controller.signal, () => called.push('left'));
    onAbort(controller.signal, () => called.push('first'));
    const leaveOnce = onAbort(controller.signal, note);
    onAbort(controller.signal, note);
    onAbort(controller.signal, note);
    leave();
    leaveOnce();
    controller.abort();
    controller.abort();
    expect(called).to.deep.equal(['first', 'twice', 'twice']);
    expect(listenersTo(controller.signal)).to.equal(0);
  });

  it('listens to the signal once for all', () => {
    const { signal } = new AbortController();
    for (let count = 0; count < 3; count++) onAbort(signal, () => undefined);
    expect(getEventListeners(signal, 'abort').length).to.equal(1);
    expect(listenersTo(signal)).to.equal(3);
  });
});

describe('isAborted()', () => {
  it('asks again each time', () => {
    const controller = new AbortController();
    expect(isAborted(controller.signal)).to.equal(false);
    controller.abort();
    expect(isAborted(controller.signal)).to.equal(true);
  });
});
