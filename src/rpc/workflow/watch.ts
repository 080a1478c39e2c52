/**
 * Streams of what changes in a workflow. The store's events only say that something changed; what is sent is read from
 * the store, so that no event lost on the way can leave a caller with an old picture.
 */
import { sha256Hex } from '../../base/bytes.js';
import { sleep } from '../../base/clock.js';
import { isReason, workflowNotFound } from '../../errors/index.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { LiveRecord, WorkflowHead, type HeadState } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  WatchEvent,
  type WaitWorkflowRequest,
  type WaitWorkflowResponse,
  type WatchWorkflowRequest,
  type WatchWorkflowResponse,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import { Step } from '../../gen/wire/steplock/v1/workflow.js';
import { durationToMs } from '../../base/duration.js';
import { invalidField } from '../../errors/index.js';
import { isFinal, isResting } from '../../model/workflow-state.js';
import { keys, workflowOfKey, type WorkflowKey } from '../../store/keys.js';
import { decodeRecord, readRecord } from '../../store/records.js';
import type { CallInfo } from '../../grpc/adapter.js';
import type { Api } from '../context.js';
import { parseWorkflowName, workflowName } from './names.js';
import { countThatFit, readSnapshot } from './read.js';
import { renderStep } from './render-step.js';
import { renderWorkflow, stepIdsOf } from './render.js';

/** Events that follow each other closely are sent as one. */
const gatherMs = 20;
/** Reading and showing a large workflow takes its time: so many times as long it is then left alone. */
const restShare = 4;
const restMsMax = 3_000;
/** A word that nothing has changed; also the time after which the store is looked at without any event. */
const bookmarkMs = 10_000;
const waitMsMax = 3_600_000;
const waitMsDefault = 30_000;
/** An answer is to arrive before its caller gives up. */
const marginMs = 100;

/** See WatchWorkflow. */
export async function* watchWorkflow(
  api: Api,
  request: WatchWorkflowRequest,
  info: CallInfo,
): AsyncGenerator<WatchWorkflowResponse> {
  const key = parseWorkflowName(api, request.name);
  const seen = new Map<string, string>();
  let last: WatchWorkflowResponse | undefined;
  for await (const snapshot of snapshots(api, key, info)) {
    if (snapshot === 'deleted') {
      // Between the first look and now: who has never seen it hears that it is not there.
      if (last === undefined) throw workflowNotFound(workflowName(key.id));
      const revision = String(Math.max(Number(last.revision) + 1, api.runtime.cache.cursor));
      yield { ...last, revision, event: WatchEvent.DELETED, steps: [] };
      return;
    }
    const response = toResponse(snapshot, seen, last, Number(request.startRevision));
    if (response.event !== WatchEvent.BOOKMARK || last !== undefined) yield* partsOf(response);
    last = { ...response, workflow: renderWorkflow(snapshot) };
    if (isFinal(snapshot.head.state)) return;
  }
}

/** The response in parts that each fit into a message. */
function* partsOf(response: WatchWorkflowResponse): Generator<WatchWorkflowResponse> {
  const { steps, event } = response;
  let from = 0;
  do {
    const count = countThatFit(steps, from);
    const part = steps.slice(from, from + count);
    yield { ...response, event: from === 0 ? event : WatchEvent.CHANGED, steps: part };
    from += count;
  } while (from < steps.length);
}

function toResponse(
  snapshot: WorkflowSnapshot,
  seen: Map<string, string>,
  last: WatchWorkflowResponse | undefined,
  startRevision: number,
): WatchWorkflowResponse {
  const workflow = renderWorkflow(snapshot);
  const changed: Step[] = [];
  for (const id of stepIdsOf(snapshot)) {
    const step = renderStep(snapshot, id);
    if (step === undefined) continue;
    const digest = sha256Hex(Step.encode(step).finish());
    if (seen.get(step.name) !== digest) changed.push(step);
    seen.set(step.name, digest);
  }
  const revision = String(snapshot.revision);
  const isKnown = last === undefined && startRevision > 0 && newestChange(snapshot) <= startRevision;
  const isSame = last?.workflow?.etag === workflow.etag && changed.length === 0;
  if (isKnown || isSame) return { revision, event: WatchEvent.BOOKMARK, workflow, steps: [] };
  return {
    revision,
    event: last === undefined ? WatchEvent.SNAPSHOT : WatchEvent.CHANGED,
    workflow,
    steps: changed,
  };
}

/** The newest revision at which any of its records was written. */
function newestChange(snapshot: WorkflowSnapshot): number {
  let newest: number = snapshot.headRevision;
  for (const entries of [snapshot.records, snapshot.items, snapshot.incidents]) {
    for (const { revision } of entries.values()) newest = Math.max(newest, revision);
  }
  return newest;
}

