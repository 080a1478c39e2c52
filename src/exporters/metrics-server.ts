/** Serves /metrics over HTTP, without encryption: for loopback and for networks that are trusted. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PrometheusExporter } from './prometheus.js';
import { errorText } from '../errors/index.js';
import type { Logger } from '../log/log.js';

/** A server that listens. */
export interface MetricsServer {
  /** host:port, with the port that was taken. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Listens at host:port; port 0 for any free one.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serveMetrics(
  address: string,
  exporter: Pick<PrometheusExporter, 'text' | 'contentType'>,
  log: Logger,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://metrics');
    if (pathname !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is only GET /metrics\n');
      return;
    }
    exporter.text().then(
      (text) => {
        response.writeHead(200, { 'content-type': exporter.contentType }).end(text);
      },
      (error: unknown) => {
        log.error({ err: error, cause: errorText(error) }, 'metrics not told');
        response.writeHead(500).end();
      },
    );
  });
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  server.listen(Number(address.slice(at + 1)), host);
  await once(server, 'listening');
  // A node that cannot start must not be kept alive by it.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    address: `${address.slice(0, at)}:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
