/** What a ledger remembers and forgets. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { FencingToken } from '../../../src/controller.js';
import {
  compareTokens,
  emptyLedger,
  highestSeen,
  ledgerEntriesMax,
  ledgerLineSize,
  parseLedger,
  putEntry,
  stepDirectionId,
} from '../../../plugins/linux/ledger-format.js';

const idOf = (step: number): string =>
  stepDirectionId({ workflowUid: 'uid', step: `step-${step}`, direction: 'forward' });
const token = (revision: number, generation = 1): FencingToken => ({ generation, revision });

/** A ledger's file, in memory. */
class Book {
  text = emptyLedger();

  /** Whether the call passes; then it is remembered. */
  pass(id: string, own: FencingToken, deletedUnder = ''): boolean {
    const content = parseLedger(this.text);
    if (compareTokens(own, highestSeen(content, id)) < 0) return false;
    for (const { number, text } of putEntry(content, { id, token: own, deletedUnder })) {
      const at = number * ledgerLineSize;
      this.text = this.text.slice(0, at) + text + this.text.slice(at + text.length);
    }
    return true;
  }
}

describe('linux: ledger', () => {
  it('refuses a token below the highest one of the same step and direction', () => {
    const book = new Book();
    expect(book.pass(idOf(1), token(5))).to.equal(true);
    expect(book.pass(idOf(1), token(4))).to.equal(false);
    expect(book.pass(idOf(1), token(5))).to.equal(true);
    expect(book.pass(idOf(2), token(4))).to.equal(true);
    const back = stepDirectionId({ workflowUid: 'uid', step: 'step-1', direction: 'undo' });
    expect(book.pass(back, token(4))).to.equal(true);
  });

  it('orders by generation before revision', () => {
    const book = new Book();
    book.pass(idOf(1), token(100, 1));
    expect(book.pass(idOf(1), token(1, 2))).to.equal(true);
    expect(book.pass(idOf(1), token(999, 1))).to.equal(false);
  });

  it('remembers a deletion', () => {
    const book = new Book();
    book.pass(idOf(1), token(1), '0123456789abcdef');
    expect(parseLedger(book.text).entries[0]?.deletedUnder).to.equal('0123456789abcdef');
  });

  it('never grows', () => {
    const book = new Book();
    const size = book.text.length;
    for (let step = 0; step < 3 * ledgerEntriesMax; step++) book.pass(idOf(step), token(step));
    expect(book.text.length).to.equal(size);
    expect(size).to.equal((ledgerEntriesMax + 1) * ledgerLineSize);
  });

  it('refuses what may have been forgotten, and nothing else', () => {
    const book = new Book();
    for (let step = 0; step <= ledgerEntriesMax; step++) book.pass(idOf(step), token(10 + step));
    // Step 0 with its token 10 made room for the last one.
    expect(book.pass(idOf(0), token(9))).to.equal(false);
    expect(book.pass(idOf(0), token(10))).to.equal(true);
    expect(book.pass(idOf(999), token(9))).to.equal(false);
    expect(book.pass(idOf(999), token(1_000))).to.equal(true);
  });

  it('never lets a token pass that is below one which passed for the same step, whatever it forgot', () => {
    const call = fc.record({
      step: fc.nat(2 * ledgerEntriesMax),
      revision: fc.nat(400),
      generation: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 400 }), (calls) => {
        const book = new Book();
        const highest = new Map<number, FencingToken>();
        for (const { step, revision, generation } of calls) {
          const own = token(revision, generation);
          const seen = highest.get(step);
          const isStale = seen !== undefined && compareTokens(own, seen) < 0;
          const passed = book.pass(idOf(step), own);
          if (isStale && passed) throw new Error(`${revision} passed after ${seen.revision}`);
          if (passed) highest.set(step, own);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses to read a damaged line', () => {
    const damaged = emptyLedger().replace(/\n {10}/, '\nx         ');
    expect(() => parseLedger(damaged)).to.throw('damaged');
    expect(() => parseLedger(emptyLedger().slice(0, -ledgerLineSize))).to.throw('damaged');
  });
});
