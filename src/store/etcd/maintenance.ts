/** Compaction, space and what brings a full etcd back. */
import type { IStatusResponse } from 'etcd3';
import type { Revision } from '../../base/ids.js';
import type { StoreSpace } from '../store.js';
import type { Caller } from './calls.js';
import type { Endpoint, Endpoints } from './endpoints.js';
import { isCompacted, toCallError } from './errors.js';
import type { EtcdSettings } from './options.js';
import { QuotaReader } from './quota.js';

/** See above. */
export class Maintenance {
  readonly #caller: Caller;
  readonly #endpoints: Endpoints;
  readonly #settings: EtcdSettings;
  readonly #quota: QuotaReader;

  constructor(caller: Caller, endpoints: Endpoints, settings: EtcdSettings) {
    this.#caller = caller;
    this.#endpoints = endpoints;
    this.#settings = settings;
    this.#quota = new QuotaReader(settings);
  }

  /** As {@link Store.compact}. Ends when what is forgotten is out of the file, so that it can be reclaimed. */
  async compact(revision: Revision): Promise<void> {
    try {
      await this.#caller.once(
        (endpoint, options) => endpoint.client.kv.compact({ revision, physical: true }, options),
        this.#settings.maintenanceTimeoutMs,
      );
    } catch (error) {
      if (!isCompacted(error)) throw toCallError(error);
    }
  }

  /** As {@link Store.space}, of the member whose file is largest: the first to fill stops all. */
  async space(): Promise<StoreSpace> {
    const [statuses, alarms, quotaBytes] = await Promise.all([
      this.#statuses(),
      this.#noSpaceAlarms(),
      this.#quota.read(),
    ]);
    const totalBytes = Math.max(...statuses.map((status) => Number(status.dbSize)));
    const usedBytes = Math.max(...statuses.map((status) => Number(status.dbSizeInUse)));
    return { usedBytes, totalBytes, quotaBytes, isFull: alarms.length > 0 };
  }

  /**
   * As {@link Store.reclaim}. A member serves nothing while it is defragmented, so one comes after the other. One
   * that is away is passed over: it has no part in why etcd stopped taking writes now.
   */
  async reclaim(): Promise<void> {
    let failure: unknown;
    let defragmented = 0;
    for (const endpoint of this.#endpoints.all) {
      try {
        await endpoint.client.maintenance.defragment(this.#longDeadline());
        defragmented++;
      } catch (error) {
        failure = error;
      }
    }
    if (defragmented === 0) throw toCallError(failure);
    for (const { memberID } of await this.#noSpaceAlarms()) {
      await this.#caller.repeat((endpoint, options) =>
        endpoint.client.maintenance.alarm({ action: 'Deactivate', memberID, alarm: 'Nospace' }, options),
      );
    }
  }

  /** Of all members that answer; one must. */
  async #statuses(): Promise<IStatusResponse[]> {
    const statuses = await Promise.allSettled(this.#endpoints.all.map((endpoint) => this.#status(endpoint)));
    const answered = statuses.flatMap((status) => (status.status === 'fulfilled' ? [status.value] : []));
    const failed = statuses.find((status) => status.status === 'rejected');
    if (answered.length === 0) throw toCallError(failed?.reason);
    return answered;
  }

  async #status(endpoint: Endpoint): Promise<IStatusResponse> {
    const { clock, callTimeoutMs } = this.#settings;
    return await endpoint.client.maintenance.status({ deadline: clock.nowMs() + callTimeoutMs });
  }

  async #noSpaceAlarms(): Promise<readonly { readonly memberID: string }[]> {
    const { alarms } = await this.#caller.repeat((endpoint, options) =>
      endpoint.client.maintenance.alarm({ action: 'Get', memberID: 0, alarm: 'None' }, options),
    );
    return alarms.filter(({ alarm }) => alarm === 'Nospace');
  }

  #longDeadline(): { readonly deadline: number } {
    const { clock, maintenanceTimeoutMs } = this.#settings;
    return { deadline: clock.nowMs() + maintenanceTimeoutMs };
  }
}
