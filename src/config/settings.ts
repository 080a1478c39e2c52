/**
 * A node's settings: one shape, checked once at the start, frozen. Where they come from (flags, environment) is the
 * command line's business.
 */
import { idPattern, idRule } from '../base/ids.js';
import { problemOfLabels } from '../model/labels.js';
import { limits } from '../model/limits.js';

/** Which store. */
export type StoreSettings =
  | {
      readonly kind: 'etcd';
      readonly endpoints: readonly string[];
      readonly prefix: string;
      readonly quotaBytes: number | undefined;
    }
  | {
      readonly kind: 'embedded';
      readonly dataDir: string | undefined;
      readonly quotaBytes: number | undefined;
    };

/** See above. */
export interface NodeSettings {
  readonly nodeId: string;
  /** host:port of the API; port 0 for any free one. */
  readonly listen: string;
  readonly store: StoreSettings;
  readonly neighborhood: string;
  /** What steps can ask for, as labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Steps that it runs at once. */
  readonly capacity: number;
  /** Of these controllers, at most so many steps at once. */
  readonly capacityOf: Readonly<Record<string, number>>;
  /** How long its claims outlive it. */
  readonly leaseTtlMs: number;
  /** How many shards a new cluster gets; an existing one keeps what it has. */
  readonly shards: number;
  /** How often the cache is compared with the store. */
  readonly resyncMs: number;
  /** How long the store's history is kept. */
  readonly historyMs: number;
  /** How long workflows are kept after their end; undefined for ever. */
  readonly retentionMs: number | undefined;
  /** Directory of files that workflows are written to before they are deleted. */
  readonly retentionExportDir: string | undefined;
  /** How long calls under way may take when the node ends. */
  readonly drainTimeoutMs: number;
  /** File with the key that seals secrets: 32 bytes in hexadecimal or base64. */
  readonly secretKeyFile: string | undefined;
  /** Directory of files with secrets. */
  readonly secretDir: string | undefined;
  /** What names of variables with secrets begin with. */
  readonly secretEnvPrefix: string;
  /** File that names the controllers of this process. */
  readonly controllersFile: string | undefined;
  /** host:port of /metrics; port 0 for any free one. Undefined for none. */
  readonly metricsListen: string | undefined;
  /** Where each incident that opens is posted to. */
  readonly incidentWebhook: string | undefined;
  /** Whether the API describes itself to tools such as grpcurl. */
  readonly hasReflection: boolean;
}

/** A setting that breaks a rule. */
export class InvalidSettingError extends Error {
  override readonly name = 'InvalidSettingError';
}

/** What is not said. */
export const defaultSettings = {
  listen: '127.0.0.1:7480',
  neighborhood: '',
  capacity: 100,
  leaseTtlMs: 5_000,
  shards: 64,
  resyncMs: 30_000,
  historyMs: 300_000,
  retentionMs: 30 * 86_400_000,
  drainTimeoutMs: 10_000,
  secretEnvPrefix: 'STEPLOCK_SECRET_',
  etcdPrefix: '/steplock/',
} as const;

/**
 * The settings, frozen, if they hold together.
 *
 * @throws InvalidSettingError naming the setting and the rule.
 */
export function checkSettings(settings: NodeSettings): NodeSettings {
  const refuse = (setting: string, rule: string): never => {
    throw new InvalidSettingError(`${setting} ${rule}`);
  };
  if (!idPattern.test(settings.nodeId)) refuse('--node-id', idRule);
  if (!/^.+:[0-9]{1,5}$/.test(settings.listen)) refuse('--listen', 'must be host:port');
  const { metricsListen } = settings;
  if (metricsListen !== undefined && !/^.+:[0-9]{1,5}$/.test(metricsListen))
    refuse('--metrics-listen', 'must be host:port');
  checkWhole(settings.capacity, 1, 100_000, '--capacity');
  for (const [controller, capacity] of Object.entries(settings.capacityOf)) {
    if (!idPattern.test(controller))
      refuse('--capacity-of', `names no controller: "${controller}" ${idRule}`);
    checkWhole(capacity, 1, 100_000, `--capacity-of ${controller}`);
  }
  const problem = problemOfLabels(settings.labels, limits.labelsMax);
  if (problem !== undefined) refuse(`--label${problem.at}`, problem.rule);
  if (settings.neighborhood !== '' && !idPattern.test(settings.neighborhood))
    refuse('--neighborhood', idRule);
  checkWhole(settings.leaseTtlMs, 1_000, 600_000, '--lease-ttl (in ms)');
  checkWhole(settings.shards, 1, 999, '--shards');
  checkWhole(settings.resyncMs, 1_000, 30_000, '--resync (in ms)');
  checkWhole(settings.historyMs, 10_000, 86_400_000, '--history (in ms)');
  checkRetention(settings);
  checkWhole(settings.drainTimeoutMs, 0, 3_600_000, '--drain-timeout (in ms)');
  if (settings.secretEnvPrefix === '') refuse('--secret-env-prefix', 'must not be empty');
  if (settings.incidentWebhook !== undefined && !isWebhook(settings.incidentWebhook))
    refuse('--incident-webhook', 'must be a URL with http or https, and without a user or a password in it');
  const { store } = settings;
  if (store.kind === 'etcd' && store.endpoints.length === 0)
    refuse('--etcd', 'must name at least one endpoint');
  if (store.kind === 'etcd' && !prefixPattern.test(store.prefix))
    refuse('--etcd-prefix', 'must be like /name/ or /a/b/, of letters, digits, ".", "_" and "-"');
  return Object.freeze({ ...settings, store: Object.freeze({ ...store }) });
}

/** "0" could mean either end: it is neither. */
function checkRetention({ retentionMs, retentionExportDir }: NodeSettings): void {
  const isInRange =
    retentionMs === undefined || (retentionMs >= retentionMsMin && retentionMs <= retentionMsMax);
  if (!isInRange) throw new InvalidSettingError('--retention must be from 1s to 3650d, or never');
  if (retentionExportDir === '')
    throw new InvalidSettingError('--retention-export-dir must name a directory');
  if (retentionExportDir !== undefined && retentionMs === undefined)
    throw new InvalidSettingError(
      '--retention-export-dir needs a --retention: nothing is written to it when nothing is deleted',
    );
}

function checkWhole(value: number, least: number, most: number, setting: string): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new InvalidSettingError(`${setting} must be a whole number from ${least} to ${most}`);
  }
}

/** fetch takes no URL with credentials in it. */
function isWebhook(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

const prefixPattern = /^\/([A-Za-z0-9._-]+\/)+$/;
const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const retentionMsMin = 1_000;
const retentionMsMax = 3_650 * 86_400_000;

/**
 * A duration such as `500ms`, `5s`, `10m`, `1h` or `30d`, in milliseconds.
 *
 * @throws InvalidSettingError
 */
export function parseDurationMs(text: string, setting: string): number {
  const [, amount, unit] = /^([0-9]+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = units[unit ?? ''];
  if (amount === undefined || factor === undefined) {
    throw new InvalidSettingError(`${setting} must be a number with a unit: 500ms, 5s, 10m, 1h or 30d`);
  }
  return Number(amount) * factor;
}
