/** /metrics, scraped by a real Prometheus: what its queries give is what was run; the rules and the board use real names. */
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { done, failed } from '../../src/controller.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import { startProcess } from './support/processes.js';
import { observability, startPrometheus, type Prometheus } from './support/prometheus.js';
import { startRig, type Rig } from './support/rig.js';

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}
interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly expr: string; readonly record?: string }[];
  }[];
}

const scrapeMs = 30_000;

describe('Metrics', function () {
  this.timeout(90_000);
  let rig: Rig;
  let address: string;
  let prometheus: Prometheus;

  before(async () => {
    rig = await startRig({ settings: { metricsListen: '127.0.0.1:0', capacity: 7 } });
    address = rig.node.metricsAddress ?? '';
    prometheus = await startPrometheus(address);
  });
  after(async () => {
    await prometheus.close();
    await rig.close();
  });

  const text = async (path = '/metrics'): Promise<Response> => await fetch(`http://${address}${path}`);
  /** The value of the only series that the query gives, once it is that. */
  const becomes = async (query: string, value: number): Promise<void> => {
    await eventually(async () => {
      const series = await prometheus.query(query);
      expect(
        series.map((each) => Number(each.value[1])),
        query,
      ).to.deep.equal([value]);
    }, scrapeMs);
  };

  it('is scraped, and says what a run of workflows was', async () => {
    for (const workflowId of ['one', 'two']) {
      const ended = await rig.run(planOf(step('a'), step('b', 'make', { needs: ['a'] })), { workflowId });
      expect(ended.state).to.equal(WorkflowState.SUCCEEDED);
    }
    // Tried three times; then undone, because its dependent fails for good.
    const no = (isRetryable: boolean): ReturnType<typeof failed> =>
      failed('No', 'no', { retryable: isRetryable, effect: 'none' });
    rig.script.script('undone', 'a', ({ attempt }) => (attempt < 3 ? no(true) : done()));
    rig.script.script('undone', 'b', () => no(false));
    const undone = await rig.run(planOf(step('a'), step('b', 'make', { needs: ['a'] })), {
      workflowId: 'undone',
    });
    expect(undone.state).to.equal(WorkflowState.ROLLED_BACK);
    // Nobody knows what came of it: an incident.
    rig.script.script('doubtful', 'a', () => {
      throw new Error('cut off');
    });
    await rig.submit(planOf(step('a', 'blind')), { workflowId: 'doubtful' });

    await becomes('up{job="steplock"}', 1);
    await becomes('steplock_node_member', 1);
    await becomes('steplock_steps_capacity', 7);
    await becomes('steplock_shards_owned', 4);
    await becomes('steplock_workflow_seconds_count{state="succeeded"}', 2);
    await becomes('steplock_workflow_seconds_count{state="rolled_back"}', 1);
    await becomes('sum(steplock_workflows)', 1);
    await becomes('steplock_step_seconds_count{method="make", direction="forward", state="succeeded"}', 5);
    await becomes('steplock_step_seconds_count{method="make", state="failed"}', 1);
    await becomes('steplock_step_seconds_count{method="unmake", direction="undo", state="succeeded"}', 1);
    await becomes('steplock_step_seconds_count{method="blind", state="unknown"}', 1);
    await becomes('steplock_step_retries_total{controller="test"}', 2);
    // Three of the chain that was undone, and one of each step that was done at once; undos are calls of unmake.
    await becomes('sum(steplock_controller_call_seconds_count{method="make", call="execute"})', 8);
    await becomes('steplock_controller_call_seconds_count{method="blind", outcome="broken"}', 1);
    await becomes('steplock_incidents_opened_total{reason="EFFECT_UNKNOWN"}', 1);
    await becomes('steplock_incidents_open', 1);
    await becomes('sum(steplock_queue_steps)', 0);
    await becomes('steplock_store_txn_units_count > bool 0', 1);
    await becomes('steplock_lease_margin_seconds > bool 0', 1);
    await becomes('nodejs_eventloop_lag_p99_seconds > bool 0', 1);
  });

  it('has no label with the name of a workflow or a step', async () => {
    const body = await (await text()).text();
    expect(body).to.include('steplock_workflow_seconds_count');
    expect(body).to.not.match(/undone"|doubtful|wf-/);
    expect((await text('/')).status).to.equal(404);
  });

  it('has what every query of the Grafana board asks for', async () => {
    const board = JSON.parse(await readFile(join(observability, 'grafana-board.json'), 'utf8')) as Board;
    const queries = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(queries.length).to.be.greaterThan(25);
    for (const expr of queries) {
      const query = expr
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$job', 'steplock')
        .replaceAll('$instance', '.+');
      await eventually(async () => {
        expect(await prometheus.query(query), expr).to.not.have.length(0);
      }, scrapeMs);
    }
  });

  it('has what every rule asks for; promtool accepts the rules, and each alert fires when it should', async () => {
    const { groups } = parse(await readFile(join(observability, 'rules.yaml'), 'utf8')) as Rules;
    for (const { expr, record } of groups.flatMap(({ rules }) => rules)) {
      // An alert gives nothing as long as all is well: what it compares must be there.
      const compared = record ?? expr.replace(/ (==|<|>) [0-9.]+$/, '');
      await eventually(async () => {
        expect(await prometheus.query(compared), compared).to.not.have.length(0);
      }, scrapeMs);
    }
    const { groups: loaded } = (await prometheus.api('rules')) as { groups: unknown[] };
    expect(loaded).to.have.length(2);
    for (const [kind, file] of [
      ['check rules', 'rules.yaml'],
      ['test rules', 'rules.test.yaml'],
      ['check config', 'prometheus.yaml'],
    ] as const) {
      const promtool = startProcess('promtool', [...kind.split(' '), join(observability, file)]);
      expect(await promtool.ended, promtool.output.out + promtool.output.err).to.equal(0);
    }
  });

  it('a node whose address for metrics is taken does not start', async () => {
    const second = startRig({ settings: { metricsListen: address } });
    expect(await second.then(() => 'started', String)).to.match(/EADDRINUSE/);
  });
});
