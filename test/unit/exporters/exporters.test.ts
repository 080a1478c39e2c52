/** What metrics and traces are made of, as far as it can be looked at without either. */
import { expect } from 'chai';
import { InvalidSettingError } from '../../../src/config/settings.js';
import { BoundedNames } from '../../../src/exporters/bounded-names.js';
import { createPrometheus, type NodeSample } from '../../../src/exporters/prometheus.js';
import { tracingSettings } from '../../../src/exporters/tracing-settings.js';

const noMember: NodeSample = {
  ...{ isMember: false, leaseMarginMs: undefined, ownedShards: 0, busy: 0, capacity: 5 },
  ...{ unitsWaiting: 0, census: undefined, openIncidents: undefined },
};

describe('BoundedNames', () => {
  it('tells so many pairs apart, and calls all later ones "other"', () => {
    const names = new BoundedNames(2);
    expect(names.of('a', 'x')).to.deep.equal({ controller: 'a', method: 'x' });
    expect(names.of('a', 'y')).to.deep.equal({ controller: 'a', method: 'y' });
    expect(names.of('b', 'x')).to.deep.equal({ controller: 'other', method: 'other' });
    expect(names.of('a', 'x')).to.deep.equal({ controller: 'a', method: 'x' });
  });
});

describe('createPrometheus', () => {
  it('does not show what is not known, and shows it once it is', async () => {
    let sample = noMember;
    const exporter = createPrometheus({ node: 'n', version: '1' }, () => sample);
    const text = async (): Promise<string> => await exporter.text();
    const before = await text();
    expect(before).to.match(/^steplock_node_member 0$/m);
    expect(before).to.not.match(/^steplock_(lease_margin|incidents_open|queue_steps|workflows)/m);
    const census = { workflows: new Map([['running', 3]]), queue: new Map(), oldestReadyMs: 1_500 };
    sample = { ...noMember, isMember: true, leaseMarginMs: 2_500, census, openIncidents: 0 };
    const member = await text();
    expect(member).to.match(/^steplock_lease_margin_seconds 2.5$/m);
    expect(member).to.match(/^steplock_workflows\{state="running"\} 3$/m);
    expect(member).to.match(/^steplock_queue_steps\{state="ready"\} 0$/m);
    expect(member).to.match(/^steplock_queue_oldest_ready_seconds 1.5$/m);
    expect(member).to.match(/^steplock_incidents_open 0$/m);
    sample = noMember;
    expect(await text()).to.not.match(/^steplock_(lease_margin|incidents_open|queue_steps|workflows)/m);
  });

  it('has a registry of its own: two nodes of one process do not count for each other', async () => {
    const [first, second] = ['a', 'b'].map((node) =>
      createPrometheus({ node, version: '1' }, () => noMember),
    );
    first!.meters.claimEnded(true);
    expect(await first!.text()).to.match(/^steplock_claims_total\{result="applied"\} 1$/m);
    expect(await second!.text()).to.not.match(/^steplock_claims_total\{/m);
  });
});

describe('tracingSettings', () => {
  const at = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  it('is off without an endpoint, and where it is said to be', () => {
    expect(tracingSettings({})).to.equal(undefined);
    expect(tracingSettings({ ...at, OTEL_SDK_DISABLED: 'TRUE' })).to.equal(undefined);
    expect(tracingSettings({ ...at, OTEL_TRACES_EXPORTER: 'none' })).to.equal(undefined);
  });

  it('has the defaults of the specification, and refuses what it lacks', () => {
    expect(tracingSettings(at)).to.deep.equal({ protocol: 'http/protobuf', serviceName: 'steplock' });
    const said = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' };
    expect(tracingSettings({ ...at, ...said, OTEL_SERVICE_NAME: 'mine' })).to.deep.equal({
      protocol: 'http/json',
      serviceName: 'mine',
    });
    expect(() => tracingSettings({ ...at, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).to.throw(
      InvalidSettingError,
    );
  });
});
