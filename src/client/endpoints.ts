/**
 * The nodes that a client knows: one connection at a time, to the first that takes one, and to the next when it is gone.
 * A connection attempt has no time of its own in gRPC, so each gets one here: a peer that takes a connection and says
 * nothing is passed over like one that refuses it.
 */
import { Client, connectivityState } from '@grpc/grpc-js';
import { sleep, type Clock } from '../base/clock.js';
import { SteplockError } from '../errors/index.js';
import { clientOptions, insecure } from '../grpc/channel.js';

/** How long one attempt may take where there are others to try, and where there are not. */
const attemptMs = { ofSeveral: 2_000, ofOne: 5_000 };
const roundPauseMsMin = 100;
const roundPauseMsMax = 1_000;

/** See the head of this file. */
export class Endpoints {
  readonly #endpoints: readonly string[];
  readonly #clock: Clock;
  readonly #clients = new Map<string, Client>();
  #index = 0;
  #isClosed = false;

  /** @throws SteplockError INVALID_FIELD without any. */
  constructor(endpoints: readonly string[], clock: Clock) {
    if (endpoints.length === 0)
      throw new SteplockError('INVALID_FIELD', 'endpoints must name at least one node', {
        violations: [
          { field: 'endpoints', rule: 'INVALID_FIELD', description: 'must name at least one node' },
        ],
      });
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  /** The node that is talked to now. */
  get current(): string {
    return this.#endpoints[this.#index] ?? '';
  }

  /** How many there are. */
  get count(): number {
    return this.#endpoints.length;
  }

  /**
   * A connection that stands: of all nodes the first that gives one, beginning with the current one. `persists`: round
   * after round until the time is up; else one round.
   *
   * @throws SteplockError STORE_UNAVAILABLE when there is none; the signal's reason.
   */
  async ready(untilMs: number, persists: boolean, signal?: AbortSignal): Promise<Client> {
    for (let pauseMs = roundPauseMsMin; ; pauseMs = Math.min(2 * pauseMs, roundPauseMsMax)) {
      for (let tried = 0; tried < this.count; tried++) {
        const client = this.#client();
        const limitMs = this.count > 1 ? attemptMs.ofSeveral : attemptMs.ofOne;
        const stopMs = Math.min(
          untilMs,
          this.#clock.nowMs() + (persists && this.count === 1 ? Infinity : limitMs),
        );
        if (await isConnected(client, stopMs, !persists || this.count > 1, signal)) return client;
        signal?.throwIfAborted();
        this.leave(client, true);
      }
      if (!persists || this.#clock.nowMs() + pauseMs >= untilMs) throw this.#unavailable();
      await sleep(this.#clock, pauseMs, signal);
    }
  }

  /** That one did not answer: the next is tried first from now on. `isStuck`: its connection is given up too. */
  leave(client: Client, isStuck = false): void {
    const endpoint = this.current;
    if (this.#clients.get(endpoint) !== client) return;
    if (isStuck) {
      this.#clients.delete(endpoint);
      client.close();
    }
    this.#index = (this.#index + 1) % this.count;
  }

  /** Lets go of all connections. */
  close(): void {
    this.#isClosed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(): Client {
    if (this.#isClosed) throw new SteplockError('CANCELLED', 'The client was closed');
    const endpoint = this.current;
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      client = new Client(endpoint, insecure(), clientOptions(true));
      this.#clients.set(endpoint, client);
    }
    return client;
  }

  #unavailable(): SteplockError {
    const endpoint = this.#endpoints.join(', ');
    return new SteplockError('STORE_UNAVAILABLE', `No node answers at ${endpoint}`, {
      metadata: { endpoint },
    });
  }
}

/** Whether the connection stands by then; `endsAtFailure`: a first refusal is an answer. */
async function isConnected(
  client: Client,
  untilMs: number,
  endsAtFailure: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const channel = client.getChannel();
  for (let isFirst = true; ; isFirst = false) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.SHUTDOWN || signal?.aborted === true) return false;
    // What it was when it was left is no answer to this attempt.
    if (state === connectivityState.TRANSIENT_FAILURE && endsAtFailure && !isFirst) return false;
    const hasChanged = await new Promise<boolean>((resolve) => {
      const onAbort = (): void => {
        resolve(false);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      channel.watchConnectivityState(state, untilMs, (error) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(error === undefined);
      });
    });
    if (!hasChanged) return false;
  }
}
