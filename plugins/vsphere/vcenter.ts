/** The vCenters that a controller knows, each with its session and its view of tasks. */
import { systemClock, type Clock } from '../../src/controller.js';
import { Refusal } from './refusal.js';
import { VimSession } from './session.js';
import type { Trust } from './soap/transport.js';
import type { MoRef } from './soap/types.js';
import { TaskHub } from './task-hub.js';
import { diskTypes } from './vim/disk.js';
import { hostTypes } from './vim/host.js';
import { TaskInfo } from './vim/task.js';

/** A vCenter as it is configured. */
export interface VCenterOptions {
  /** What steps name as their system. */
  readonly id: string;
  /** `https://host[:port]`. */
  readonly origin: string;
  readonly trust: Trust;
  readonly userName: string;
  /** Read at each login. */
  readonly password: () => Promise<string>;
}

/** A vCenter that is in use. */
export interface VCenter {
  readonly id: string;
  readonly session: VimSession;
  readonly tasks: TaskHub;
}

/** All of them; a session begins when a step first needs it. */
export class VCenters {
  readonly #byId = new Map<string, VCenter>();

  /** @throws TypeError naming the option that breaks its rule. */
  constructor(all: readonly VCenterOptions[], clock: Clock = systemClock) {
    for (const { id, ...options } of all) {
      if (this.#byId.has(id)) throw new TypeError(`vcenters: "${id}" is there twice`);
      const session = new VimSession({ ...options, types: [...hostTypes, ...diskTypes, TaskInfo], clock });
      this.#byId.set(id, { id, session, tasks: new TaskHub(session, clock) });
    }
  }

  /** @throws Refusal SystemUnknown */
  get(system: string): VCenter {
    const found = this.#byId.get(system);
    if (found !== undefined) return found;
    const known = [...this.#byId.keys()].join(', ');
    throw new Refusal('SystemUnknown', `No vCenter "${system}" is configured here; there are: ${known}`);
  }

  /** Logs out everywhere. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#byId.values()].map(async ({ session, tasks }) => {
        await tasks.close();
        await session.close();
      }),
    );
  }
}

/** A reference from the value that arguments carry. */
export function refOf(type: string, value: string): MoRef {
  return { type, value };
}
