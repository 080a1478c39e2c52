/**
 * Fencing: the ledger of a group of volumes, kept in the very file whose lock covers what is done to them.
 * So a call that waited for the lock compares its token with what was written by whoever had it before.
 */
import { SteplockError, type CallContext, type FencingToken } from '../../src/controller.js';
import type { HeldLock } from './file-lock.js';
import {
  compareTokens,
  emptyLedger,
  highestSeen,
  ledgerLineSize,
  parseLedger,
  putEntry,
  shortHash,
  stepDirectionId,
} from './ledger-format.js';

/** The ledger, as one call sees it while it holds the lock. */
export interface Ledger {
  /** Remembers that this step deleted its volume under the key. */
  rememberDeletion(key: string): Promise<void>;
  /** Whether this step deleted its volume under the key, in an earlier call. */
  hasDeletedUnder(key: string): boolean;
}

/**
 * Compares the call's token with the highest one of its step and direction, and raises that to it.
 *
 * @throws SteplockError FENCED if a call with a higher token was here.
 */
export async function passFence(lock: HeldLock, context: CallContext): Promise<Ledger> {
  const id = stepDirectionId(context);
  const text = await readAll(lock);
  const content = parseLedger(text);
  const seen = highestSeen(content, id);
  const token = context.fencingToken;
  if (compareTokens(token, seen) < 0) throw fenced(context, seen);
  const known = content.entries.find((entry) => entry?.id === id);
  let deletedUnder = known?.deletedUnder ?? '';
  const put = async (): Promise<void> => {
    for (const { number, text: line } of putEntry(content, { id, token, deletedUnder })) {
      await lock.file.write(line, number * ledgerLineSize);
    }
    await lock.file.datasync();
  };
  if (text === '') {
    await lock.file.write(emptyLedger(), 0);
    await lock.file.sync();
  }
  if (known === undefined || compareTokens(token, known.token) > 0) await put();
  return {
    rememberDeletion: async (key) => {
      deletedUnder = shortHash(key, 16);
      await put();
    },
    hasDeletedUnder: (key) => deletedUnder === shortHash(key, 16),
  };
}

async function readAll(lock: HeldLock): Promise<string> {
  const { size } = await lock.file.stat();
  if (size === 0) return '';
  const { buffer, bytesRead } = await lock.file.read(Buffer.alloc(size), 0, size, 0);
  const text = buffer.toString('latin1', 0, bytesRead);
  // The first call died while it wrote the empty ledger: nothing had passed the fence yet.
  return text.length < emptyLedger().length ? '' : text;
}

function fenced(context: CallContext, seen: FencingToken): SteplockError {
  const { workflow, step, direction, fencingToken: token } = context;
  const show = ({ generation, revision }: FencingToken): string => `${generation}/${revision}`;
  return new SteplockError(
    'FENCED',
    `Call of ${workflow}/${step} (${direction}) with token ${show(token)} comes after one with ${show(seen)}`,
    { metadata: { workflow, step, direction, token: show(token), seen: show(seen) } },
  );
}
