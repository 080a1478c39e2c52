/** A connection-per-request client of one tgtd: its management operations with their errors. */
import { stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Clock } from '../../src/controller.js';
import { errorCode, Refusal } from './refusal.js';
import { parseAccounts, parseTargets, type Target } from './tgtd-listing.js';
import { decodeAnswer, encodeRequest, type TgtdErrorName, type TgtdRequest } from './tgtd-protocol.js';

/** tgtd's own refusal. */
export class TgtdError extends Error {
  override readonly name = 'TgtdError';
  /** What it says. */
  readonly error: TgtdErrorName;

  constructor(request: TgtdRequest, error: TgtdErrorName) {
    // Without the parameters: they may hold a secret.
    super(`tgtd refused to ${request.operation} ${request.mode} ${request.tid ?? ''}: ${error}`);
    this.error = error;
  }
}

/** Everything that tgtd has been told and has not forgotten. */
export interface TgtdView {
  readonly targets: readonly Target[];
  /** Names of the accounts of all targets. */
  readonly accounts: readonly string[];
}

/** A tgtd. */
export interface TgtdClient {
  /**
   * Names this run of tgtd. It keeps all in memory, so what was told to another run is gone.
   *
   * @throws Refusal TgtdUnavailable if it does not run.
   */
  instance(): Promise<string>;
  /** What it has. */
  show(): Promise<TgtdView>;
  /**
   * Carries a request out. `unless` names refusals that mean that it is so already.
   *
   * @throws TgtdError; Refusal TgtdUnavailable if it was not sent; Error if what came of it is not known.
   */
  request(request: TgtdRequest, unless?: readonly TgtdErrorName[]): Promise<string>;
}

/** How long tgtd may take to answer. It does so between two events, so more means that it hangs. */
const answerTimeoutMs = 10_000;

/** A client of the tgtd with this management socket. */
export function createTgtdClient(socketPath: string, clock: Clock): TgtdClient {
  const request: TgtdClient['request'] = async (question, unless = []) => {
    const answer = decodeAnswer(await send(socketPath, clock, question));
    if (answer.error === 'success' || unless.includes(answer.error)) return answer.text;
    throw new TgtdError(question, answer.error);
  };
  return {
    request,
    instance: async () => {
      try {
        // tgtd makes the socket anew when it starts. The inode may be the former one, the time is not.
        const { ino, mtimeNs } = await stat(socketPath, { bigint: true });
        return `${ino}.${mtimeNs}`;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') throw unavailable(socketPath, 'is not there');
        throw error;
      }
    },
    show: async () => ({
      targets: parseTargets(await request({ mode: 'target', operation: 'show' })),
      accounts: parseAccounts(await request({ mode: 'account', operation: 'show' })),
    }),
  };
}

/**
 * A request that was written is carried out even if the connection is gone, and before any request that is
 * sent after the sender's death: tgtd accepts and reads in the order in which they came. So a request is
 * never cut short by an abort, and a process that has our lock sees all that we asked for.
 */
async function send(socketPath: string, clock: Clock, request: TgtdRequest): Promise<Buffer> {
  return await new Promise<Buffer>((resolve, reject) => {
    const socket = createConnection(socketPath);
    const parts: Buffer[] = [];
    let isConnected = false;
    const cancelTimer = clock.setTimer(answerTimeoutMs, () => {
      socket.destroy(new Error(`tgtd at ${socketPath} has not answered for ${answerTimeoutMs} ms`));
    });
    socket.on('connect', () => {
      isConnected = true;
      socket.write(encodeRequest(request));
    });
    socket.on('data', (part) => parts.push(part));
    socket.on('error', (error) => {
      cancelTimer();
      const code = errorCode(error);
      const isAbsent = !isConnected && ['ENOENT', 'ECONNREFUSED', 'EAGAIN'].includes(code ?? '');
      reject(isAbsent ? unavailable(socketPath, 'does not answer') : error);
    });
    socket.on('close', (hadError) => {
      cancelTimer();
      if (!hadError) resolve(Buffer.concat(parts));
    });
  });
}

function unavailable(socketPath: string, what: string): Refusal {
  return new Refusal('TgtdUnavailable', `tgtd does not run: ${socketPath} ${what}. Start it`);
}
