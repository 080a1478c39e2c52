/** A node's metrics and traces, as its settings and environment want them; off costs nothing. */
import type { Clock } from './base/clock.js';
import type { OtelTracer } from './exporters/otel-tracer.js';
import { meteredStore } from './exporters/metered-store.js';
import { serveMetrics, type MetricsServer } from './exporters/metrics-server.js';
import { createPrometheus, type NodeSample, type PrometheusExporter } from './exporters/prometheus.js';
import { tracingSettings } from './exporters/tracing-settings.js';
import type { NodeSettings } from './config/settings.js';
import type { Logger } from './log/log.js';
import type { Membership } from './runtime/membership.js';
import type { Store } from './store/store.js';
import { noMeters, noTracer, type Telemetry } from './telemetry/index.js';
import { version } from './version.js';

/** See above. */
export interface NodeTelemetry extends Telemetry {
  /** host:port of /metrics; undefined where there is none. */
  readonly address: string | undefined;
  /** The store, metered if there are metrics. */
  meter(store: Store): Store;
  /** What is sampled at each scrape. */
  sampleFrom(source: SampleSource): void;
  /** Sends the last spans, for a while at most, and stops listening. */
  close(): Promise<void>;
}

/** Where samples are taken. */
export interface SampleSource {
  readonly membership: () => Membership | undefined;
  readonly openIncidents: () => number | undefined;
}

const closeMsMax = 3_000;
const nobody: SampleSource = { membership: () => undefined, openIncidents: () => undefined };

/**
 * Opens them.
 *
 * @throws Error when the address cannot be bound; InvalidSettingError for a variable that makes no sense.
 */
export async function openTelemetry(
  settings: Pick<NodeSettings, 'nodeId' | 'capacity' | 'metricsListen'>,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  log: Logger,
): Promise<NodeTelemetry> {
  let source = nobody;
  const { nodeId, capacity, metricsListen } = settings;
  const tracer = await openTracer(nodeId, env);
  let exporter: PrometheusExporter | undefined;
  let server: MetricsServer | undefined;
  if (metricsListen !== undefined) {
    exporter = createPrometheus({ node: nodeId, version }, () => sampleOf(source, capacity));
    server = await serveMetrics(metricsListen, exporter, log);
    log.info({ address: server.address }, 'metrics are served');
  }
  return {
    tracer: tracer ?? noTracer,
    meters: exporter?.meters ?? noMeters,
    address: server?.address,
    meter: (store) => (exporter === undefined ? store : meteredStore(store, clock, exporter.meters)),
    sampleFrom: (given) => {
      source = given;
    },
    close: async () => {
      await server?.close();
      if (tracer === undefined) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(closeMsMax, resolve);
        const done = (): void => {
          cancel();
          resolve();
        };
        tracer.close().then(done, done);
      });
    },
  };
}

async function openTracer(
  id: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<OtelTracer | undefined> {
  const settings = tracingSettings(env);
  if (settings === undefined) return undefined;
  const { createOtelTracer } = await import('./exporters/otel-tracer.js');
  return createOtelTracer(settings, { id, version });
}

function sampleOf({ membership, openIncidents }: SampleSource, capacity: number): NodeSample {
  const current = membership();
  return {
    isMember: current !== undefined,
    leaseMarginMs: current?.session.marginMs,
    ownedShards: current?.engine.ownedShards ?? 0,
    busy: current?.dispatcher.busyCount ?? 0,
    capacity,
    unitsWaiting: current?.batcher.waitingCount ?? 0,
    census: current?.dispatcher.census(),
    openIncidents: openIncidents(),
  };
}
