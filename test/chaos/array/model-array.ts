/**
 * A storage system for the chaos run: objects, external tasks, and a fence for each step and direction. Each operation
 * is one synchronous piece: the token is compared, the effect happens and is written down before anything else can.
 * All that it knows follows from its log, so that it can be killed and started again.
 */
import { isOlder, objectOf, type CallId, type EntryKind, type LogEntry } from './log.js';

/** What a call is answered. */
export type ArrayAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fenced' }
  /** The object was made under another key, or is not there. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'object'; readonly state: 'none' | 'half' | 'whole'; readonly task: TaskState };

/** How the external task of an object stands. */
export type TaskState = 'none' | 'running' | 'broken' | 'ended';

/** An operation with its call. */
export interface ArrayCall {
  readonly op: 'begin' | 'create' | 'complete' | 'destroy' | 'check' | 'probe' | 'task' | 'poll' | 'cancel';
  readonly call: CallId;
  readonly ms?: number;
  readonly breaks?: boolean;
}

interface Task {
  call: CallId;
  readonly ms: number;
  readonly breaks: boolean;
  state: TaskState;
}

/** See the head of this file. */
export class ModelArray {
  readonly #objects = new Map<string, { readonly key: string; isWhole: boolean }>();
  readonly #tasks = new Map<string, Task>();
  readonly #fences = new Map<string, CallId['token']>();
  readonly #write: (entry: LogEntry) => void;
  readonly #nowMs: () => number;
  readonly #after: (ms: number, action: () => void) => void;

  constructor(ports: {
    /** Writes down what is about to be so; it is durable when this returns. */
    readonly write: (entry: LogEntry) => void;
    readonly nowMs: () => number;
    readonly after: (ms: number, action: () => void) => void;
    /** What was written down by an earlier life. */
    readonly history: readonly LogEntry[];
  }) {
    this.#write = ports.write;
    this.#nowMs = ports.nowMs;
    this.#after = ports.after;
    for (const entry of ports.history) this.#apply(entry);
    for (const task of this.#tasks.values()) this.#run(task);
  }

  /** Does it. */
  handle({ op, call, ms = 0, breaks = false }: ArrayCall): ArrayAnswer {
    const fence = this.#fences.get(fenceOf(call));
    if (fence !== undefined && isOlder(call.token, fence)) {
      this.#note('refused', call);
      return { kind: 'fenced' };
    }
    switch (op) {
      case 'begin':
      case 'check':
        this.#note(op, call);
        return { kind: 'ok' };
      case 'create':
      case 'complete':
      case 'destroy':
        return this.#change(op, call);
      case 'probe':
      case 'poll':
        this.#adopt(call);
        return this.#look(call);
      case 'task':
        this.#startTask(call, ms, breaks);
        return this.#look(call);
      case 'cancel':
        if (this.#tasks.get(objectOf(call))?.state === 'running') this.#note('cancel', call);
        return { kind: 'ok' };
    }
  }

  #change(op: 'create' | 'complete' | 'destroy', call: CallId): ArrayAnswer {
    const object = this.#objects.get(objectOf(call));
    const isForeign = object !== undefined && !call.ownKeys.includes(object.key);
    if (isForeign || (op === 'complete' && object === undefined)) return { kind: 'conflict' };
    if (op === 'destroy') this.#note(object === undefined ? 'absent' : 'destroy', call);
    else if (op === 'create') this.#note(object === undefined ? 'create' : 'again', call);
    else this.#note(object?.isWhole === true ? 'again' : 'complete', call);
    return op === 'create' ? this.#look(call) : { kind: 'ok' };
  }

  #look(call: CallId): ArrayAnswer {
    const object = this.#objects.get(objectOf(call));
    const state = object === undefined ? 'none' : object.isWhole ? 'whole' : 'half';
    return { kind: 'object', state, task: this.#tasks.get(objectOf(call))?.state ?? 'none' };
  }

  #startTask(call: CallId, ms: number, breaks: boolean): void {
    if (this.#tasks.get(objectOf(call))?.state === 'running') {
      this.#adopt(call);
      return;
    }
    this.#note('task', call, { ms, breaks });
    const task = this.#tasks.get(objectOf(call));
    if (task !== undefined) this.#run(task);
  }

  /** The task goes on for whoever asks after it: its effects carry that one's token from now on. */
  #adopt(call: CallId): void {
    const isRunning = call.direction === 'forward' && this.#tasks.get(objectOf(call))?.state === 'running';
    this.#note(isRunning ? 'adopt' : 'probe', call);
  }

  #run(task: Task): void {
    if (task.state !== 'running') return;
    this.#after(task.ms, () => {
      if (task.state !== 'running') return;
      if (this.#objects.get(objectOf(task.call)) === undefined) this.#note('create', task.call);
      this.#after(task.ms, () => {
        if (task.state !== 'running') return;
        this.#note(task.breaks ? 'broken' : 'complete', task.call);
      });
    });
  }

  #note(kind: EntryKind, call: CallId, more: { ms?: number; breaks?: boolean } = {}): void {
    const entry: LogEntry = { ...call, kind, timeMs: this.#nowMs(), ...more };
    this.#write(entry);
    this.#apply(entry);
  }

  #apply(entry: LogEntry): void {
    if (entry.kind === 'refused') return;
    const name = objectOf(entry);
    const task = this.#tasks.get(name);
    const object = this.#objects.get(name);
    this.#fences.set(fenceOf(entry), entry.token);
    if (entry.kind === 'create') this.#objects.set(name, { key: entry.key, isWhole: false });
    if (entry.kind === 'destroy') this.#objects.delete(name);
    if (entry.kind === 'complete' && object !== undefined) object.isWhole = true;
    if (entry.kind === 'complete' && task !== undefined) task.state = 'ended';
    if (entry.kind === 'task') {
      const { ms = 0, breaks = false } = entry;
      this.#tasks.set(name, { call: entry, ms, breaks, state: 'running' });
    }
    if (task === undefined) return;
    if (entry.kind === 'adopt') task.call = entry;
    if (entry.kind === 'cancel' || entry.kind === 'broken') task.state = 'broken';
  }
}

/** Two steps of one workflow, or a step and its undo, do not fence each other. */
function fenceOf({ uid, step, direction }: CallId): string {
  return `${uid}/${step}/${direction}`;
}
