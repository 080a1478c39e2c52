/** What an OpenTelemetry collector is to a node: it takes spans by OTLP over HTTP, and keeps them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came, with the node that sent it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly node: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Whether it is said to have failed. */
  readonly isError: boolean;
}

/** See above. */
export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** All spans that came as JSON. */
  readonly spans: readonly ReceivedSpan[];
  /** All requests, whatever they were. */
  readonly requests: readonly { readonly path: string; readonly type: string; readonly body: Buffer }[];
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly attributes: readonly Attribute[];
        readonly status?: { readonly code?: number };
      }[];
    }[];
  }[];
}

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** Starts one. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const requests: { path: string; type: string; body: Buffer }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const type = request.headers['content-type'] ?? '';
      requests.push({ path: request.url ?? '', type, body });
      if (type === 'application/json') spans.push(...spansOf(JSON.parse(body.toString()) as Export));
      response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, spans, requests },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf({ resourceSpans }: Export): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const node = String(valuesOf(resource.attributes)['service.instance.id']);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map(({ parentSpanId = '', attributes, status, ...span }) => ({
        ...span,
        ...{ parentSpanId, node, attributes: valuesOf(attributes), isError: status?.code === 2 },
      })),
    );
  });
}
