/**
 * Spans by OpenTelemetry, sent by OTLP over HTTP. The standard variables say where to and how (OTEL_EXPORTER_OTLP_*,
 * OTEL_TRACES_SAMPLER, OTEL_BSP_*): the library reads those by itself. Loaded only where tracing is on.
 */
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
  type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Span, SpanStart, Tracer } from '../telemetry/index.js';
import type { TracingSettings } from './tracing-settings.js';

/** A tracer that can be ended. */
export interface OtelTracer extends Tracer {
  /** Sends what is left. */
  close(): Promise<void>;
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** Makes one. `exporter`: in place of the one that the settings name. */
export function createOtelTracer(
  { protocol, serviceName }: TracingSettings,
  node: { readonly id: string; readonly version: string },
  exporter: SpanExporter = protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter(),
): OtelTracer {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.version': node.version,
      'service.instance.id': node.id,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('steplock', node.version);
  return {
    start: (name, { parent, kind, attributes, startMs }: SpanStart): Span => {
      const above = spanContextOf(parent);
      const span = tracer.startSpan(
        name,
        { kind: kinds[kind], attributes, ...(startMs === undefined ? {} : { startTime: startMs }) },
        above === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, above),
      );
      return {
        traceParent: traceParentOf(span.spanContext()),
        end: (more = {}, error) => {
          span.setAttributes(more);
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          span.end();
        },
      };
    },
    close: async () => {
      await provider.shutdown();
    },
  };
}

/** Of a well-formed traceparent (telemetry/readTraceParent); undefined for none. */
function spanContextOf(traceParent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = traceParent.split('-');
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

function traceParentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
