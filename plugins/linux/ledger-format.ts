/**
 * What is remembered of steps, as lines of a fixed length in a file of a fixed size: the highest fencing
 * token of each step in each direction, and what it deleted. Pure: text in, changed lines out.
 *
 * The file never grows, so that a call needs no free space to be fenced (deleting has to work on a full
 * disk), and it is bounded: when all lines are taken, the entry with the lowest token makes room, and its
 * token becomes the *floor*: a step that is not remembered and comes with less than the floor is refused,
 * since it may be the one that was forgotten. So nothing stale ever passes, and no clock is asked.
 */
import { createHash } from 'node:crypto';
import type { FencingToken } from '../../src/controller.js';

/** Bytes of a line, its line feed included: it never crosses a disk sector, so it is never half written. */
export const ledgerLineSize = 128;

/** Steps that a ledger remembers. */
export const ledgerEntriesMax = 63;

/** A step in one direction. */
export interface StepDirection {
  readonly workflowUid: string;
  readonly step: string;
  readonly direction: 'forward' | 'undo';
}

/** What is remembered of a step in one direction. */
export interface LedgerEntry {
  /** {@link stepDirectionId}. */
  readonly id: string;
  /** The highest one seen. */
  readonly token: FencingToken;
  /** Hash of the key under which it deleted its volume; empty for none. */
  readonly deletedUnder: string;
}

/** All that is remembered. */
export interface LedgerContent {
  /** Below it, what is not remembered is refused. */
  readonly floor: FencingToken;
  /** By line; undefined for a free one. */
  readonly entries: readonly (LedgerEntry | undefined)[];
}

/** A line to be written; line 0 holds the floor, line n + 1 the entry n. */
export interface LedgerLine {
  readonly number: number;
  readonly text: string;
}

/** Lower than every token. */
export const lowestToken: FencingToken = { generation: 0, revision: 0 };

/** Negative if the left token is the older one, 0 if they are the same. */
export function compareTokens(left: FencingToken, right: FencingToken): number {
  return left.generation - right.generation || left.revision - right.revision;
}

/** A name for a step in one direction that has no blanks and always 32 characters. */
export function stepDirectionId({ workflowUid, step, direction }: StepDirection): string {
  return shortHash(JSON.stringify([workflowUid, step, direction]), 32);
}

/** The first digits of the text's SHA-256. */
export function shortHash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/**
 * Reads a ledger. An empty text is a new one.
 *
 * @throws Error when a line is damaged: refusing is right, forgetting a fence is not.
 */
export function parseLedger(text: string): LedgerContent {
  const entries = new Array<LedgerEntry | undefined>(ledgerEntriesMax).fill(undefined);
  if (text === '') return { floor: lowestToken, entries };
  const [head = '', ...lines] = text.split('\n').slice(0, -1);
  const floor = /^steplock-ledger 1 ([0-9]+) ([0-9]+) *$/.exec(head);
  if (floor === null || lines.length !== ledgerEntriesMax) throw new Error('Ledger is damaged in line 0');
  return {
    floor: toToken(floor[1], floor[2]),
    entries: lines.map((line, index) => {
      if (line.trim() === '') return undefined;
      const entry = /^([0-9a-f]{32}) ([0-9]+) ([0-9]+) ([0-9a-f]{16}|-) *$/.exec(line);
      if (entry === null) throw new Error(`Ledger is damaged in line ${index + 1}`);
      const deletedUnder = entry[4] === '-' ? '' : (entry[4] ?? '');
      return { id: entry[1] ?? '', token: toToken(entry[2], entry[3]), deletedUnder };
    }),
  };
}

/** A whole new ledger. */
export function emptyLedger(): string {
  return floorLine(lowestToken).text + toLine('').repeat(ledgerEntriesMax);
}

/** The lines to write, in this order, so that the ledger holds the entry. */
export function putEntry(content: LedgerContent, entry: LedgerEntry): LedgerLine[] {
  const { entries } = content;
  const known = entries.findIndex((other) => other?.id === entry.id);
  const place = known >= 0 ? known : entries.indexOf(undefined);
  if (place >= 0) return [entryLine(place, entry)];
  const lowest = entries.reduce<number>(
    (best, _, index) => (compareTokens(tokenAt(entries, index), tokenAt(entries, best)) < 0 ? index : best),
    0,
  );
  const evicted = tokenAt(entries, lowest);
  // The floor first: a crash between the two lines then refuses too much for a moment, never too little.
  const floor = compareTokens(evicted, content.floor) > 0 ? evicted : content.floor;
  if (compareTokens(entry.token, evicted) < 0) {
    // The newcomer itself is the oldest: as the floor it refuses whoever is older still.
    return compareTokens(entry.token, content.floor) > 0 ? [floorLine(entry.token)] : [];
  }
  return [floorLine(floor), entryLine(lowest, entry)];
}

/** The highest token that a call of the step must not be below. */
export function highestSeen(content: LedgerContent, id: string): FencingToken {
  return content.entries.find((entry) => entry?.id === id)?.token ?? content.floor;
}

function tokenAt(entries: LedgerContent['entries'], index: number): FencingToken {
  return entries[index]?.token ?? lowestToken;
}

function floorLine({ generation, revision }: FencingToken): LedgerLine {
  return { number: 0, text: toLine(`steplock-ledger 1 ${generation} ${revision}`) };
}

function entryLine(place: number, { id, token, deletedUnder }: LedgerEntry): LedgerLine {
  const text = `${id} ${token.generation} ${token.revision} ${deletedUnder === '' ? '-' : deletedUnder}`;
  return { number: place + 1, text: toLine(text) };
}

function toLine(text: string): string {
  return `${text.padEnd(ledgerLineSize - 1)}\n`;
}

function toToken(generation: string | undefined, revision: string | undefined): FencingToken {
  return { generation: Number(generation), revision: Number(revision) };
}
