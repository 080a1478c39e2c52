/**
 * The system that simulated controllers work on: named objects, a fence for each step and direction, and a log of every
 * effect. It outlives nodes. What is checked in the end is what stands here, not what the engine says of itself.
 */
import type { CallContext, FencingToken } from '../../src/contract/index.js';
import { SteplockError } from '../../src/errors/index.js';

/** An object on the array. */
export interface ModelObject {
  /** The idempotency key of the call that made it. */
  readonly key: string;
  /** Whether it is complete; a half-made one is what an interrupted call leaves. */
  isWhole: boolean;
}

/** A change of the array. */
export interface Effect {
  readonly timeMs: number;
  readonly kind: 'create' | 'complete' | 'destroy';
  readonly object: string;
  readonly context: CallContext;
}

/** Names what a step makes. */
export function objectOf(context: Pick<CallContext, 'workflowUid' | 'step'>): string {
  return `${context.workflowUid}/${context.step}`;
}

/** See the head of this file. */
export class ModelArray {
  readonly objects = new Map<string, ModelObject>();
  readonly log: Effect[] = [];
  readonly #fences = new Map<string, FencingToken>();
  readonly #counts = new Map<string, number>();
  readonly #nowMs: () => number;
  readonly #onEffect: (effect: Effect) => void;

  constructor(nowMs: () => number, onEffect: (effect: Effect) => void) {
    this.#nowMs = nowMs;
    this.#onEffect = onEffect;
  }

  /** Raises the fence to the call's token, or refuses a call that is older. */
  checkFence(context: CallContext): void {
    const name = `${context.workflowUid}/${context.step}/${context.direction}`;
    const seen = this.#fences.get(name);
    const { generation, revision } = context.fencingToken;
    const isOlder =
      seen !== undefined &&
      (generation < seen.generation || (generation === seen.generation && revision < seen.revision));
    if (isOlder) throw new SteplockError('FENCED', 'A newer attempt owns the step');
    this.#fences.set(name, context.fencingToken);
  }

  /** Begins to make the step's object. */
  create(context: CallContext): void {
    this.checkFence(context);
    const object = objectOf(context);
    this.objects.set(object, { key: context.idempotencyKey, isWhole: false });
    this.#note('create', object, context);
  }

  /** Completes it. */
  complete(context: CallContext): void {
    this.checkFence(context);
    const object = this.objects.get(objectOf(context));
    if (object === undefined) throw new Error('There is nothing to complete');
    object.isWhole = true;
    this.#note('complete', objectOf(context), context);
  }

  /** Destroys the object of the step that is being undone. */
  destroy(context: CallContext): void {
    this.checkFence(context);
    if (this.objects.delete(objectOf(context))) this.#note('destroy', objectOf(context), context);
  }

  /** How often the thing has happened, this time included. */
  count(thing: string): number {
    const count = (this.#counts.get(thing) ?? 0) + 1;
    this.#counts.set(thing, count);
    return count;
  }

  /** How often the thing has happened so far. */
  countOf(thing: string): number {
    return this.#counts.get(thing) ?? 0;
  }

  #note(kind: Effect['kind'], object: string, context: CallContext): void {
    const effect = { timeMs: this.#nowMs(), kind, object, context };
    this.log.push(effect);
    this.#onEffect(effect);
  }
}
