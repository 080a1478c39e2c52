/**
 * What the parts of a node count, time and trace, as they say it; src/exporters makes metrics and spans of it. Off by
 * default, and then none of this does anything. Nothing here may carry a workflow's or a step's id but a span: those
 * are of one thing, while a number is of all.
 */

/** What of a controller was called. */
export type CallKind = 'execute' | 'poll' | 'probe' | 'cancel' | 'plan';

/** A call of a controller, or of an orchestrator. */
export interface MeteredCall {
  readonly controller: string;
  readonly method: string;
  readonly kind: CallKind;
  /** The kind of its answer; else `unsent`, `broken` (nobody knows) or `fenced`. */
  readonly outcome: string;
  readonly ms: number;
}

/** A step, or an undo, that has its outcome. */
export interface MeteredStep {
  readonly controller: string;
  readonly method: string;
  readonly direction: 'forward' | 'undo';
  /** A name of OutcomeState, in lower case. */
  readonly state: string;
  /** From its first call to its end. */
  readonly ms: number;
  /** From when it was queued to its first call. */
  readonly queuedMs: number;
}

/** Counts and times. */
export interface Meters {
  callEnded(call: MeteredCall): void;
  stepEnded(step: MeteredStep): void;
  /** It failed, or nobody knows, and is tried again. */
  stepReleased(controller: string): void;
  /** A claim was asked for, and got or refused. */
  claimEnded(isApplied: boolean): void;
  /** It came to its final state, that long after it was made. */
  workflowEnded(state: string, ms: number): void;
  incidentOpened(reason: string): void;
  /** The store was asked; `outcome`: `ok`, or the reason of the error. */
  storeCallEnded(operation: string, outcome: string, ms: number): void;
  /** A transaction of so many units was sent. */
  batchSent(units: number): void;
}

/** What a span begins with. */
export interface SpanStart {
  /** W3C traceparent of what it is a part of; empty for a trace of its own. */
  readonly parent: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly attributes: Readonly<Record<string, string | number>>;
  /** When it began, by the wall clock; now if left out. */
  readonly startMs?: number;
}

/** Something that takes time, as a part of a trace. */
export interface Span {
  /** W3C traceparent for what is a part of it. Without tracing: that of its parent, so that a trace is passed on. */
  readonly traceParent: string;
  /** Ends it. `error`: why it did not succeed. */
  end(attributes?: Readonly<Record<string, string | number>>, error?: string): void;
}

/** Makes spans. */
export interface Tracer {
  start(name: string, start: SpanStart): Span;
}

/** See the head of this file. */
export interface Telemetry {
  readonly meters: Meters;
  readonly tracer: Tracer;
}

const nothing = (): void => undefined;

/** Counts nothing. */
export const noMeters: Meters = {
  callEnded: nothing,
  stepEnded: nothing,
  stepReleased: nothing,
  claimEnded: nothing,
  workflowEnded: nothing,
  incidentOpened: nothing,
  storeCallEnded: nothing,
  batchSent: nothing,
};

/** Makes no spans, and passes on what it is given. */
export const noTracer: Tracer = {
  start: (_name, { parent }) => ({ traceParent: parent, end: nothing }),
};

/** Off. */
export const noTelemetry: Telemetry = { meters: noMeters, tracer: noTracer };

const traceParentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The text if it is a W3C traceparent that can be passed on, else empty. */
export function readTraceParent(text: string): string {
  return traceParentPattern.test(text) ? text : '';
}
