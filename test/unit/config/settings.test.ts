/** A node's settings: each rule named with the flag that breaks it, at its very limits. */
import { expect } from 'chai';
import {
  checkSettings,
  defaultSettings,
  InvalidSettingError,
  parseDurationMs,
  type NodeSettings,
  type StoreSettings,
} from '../../../src/config/settings.js';
import { thrown } from '../../support/rejection.js';

const etcd: StoreSettings = {
  kind: 'etcd',
  endpoints: ['http://e:2379'],
  prefix: '/s/',
  quotaBytes: undefined,
};
const fine: NodeSettings = {
  ...defaultSettings,
  nodeId: 'n1',
  store: etcd,
  labels: {},
  capacityOf: {},
  secretKeyFile: undefined,
  secretDir: undefined,
  retentionExportDir: undefined,
  controllersFile: undefined,
  incidentWebhook: undefined,
  metricsListen: undefined,
  hasReflection: false,
};

function refusal(patch: Partial<NodeSettings>): string {
  const error = thrown(() => checkSettings({ ...fine, ...patch }));
  expect(error).to.be.instanceOf(InvalidSettingError);
  return error.message;
}

describe('checkSettings()', () => {
  it('takes the defaults, and freezes them', () => {
    const checked = checkSettings(fine);
    expect(checked).to.deep.equal(fine);
    expect(checked).to.be.frozen;
    expect(checked.store).to.be.frozen;
    expect(checked).to.not.equal(fine);
  });

  it('names the flag of what is not of its form', () => {
    const wrong: [string, Partial<NodeSettings>][] = [
      ['--node-id', { nodeId: '' }],
      ['--node-id', { nodeId: 'N1' }],
      ['--listen', { listen: '7480' }],
      ['--listen', { listen: ':7480' }],
      ['--listen', { listen: 'host:port' }],
      ['--listen', { listen: 'host:123456' }],
      ['--incident-webhook', { incidentWebhook: 'pager' }],
      ['--incident-webhook', { incidentWebhook: 'ftp://pager/x' }],
      ['--incident-webhook', { incidentWebhook: 'https://me:secret@pager/x' }],
      ['--neighborhood', { neighborhood: 'hall 1' }],
      ['--secret-env-prefix', { secretEnvPrefix: '' }],
      ['--capacity-of', { capacityOf: { 'no controller': 1 } }],
      ['--label', { labels: { 'bad key!': 'x' } }],
      ['--etcd ', { store: { ...etcd, endpoints: [] } }],
      ['--etcd-prefix', { store: { ...etcd, prefix: 'steplock/' } }],
      ['--etcd-prefix', { store: { ...etcd, prefix: '/steplock' } }],
      ['--etcd-prefix', { store: { ...etcd, prefix: '//' } }],
      ['--etcd-prefix', { store: { ...etcd, prefix: '/a b/' } }],
    ];
    for (const [flag, patch] of wrong)
      expect(refusal(patch), JSON.stringify(patch)).to.match(new RegExp(`^${flag}`));
  });

  it('bounds every number, and takes the bounds', () => {
    const bounds: [string, number, number, (value: number) => Partial<NodeSettings>][] = [
      ['--capacity', 1, 100_000, (capacity) => ({ capacity })],
      ['--capacity-of linux', 1, 100_000, (linux) => ({ capacityOf: { linux } })],
      ['--lease-ttl', 1_000, 600_000, (leaseTtlMs) => ({ leaseTtlMs })],
      ['--shards', 1, 999, (shards) => ({ shards })],
      ['--resync', 1_000, 30_000, (resyncMs) => ({ resyncMs })],
      ['--history', 10_000, 86_400_000, (historyMs) => ({ historyMs })],
      ['--drain-timeout', 0, 3_600_000, (drainTimeoutMs) => ({ drainTimeoutMs })],
    ];
    for (const [flag, least, most, patch] of bounds) {
      for (const value of [least, most]) checkSettings({ ...fine, ...patch(value) });
      for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, Infinity]) {
        expect(refusal(patch(value)), `${flag} ${value}`).to.match(
          new RegExp(`^${flag}.* from ${least} to ${most}$`),
        );
      }
    }
  });

  it('takes a retention of a second to ten years, or none; nothing that could mean both', () => {
    for (const retentionMs of [1_000, 3_650 * 86_400_000, undefined]) checkSettings({ ...fine, retentionMs });
    for (const retentionMs of [0, 999, 3_651 * 86_400_000, Number.NaN])
      expect(refusal({ retentionMs })).to.equal('--retention must be from 1s to 3650d, or never');
  });

  it('exports only what is deleted', () => {
    checkSettings({ ...fine, retentionExportDir: 'ended' });
    expect(refusal({ retentionExportDir: '' })).to.match(/^--retention-export-dir must name/);
    const kept = { retentionMs: undefined, retentionExportDir: 'ended' };
    expect(refusal(kept)).to.match(/^--retention-export-dir needs a --retention/);
  });

  it('asks nothing of etcd where the store is embedded', () => {
    checkSettings({ ...fine, store: { kind: 'embedded', dataDir: undefined, quotaBytes: undefined } });
  });

  it('takes a listening address of IPv6, and port 0', () => {
    for (const listen of ['[::1]:7480', '0.0.0.0:0', 'node-1.lan:65535']) checkSettings({ ...fine, listen });
  });
});

describe('parseDurationMs()', () => {
  it('reads each unit', () => {
    const texts = ['500ms', '5s', '10m', '1h', '30d', '0s'];
    expect(texts.map((text) => parseDurationMs(text, '--x'))).to.deep.equal([
      500, 5_000, 600_000, 3_600_000, 2_592_000_000, 0,
    ]);
  });

  it('names the setting of what is none', () => {
    for (const text of ['', '5', 's', '1.5s', '-1s', '5 s', '5S', '1h30m', '5s\n', '1w']) {
      const error = thrown(() => parseDurationMs(text, '--drain-timeout'));
      expect(error, JSON.stringify(text)).to.be.instanceOf(InvalidSettingError);
      expect(error.message).to.match(/^--drain-timeout must be/);
    }
  });
});
