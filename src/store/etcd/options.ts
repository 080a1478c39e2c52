/** How to reach an etcd cluster. */
import type { Clock } from '../../base/clock.js';
import { assert } from '../../base/assert.js';

/** Files that TLS needs, as read. */
export interface EtcdTls {
  /** Who signed the servers' certificates, in PEM. */
  readonly ca: Buffer;
  /** Our certificate, in PEM, where the servers ask for one. */
  readonly cert?: Buffer;
  /** Its key, in PEM. */
  readonly key?: Buffer;
}

/** See the head of this file. */
export interface EtcdStoreOptions {
  /** Client URLs of the members, e.g. `http://10.0.0.1:2379`; all http or all https. */
  readonly endpoints: readonly string[];
  /** What every key of ours begins with in etcd, e.g. `steplock/main/`: one for each Steplock cluster. */
  readonly prefix: string;
  /** Deadlines are counted by it. */
  readonly clock: Clock;
  /** How long a call may take, retries included. @default 5000 */
  readonly callTimeoutMs?: number;
  /** How long a compaction or the defragmentation of one member may take. @default 120000 */
  readonly maintenanceTimeoutMs?: number;
  /** After so long a silence the connection is probed; at least 5000, or etcd cuts it. @default 10000 */
  readonly keepaliveMs?: number;
  /** etcd's `--quota-backend-bytes`; default: as the members' metrics say, else 2 GiB. */
  readonly quotaBytes?: number;
  /** For https. */
  readonly tls?: EtcdTls;
  /** For etcd's own users. Client certificates are the better way: tokens of open streams are not renewed. */
  readonly auth?: { readonly username: string; readonly password: string };
}

/** The options with every default in place. */
export interface EtcdSettings extends EtcdStoreOptions {
  readonly callTimeoutMs: number;
  readonly maintenanceTimeoutMs: number;
  readonly keepaliveMs: number;
}

/** etcd takes more frequent pings for an attack (`--grpc-keepalive-min-time`) and ends the connection. */
const keepaliveMsMin = 5_000;

/** Puts in the defaults and checks what the types do not say. */
export function toSettings(options: EtcdStoreOptions): EtcdSettings {
  const settings = { callTimeoutMs: 5_000, maintenanceTimeoutMs: 120_000, keepaliveMs: 10_000, ...options };
  assert(settings.endpoints.length > 0, 'An etcd store has an endpoint');
  assert(settings.prefix.length > 0, 'An etcd store has a prefix');
  assert(settings.keepaliveMs >= keepaliveMsMin, 'Pings to etcd are at least 5 s apart');
  return settings;
}
