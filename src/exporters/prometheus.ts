/**
 * Metrics for Prometheus, with a registry of their own. Labels are names of controllers and methods, states and reasons:
 * what an operator has set up, never an id of a workflow or a step; and no more than so many of them.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { queueStates, type Census } from '../queue/census.js';
import type { Meters } from '../telemetry/index.js';
import { BoundedNames } from './bounded-names.js';

/** What is measured when somebody asks, and not when it happens. */
export interface NodeSample {
  readonly isMember: boolean;
  /** What is left of its lease; undefined without one. */
  readonly leaseMarginMs: number | undefined;
  readonly ownedShards: number;
  /** Steps that it runs. */
  readonly busy: number;
  readonly capacity: number;
  /** Units that wait for a transaction. */
  readonly unitsWaiting: number;
  /** Undefined while it is no member. */
  readonly census: Census | undefined;
  /** As the one node that counts them last found; undefined on all others. */
  readonly openIncidents: number | undefined;
}

/** See the head of this file. */
export interface PrometheusExporter {
  readonly meters: Meters;
  /** What Content-Type the text has. */
  readonly contentType: string;
  /** All of it, in Prometheus' text format. */
  text(): Promise<string>;
}

/** Controllers and methods that are told apart; what comes later is called "other". */
const namesMax = 500;
/** From an LMDB write to a copy of a large volume. */
const shortBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const longBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 14_400, 86_400];
const unitBuckets = [1, 2, 4, 8, 16, 32, 64, 120];

/** Makes one. `sample` is asked at each scrape. */
export function createPrometheus(
  labels: { node: string; version: string },
  sample: () => NodeSample,
): PrometheusExporter {
  const registry = new Registry();
  // Memory, processor, garbage collection and the lag of the event loop, under the names that Node's dashboards know.
  collectDefaultMetrics({ register: registry });
  const info = new Gauge({
    ...{ name: 'steplock_node_info', help: 'Which node this is', labelNames: ['node', 'version'] },
    registers: [registry],
  });
  info.set(labels, 1);
  const refresh = addGauges(registry);
  return {
    meters: createMeters(registry),
    contentType: registry.contentType,
    text: async () => {
      refresh(sample());
      return await registry.metrics();
    },
  };
}

/** Gives what sets them, from one sample for all. */
function addGauges(registry: Registry): (now: NodeSample) => void {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name, help, labelNames, registers });
  const member = gauge('steplock_node_member', 'Whether the node is a member of its cluster');
  const margin = gauge(
    'steplock_lease_margin_seconds',
    'How long its lease surely lives if no renewal succeeds',
  );
  const shards = gauge('steplock_shards_owned', 'Shards that the node owns');
  const busy = gauge('steplock_steps_running', 'Steps that the node runs');
  const capacity = gauge('steplock_steps_capacity', 'Steps that the node may run at once');
  const waiting = gauge('steplock_store_units_waiting', 'Units that wait for their transaction');
  const workflows = gauge(
    'steplock_workflows',
    'Workflows of the cluster that have not ended, as this node sees them',
    ['state'],
  );
  const queue = gauge('steplock_queue_steps', 'Steps in the queue of the cluster, as this node sees them', [
    'state',
  ]);
  const oldest = gauge(
    'steplock_queue_oldest_ready_seconds',
    'How long the oldest step that could be claimed has been waiting',
  );
  const incidents = gauge(
    'steplock_incidents_open',
    'Incidents that are open; only on the node that owns shard 0, counted every 15 s',
  );
  return (now) => {
    member.set(now.isMember ? 1 : 0);
    shards.set(now.ownedShards);
    busy.set(now.busy);
    capacity.set(now.capacity);
    waiting.set(now.unitsWaiting);
    setOrDrop(margin, now.leaseMarginMs === undefined ? undefined : now.leaseMarginMs / 1_000);
    setOrDrop(incidents, now.openIncidents);
    workflows.reset();
    queue.reset();
    setOrDrop(oldest, now.census === undefined ? undefined : now.census.oldestReadyMs / 1_000);
    if (now.census === undefined) return;
    for (const [state, count] of now.census.workflows) workflows.set({ state }, count);
    for (const state of queueStates) queue.set({ state }, now.census.queue.get(state) ?? 0);
  };
}

/** What is not known is not shown, rather than as 0. */
function setOrDrop(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}

function createMeters(registry: Registry): Meters {
  const registers = [registry];
  const histogram = (name: string, help: string, labelNames: string[], buckets: number[]): Histogram =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const counter = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames, registers });
  const calls = histogram(
    'steplock_controller_call_seconds',
    'Calls of controllers and orchestrators, by how they ended',
    ['controller', 'method', 'call', 'outcome'],
    longBuckets,
  );
  const steps = histogram(
    'steplock_step_seconds',
    'From a first call of a step to its end, by how it ended',
    ['controller', 'method', 'direction', 'state'],
    longBuckets,
  );
  const queued = histogram(
    'steplock_step_queued_seconds',
    'From when a step was queued to its first call',
    ['controller'],
    longBuckets,
  );
  const released = counter('steplock_step_retries_total', 'Steps that were let go to be tried again', [
    'controller',
  ]);
  const claims = counter('steplock_claims_total', 'Claims that the node asked for', ['result']);
  const workflows = histogram(
    'steplock_workflow_seconds',
    'From the making of a workflow to its end, by how it ended; told by the node that owned it',
    ['state'],
    longBuckets,
  );
  const incidents = counter('steplock_incidents_opened_total', 'Incidents that the node opened', ['reason']);
  const names = new BoundedNames(namesMax);
  return {
    callEnded: ({ controller, method, kind, outcome, ms }) => {
      calls.observe({ ...names.of(controller, method), call: kind, outcome }, ms / 1_000);
    },
    stepEnded: ({ controller, method, direction, state, ms, queuedMs }) => {
      const of = names.of(controller, method);
      steps.observe({ ...of, direction, state }, ms / 1_000);
      queued.observe({ controller: of.controller }, queuedMs / 1_000);
    },
    stepReleased: (controller) => {
      released.inc({ controller: names.of(controller, '').controller });
    },
    claimEnded: (isApplied) => {
      claims.inc({ result: isApplied ? 'applied' : 'refused' });
    },
    workflowEnded: (state, ms) => {
      workflows.observe({ state }, ms / 1_000);
    },
    incidentOpened: (reason) => {
      incidents.inc({ reason });
    },
    ...storeMeters(registers),
  };
}

function storeMeters(registers: Registry[]): Pick<Meters, 'storeCallEnded' | 'batchSent'> {
  const store = new Histogram({
    ...{ name: 'steplock_store_seconds', help: 'Calls of the store', labelNames: ['operation', 'outcome'] },
    ...{ buckets: shortBuckets, registers },
  });
  const units = new Histogram({
    ...{ name: 'steplock_store_txn_units', help: 'Units that shared a transaction' },
    ...{ buckets: unitBuckets, registers },
  });
  return {
    storeCallEnded: (operation, outcome, ms) => {
      store.observe({ operation, outcome }, ms / 1_000);
    },
    batchSent: (sent) => {
      units.observe(sent);
    },
  };
}
