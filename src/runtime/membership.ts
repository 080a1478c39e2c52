/** What there is while a node is a member of its cluster, and only then. */
import type { Dispatcher } from '../dispatcher/dispatcher.js';
import type { Engine } from '../engine/engine.js';
import type { Session } from '../lease/session.js';
import type { Batcher } from '../store/batcher.js';

/** See above. */
export interface Membership {
  readonly session: Session;
  readonly batcher: Batcher;
  readonly engine: Engine;
  readonly dispatcher: Dispatcher;
}
