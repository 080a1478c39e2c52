/** What a simulated array is, and what is injected for tests. */
import type { StorageProtocol } from '../../src/storage-controller.js';

/** A pool of a simulated array. */
export interface SimulatedPool {
  readonly pool: string;
  readonly totalBytes: number;
}

/** A port of a simulated array; nobody listens there. */
export interface SimulatedPort {
  readonly port: string;
  readonly protocol: StorageProtocol;
  readonly address: string;
}

/**
 * What goes wrong, and when: each rule meets the calls of its method, in the order in which they come, until it is used up.
 */
export interface FaultRule {
  /** The method that it meets. */
  readonly method: string;
  /** Only calls about this volume or snapshot. @default any */
  readonly object?: string;
  /** How many calls it meets. @default 1 */
  readonly times?: number;
  /** Before anything was changed, or after all was and before the answer. */
  readonly at: 'before' | 'after';
  /** `fail`: a known failure; `lose`: the connection breaks, so that nobody knows; `hang`: no answer until the call ends. */
  readonly then: 'fail' | 'lose' | 'hang';
  /** Of `fail`. @default SystemUnavailable */
  readonly reason?: string;
  /** Of `fail`. @default true */
  readonly retryable?: boolean;
}

/** A simulated array. */
export interface SimulatedSystem {
  /** What a step's `system` names. */
  readonly id: string;
  /** At least one; the first one is the default. */
  readonly pools: readonly SimulatedPool[];
  /** At least one. */
  readonly ports: readonly SimulatedPort[];
  /** How much more than it has a pool promises: 1 for no more. @default 1 */
  readonly oversubscription?: number;
  /** Volumes at most. @default 10,000 */
  readonly volumesMax?: number;
  /** How long each operation takes, in milliseconds. @default 0 */
  readonly latencyMs?: number;
  /** If given, what changes volumes and snapshots becomes a job that takes so long, in milliseconds. */
  readonly jobMs?: number;
  /** Operations and jobs that may be under way at once; beyond it calls are refused as SystemBusy. @default 64 */
  readonly operationsMax?: number;
  /** Where it keeps its state, for several processes and lives. @default in memory */
  readonly stateFile?: string;
  /** Where each effect is appended as a line of JSON. @default nowhere */
  readonly effectLog?: string;
  /** What goes wrong. @default nothing */
  readonly faults?: readonly FaultRule[];
}