/** See WaitWorkflow. */
export async function waitWorkflow(
  api: Api,
  request: WaitWorkflowRequest,
  info: CallInfo,
): Promise<WaitWorkflowResponse> {
  const key = parseWorkflowName(api, request.name);
  const untilMs = api.clock.nowMs() + waitTimeMs(api, request, info);
  const headKey = keys.head(key);
  // Whether it rests stands in its head alone, and of one that lives in what every node knows.
  const live = api.runtime.cache.get(keys.live(key));
  let known = live === undefined ? undefined : decodeRecord(LiveRecord, live).state;
  const subscribe = (onChange: () => void): (() => void) =>
    api.runtime.cache.subscribeKey(headKey, ({ kv }) => {
      known = kv === undefined ? undefined : readRecord(WorkflowHead, kv)?.state;
      if (known === undefined || isResting(known)) onChange();
    });
  const lookout = { untilMs, gatherMs: 0, restShare: 0, subscribe };
  const readState = async (): Promise<HeadState> => {
    const state = known;
    known = undefined;
    if (state !== undefined) return state;
    const kv = await api.store.get(headKey);
    if (kv === undefined) throw workflowNotFound(workflowName(key.id));
    return decodeRecord(WorkflowHead, kv).state;
  };
  let latest: WorkflowSnapshot | undefined;
  for await (const state of looks(api, info, lookout, readState)) {
    if (!isResting(state)) continue;
    latest = await readSnapshot(api, key);
    if (isResting(latest.head.state)) break;
  }
  latest ??= await readSnapshot(api, key);
  return { workflow: renderWorkflow(latest), rested: isResting(latest.head.state) };
}

function waitTimeMs(api: Api, request: WaitWorkflowRequest, info: CallInfo): number {
  const asked = request.timeout === undefined ? undefined : durationToMs(request.timeout);
  if (asked !== undefined && !(asked >= 0 && asked <= waitMsMax))
    throw invalidField('timeout', 'must be 0 s to 1 h');
  const leftMs = info.deadlineMs - api.clock.nowMs() - marginMs;
  const longest = Number.isFinite(leftMs) ? Math.max(0, leftMs) : waitMsMax;
  return Math.min(asked ?? (Number.isFinite(leftMs) ? longest : waitMsDefault), longest);
}

/** What is looked out for, and until when. */
interface Lookout {
  readonly untilMs: number;
  /** Events that follow each other so closely are taken as one. */
  readonly gatherMs: number;
  /** So many times as long as a look took, nothing is looked at again. */
  readonly restShare: number;
  /** Calls whenever something that matters has changed; gives what ends that. */
  readonly subscribe: (onChange: () => void) => () => void;
}

/** The workflow as it stands, and again whenever something of it has changed, and now and then anyway. */
async function* snapshots(
  api: Api,
  key: WorkflowKey,
  info: CallInfo,
): AsyncGenerator<WorkflowSnapshot | 'deleted'> {
  const subscribe = (onChange: () => void): (() => void) =>
    api.runtime.cache.subscribe(({ key: changed }) => {
      if (changed.includes(key.id) && workflowOfKey(changed)?.workflow.id === key.id) onChange();
    });
  let isFirst = true;
  const read = async (): Promise<WorkflowSnapshot | 'deleted'> => {
    const snapshot = await readOrDeleted(api, key, isFirst);
    isFirst = false;
    return snapshot;
  };
  for await (const snapshot of looks(
    api,
    info,
    { untilMs: Infinity, gatherMs, restShare, subscribe },
    read,
  )) {
    yield snapshot;
    if (snapshot === 'deleted') return;
  }
}

/** What is read, and again whenever something that concerns it has changed, and now and then anyway. */
async function* looks<T>(
  api: Api,
  info: CallInfo,
  { untilMs, gatherMs, restShare, subscribe }: Lookout,
  read: () => Promise<T>,
): AsyncGenerator<T> {
  const change = new ChangeSignal();
  const unsubscribe = subscribe(() => {
    change.set();
  });
  try {
    for (;;) {
      change.clear();
      const beganMs = api.clock.monotonicMs();
      yield await read();
      const spentMs = api.clock.monotonicMs() - beganMs;
      const leftMs = untilMs - api.clock.nowMs();
      if (leftMs <= 0) return;
      await change.wait(api, Math.min(bookmarkMs, leftMs), info.signal);
      // An end without an error would say that there is nothing more to come.
      info.signal.throwIfAborted();
      const restMs = Math.max(gatherMs, Math.min(restShare * spentMs, restMsMax));
      if (restMs > 0) await sleep(api.clock, Math.min(restMs, Math.max(0, untilMs - api.clock.nowMs())));
    }
  } finally {
    unsubscribe();
  }
}

async function readOrDeleted(
  api: Api,
  key: WorkflowKey,
  isFirst: boolean,
): Promise<WorkflowSnapshot | 'deleted'> {
  try {
    return await readSnapshot(api, key);
  } catch (error) {
    if (isFirst || !isReason(error, 'WORKFLOW_NOT_FOUND')) throw error;
    return 'deleted';
  }
}

/** Remembers that something changed until it is waited for. */
class ChangeSignal {
  #isSet = false;
  #wake: (() => void) | undefined;

  set(): void {
    this.#isSet = true;
    this.#wake?.();
  }

  clear(): void {
    this.#isSet = false;
  }

  /** Ends when something has changed, the time is up, or the signal aborts. */
  async wait(api: Api, forMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isSet || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancelTimer();
        signal.removeEventListener('abort', end);
        this.#wake = undefined;
        resolve();
      };
      const cancelTimer = api.clock.setTimer(forMs, end);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }
}
