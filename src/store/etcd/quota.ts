/** etcd's quota. Its API does not tell it before 3.6, its metrics do. */
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createDeferred } from '../../base/deferred.js';
import type { EtcdSettings } from './options.js';

/** What etcd takes when nothing else is set. */
const quotaBytesDefault = 2 * 1024 ** 3;
/** A quota changes only when a member restarts. */
const cachedMs = 60_000;
/** A page of metrics has some hundred kilobytes. */
const pageBytesMax = 8 * 1024 * 1024;

/** Reads the quota, now and then. */
export class QuotaReader {
  readonly #settings: EtcdSettings;
  #known: { readonly atMs: number; readonly quotaBytes: number | undefined } | undefined;

  constructor(settings: EtcdSettings) {
    this.#settings = settings;
  }

  /** The quota; undefined when etcd has none. */
  async read(): Promise<number | undefined> {
    if (this.#settings.quotaBytes !== undefined) return this.#settings.quotaBytes;
    const nowMs = this.#settings.clock.monotonicMs();
    if (this.#known === undefined || nowMs - this.#known.atMs > cachedMs) {
      this.#known = { atMs: nowMs, quotaBytes: await this.#readFromMembers() };
    }
    return this.#known.quotaBytes;
  }

  /** All members should have the same; the first that answers is taken at its word. */
  async #readFromMembers(): Promise<number | undefined> {
    for (const url of this.#settings.endpoints) {
      try {
        return parseQuota(await fetchText(new URL('/metrics', url), this.#settings));
      } catch {
        // The member is away, or gives no metrics to everybody: the next one may.
      }
    }
    return quotaBytesDefault;
  }
}

/**
 * The quota in a page of metrics; undefined when etcd has none.
 *
 * @throws Error when the page does not say.
 */
export function parseQuota(page: string): number | undefined {
  const match = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(page);
  const bytes = Number(match?.[1]);
  if (Number.isNaN(bytes)) throw new Error('No quota among the metrics');
  if (bytes < 0) return undefined;
  return bytes === 0 ? quotaBytesDefault : bytes;
}

async function fetchText(url: URL, { tls, callTimeoutMs, clock }: EtcdSettings): Promise<string> {
  const isSecure = url.protocol === 'https:';
  const { promise, resolve, reject } = createDeferred<string>();
  const request = (isSecure ? httpsGet : httpGet)(url, { agent: false, ...tls }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > pageBytesMax) request.destroy(new Error('The page of metrics is too long'));
    });
    response.on('end', () => {
      resolve(text);
    });
    response.on('error', reject);
  });
  request.on('error', reject);
  const stopTimer = clock.setTimer(callTimeoutMs, () => {
    request.destroy(new Error('No metrics in time'));
  });
  try {
    return await promise;
  } finally {
    stopTimer();
  }
}
