/**
 * How tasks stand, for all who wait: one list on the server and one long poll, however many tasks there are. That the
 * hub lost sight of a task says nothing of the task: whoever asks then reads it by itself.
 */
import type { Clock } from '../../src/controller.js';
import { systemClock } from '../../src/controller.js';
import { readObjects } from './inventory.js';
import type { VimSession } from './session.js';
import { isFault } from './soap/faults.js';
import type { MoRef } from './soap/types.js';
import { property, type UpdateSet } from './vim/property.js';
import { task as methods, type TaskInfo } from './vim/task.js';

/** The server knows nothing of the task any more: what came of it has to be seen by its effect. */
export class TaskGone extends Error {
  override readonly name = 'TaskGone';
}

interface Watched {
  readonly ref: MoRef;
  readonly promise: Promise<TaskInfo>;
  readonly settle: (info: TaskInfo) => void;
  /** How many wait for it; nobody: it is not watched any more. */
  waiting: number;
}
interface Watch {
  readonly epoch: number;
  readonly view: MoRef;
  readonly collector: MoRef;
}

const pollSeconds = 30;
const isOver = ({ state }: Pick<TaskInfo, 'state'>): boolean => state === 'success' || state === 'error';

/** See the head of this file. */
export class TaskHub {
  readonly #session: VimSession;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #watched = new Map<string, Watched>();
  #watch: Promise<Watch> | undefined;
  #loop: Promise<void> | undefined;

  constructor(session: VimSession, clock: Clock = systemClock) {
    this.#session = session;
    this.#clock = clock;
  }

  /**
   * Waits until the task is over, so long at most; undefined if it then still goes on.
   *
   * @throws TaskGone; what calls of the session throw.
   */
  async wait(ref: MoRef, timeoutMs: number, signal?: AbortSignal): Promise<TaskInfo | undefined> {
    // It may be over, or unknown, before anybody has begun to watch it.
    const now = await this.read(ref, signal);
    if (isOver(now) || timeoutMs <= 0) return isOver(now) ? now : undefined;
    const info = await this.#waitWatched(ref, timeoutMs, signal);
    if (info !== undefined) return info;
    const last = await this.read(ref, signal);
    return isOver(last) ? last : undefined;
  }

  /** How it stands now. @throws TaskGone; what calls of the session throw. */
  async read(ref: MoRef, signal?: AbortSignal): Promise<TaskInfo> {
    try {
      const [found] = await readObjects(this.#session, [ref], ['info'], { signal });
      const info = found?.properties.get('info');
      if (info !== undefined) return info as TaskInfo;
    } catch (error) {
      if (!isFault(error, 'ManagedObjectNotFound')) throw error;
    }
    throw new TaskGone(`${ref.value}: the server knows no such task`);
  }

  /** Ends the long poll. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('The hub is closed'));
    await this.#loop;
  }

  async #waitWatched(ref: MoRef, timeoutMs: number, signal?: AbortSignal): Promise<TaskInfo | undefined> {
    let watched = this.#watched.get(ref.value);
    if (watched === undefined) {
      const { promise, resolve } = withResolvers<TaskInfo>();
      watched = { ref, promise, settle: resolve, waiting: 0 };
      this.#watched.set(ref.value, watched);
      // That it cannot be watched is no failure: the reading at the end of the wait tells too.
      await this.#show([ref], []).catch(() => undefined);
    }
    watched.waiting += 1;
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
    });
    try {
      return await this.#within(watched.promise, timeoutMs, signal);
    } finally {
      watched.waiting -= 1;
      if (watched.waiting === 0 && this.#watched.get(ref.value) === watched) {
        this.#watched.delete(ref.value);
        await this.#show([], [ref]).catch(() => undefined);
      }
    }
  }

  async #show(add: readonly MoRef[], remove: readonly MoRef[]): Promise<void> {
    const { view } = await this.#watching();
    await this.#session.call(view, methods.modifyListView, { add, remove });
  }

  /** The list and its filter, made anew in each session. */
  async #watching(): Promise<Watch> {
    const { epoch } = await this.#session.state();
    const current = await this.#watch?.catch(() => undefined);
    if (current?.epoch === epoch) return current;
    this.#watch = this.#create(epoch);
    return await this.#watch;
  }

  async #create(epoch: number): Promise<Watch> {
    const { content } = await this.#session.state();
    const { viewManager, propertyCollector } = content;
    if (viewManager === undefined) throw new Error('The server has no view manager');
    const refs = [...this.#watched.values()].map(({ ref }) => ref);
    const view = await this.#session.call(viewManager, methods.createListView, { obj: refs });
    // A collector of its own: waiting on the session's would hold up all who read through it.
    const collector = await this.#session.call(propertyCollector, property.createCollector, {});
    const traversal = { $type: 'TraversalSpec', name: 'all', type: 'ListView', path: 'view', skip: false };
    const spec = {
      propSet: [{ type: 'Task', pathSet: ['info'] }],
      objectSet: [{ obj: view, skip: true, selectSet: [traversal] }],
    };
    await this.#session.call(collector, property.createFilter, { spec, partialUpdates: false });
    return { epoch, view, collector };
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let version: string | undefined;
    let epoch = 0;
    while (this.#watched.size > 0 && !signal.aborted) {
      try {
        const watch = await this.#watching();
        // Versions are the collector's.
        if (watch.epoch !== epoch) version = undefined;
        epoch = watch.epoch;
        const updates = await this.#session.call(
          watch.collector,
          property.waitForUpdates,
          { ...(version === undefined ? {} : { version }), options: { maxWaitSeconds: pollSeconds } },
          { signal, timeoutMs: (pollSeconds + 15) * 1_000 },
        );
        version = updates?.version ?? version;
        this.#take(updates);
      } catch {
        // A session that has ended, an abort, a server that restarts: all is made anew.
        this.#watch = undefined;
        await this.#pause(1_000, signal);
      }
    }
  }

  #take(updates: UpdateSet | undefined): void {
    for (const { obj, changeSet } of updates?.filterSet.flatMap(({ objectSet }) => objectSet) ?? []) {
      const info = changeSet.find(({ name }) => name === 'info')?.val as TaskInfo | undefined;
      if (info !== undefined && isOver(info)) this.#watched.get(obj.value)?.settle(info);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#within(new Promise<never>(() => undefined), ms, signal).catch(() => undefined);
  }

  /** Undefined when the time was up first. */
  async #within<T>(promise: Promise<T>, timeoutMs: number, signal?: AbortSignal): Promise<T | undefined> {
    signal?.throwIfAborted();
    const { promise: end, resolve, reject } = withResolvers<undefined>();
    const cancel = this.#clock.setTimer(timeoutMs, () => {
      resolve(undefined);
    });
    const onAbort = (): void => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([promise, end]);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  return { promise, resolve, reject };
}
