/**
 * One watch on one stream of its own. etcd3's watcher is not used: it loses events when a stream breaks between
 * "created" and the replay of history. This one never reopens; the reader keeps the cursor.
 *
 * The reader pulls: while it is busy, HTTP/2 flow control stops etcd, which keeps nothing but the revision that the
 * watch has come to, and reads on from its history. So nothing piles up on either side.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { IWatchCreateRequest, IWatchRequest, IWatchResponse } from 'etcd3';
import type { Clock } from '../../base/clock.js';
import type { Revision } from '../../base/ids.js';
import { SteplockError } from '../../errors/index.js';
import type { KeyRange, WatchBatch } from '../store.js';
import type { Endpoint, Endpoints } from './endpoints.js';
import { toCallError, unavailable } from './errors.js';
import { toRevision, type KeySpace } from './key-space.js';
import { isProgressReliable } from './server-version.js';
import { WatchDecoder } from './watch-decoder.js';

/** What watching needs. */
export interface WatchOptions {
  readonly endpoints: Endpoints;
  readonly keys: KeySpace;
  readonly clock: Clock;
  /** How long opening may take. */
  readonly callTimeoutMs: number;
}

type Stream = ClientDuplexStream<IWatchRequest, IWatchResponse>;
type Answers = AsyncIterator<IWatchResponse, undefined>;

/** As {@link Store.watch}. */
export async function* watch(
  options: WatchOptions,
  range: KeyRange,
  after: Revision,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch, void, void> {
  const isAborted = (): boolean => signal.aborted;
  if (isAborted()) return;
  const { endpoints } = options;
  const endpoint = endpoints.current;
  const stream = (await endpoint.client.watchClient.watch()) as unknown as Stream;
  const cancel = (): void => {
    cancelStream(stream);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    signal.throwIfAborted();
    stream.write({ create_request: createRequest(options.keys, range, after) });
    const answers: Answers = stream[Symbol.asyncIterator]();
    const watchId = await opened(options, stream, answers);
    yield* batches(options, endpoint, { answers, watchId, after });
  } catch (error) {
    if (isAborted()) return;
    const failure = toCallError(error);
    if (failure.reason === 'STORE_UNAVAILABLE') endpoints.turnFrom(endpoint);
    throw failure;
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

function createRequest(keys: KeySpace, range: KeyRange, after: Revision): IWatchCreateRequest {
  return {
    ...keys.toRange(range),
    // One earlier than needed, and then passed over: etcd takes a watch that starts at the compacted revision
    // itself, although (before 3.4.34 and 3.5.16) deletes of that revision are gone. 0 would mean "from now on".
    start_revision: Math.max(after, 1),
    progress_notify: true,
    fragment: true,
  };
}

/** Ends a stream of which nothing is wanted any more. Without `end` etcd3 would take it for a failure of the host. */
function cancelStream(stream: Stream): void {
  stream.end();
  stream.cancel();
}

/** Waits for the answer that the watch was created; gives its id. */
async function opened(options: WatchOptions, stream: Stream, answers: Answers): Promise<string> {
  const open = { isLate: false };
  const stopTimer = options.clock.setTimer(options.callTimeoutMs, () => {
    open.isLate = true;
    // Not ended first: etcd3 is to take it for a failure and to replace the channel, which may be stuck.
    stream.cancel();
  });
  try {
    const answer = await next(answers);
    if (answer.canceled) throw canceled(answer);
    return answer.watch_id;
  } catch (error) {
    throw open.isLate ? unavailable('etcd did not open the watch in time', error) : error;
  } finally {
    stopTimer();
  }
}

async function next(answers: Answers): Promise<IWatchResponse> {
  const { value, done } = await answers.next();
  if (done === true) throw unavailable('etcd ended the watch');
  return value;
}

function canceled({ compact_revision: compacted, cancel_reason: reason }: IWatchResponse): SteplockError {
  if (compacted === '0') return unavailable('etcd ended the watch', undefined, { reason });
  const metadata = { compacted_revision: compacted };
  return new SteplockError('REVISION_COMPACTED', 'The revision was compacted', { metadata });
}

interface OpenWatch {
  readonly answers: Answers;
  readonly watchId: string;
  readonly after: Revision;
}

async function* batches(
  options: WatchOptions,
  endpoint: Endpoint,
  { answers, watchId, after }: OpenWatch,
): AsyncGenerator<WatchBatch, void, void> {
  const decoder = new WatchDecoder(options.keys, after);
  let trustsProgress: boolean | undefined;
  for (;;) {
    const answer = await next(answers);
    if (answer.canceled) throw canceled(answer);
    if (answer.watch_id !== watchId) continue;
    let batch: WatchBatch | undefined;
    if (answer.events.length > 0 || answer.fragment) {
      batch = decoder.add(answer);
    } else if (!answer.created) {
      trustsProgress ??= await isReliable(options, endpoint);
      if (trustsProgress === true) batch = decoder.progress(toRevision(answer.header.revision));
    }
    if (batch !== undefined) yield batch;
  }
}

/** Whether the member's progress notifications can be trusted; undefined when it does not say now. */
async function isReliable(
  { clock, callTimeoutMs }: WatchOptions,
  endpoint: Endpoint,
): Promise<boolean | undefined> {
  try {
    const deadline = clock.nowMs() + callTimeoutMs;
    const { version } = await endpoint.client.maintenance.status({ deadline });
    return isProgressReliable(version);
  } catch {
    // Any failure: a notification that is passed over costs nothing.
    return undefined;
  }
}
