/** A call of the API as a span, which what it makes is a part of. */
import { errorText, SteplockError } from '../errors/index.js';
import type { CallInfo } from '../grpc/adapter.js';
import type { Api } from './context.js';

/** Answers the call within a span. `handle` gets what it carries, with the span's traceparent in place of the caller's. */
export async function traced<T>(
  { telemetry }: Api,
  name: string,
  info: CallInfo,
  handle: (info: CallInfo) => Promise<T>,
): Promise<T> {
  const { traceParent: parent } = info;
  const span = telemetry.tracer.start(name, { parent, kind: 'server', attributes: {} });
  try {
    const response = await handle({ ...info, traceParent: span.traceParent });
    span.end();
    return response;
  } catch (error) {
    span.end({}, error instanceof SteplockError ? error.reason : errorText(error));
    throw error;
  }
}
