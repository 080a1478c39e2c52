/** What is taken from callers for a traceparent, and what is passed on when nothing is traced. */
import { expect } from 'chai';
import { noTracer, readTraceParent } from '../../../src/telemetry/index.js';

const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('readTraceParent', () => {
  it('takes what W3C allows, and nothing else', () => {
    expect(readTraceParent(good)).to.equal(good);
    const bad = [
      ...['', 'x', good.toUpperCase(), `${good}-more`, good.replace('00-', 'ff-')],
      ...[good.replace(/4bf\w+/, '0'.repeat(32)), good.replace(/00f0\w+/, '0'.repeat(16))],
    ];
    for (const text of bad) expect(readTraceParent(text), text).to.equal('');
  });
});

describe('noTracer', () => {
  it('passes on what it is given', () => {
    expect(noTracer.start('a', { parent: good, kind: 'client', attributes: {} }).traceParent).to.equal(good);
  });
});
