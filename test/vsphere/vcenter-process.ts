/** A vCenter for tests as a process (test/vsphere/launcher), and ways to disturb it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import { ensureVCenter } from '../../scripts/vcenter.mjs';

/** A vCenter that runs. */
export interface VCenterProcess {
  readonly origin: string;
  readonly user: string;
  readonly password: string;
  readonly sha256: string;
  /** IQNs of the hosts of cluster `DC0_C0`. */
  readonly hosts: readonly string[];
  /** The next calls of a method are refused with that fault; its number as the simulator counts them. */
  refuse(method: string, fault: FaultType, count: number): Promise<void>;
  /** The next calls of a method are made, and their answers are lost. */
  lose(method: string, count: number): Promise<void>;
  /** Nothing is refused or lost any more. */
  calm(): Promise<void>;
  /** How often each method was called. */
  calls(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

/** Of govmomi's simulator, `fault_injection.go`. */
const faultTypes = { NotAuthenticated: 1, InvalidState: 6, ResourceInUse: 7 } as const;
/** Faults that can be made to happen. */
export type FaultType = keyof typeof faultTypes;

const stopMs = 5_000;

/** Starts one whose hosts see the targets of the tgtd with that management socket. */
export async function startVCenter(tgtd?: { ipcPath: string; controlPort: number }): Promise<VCenterProcess> {
  const args =
    tgtd === undefined
      ? []
      : ['--tgtd-control-port', String(tgtd.controlPort), '--tgtd-socket', tgtd.ipcPath];
  const child = spawn(await ensureVCenter(), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const ready = JSON.parse(line) as Pick<VCenterProcess, 'origin' | 'user' | 'password' | 'sha256' | 'hosts'>;
  const agent = new Agent({ connect: { rejectUnauthorized: false } });
  const ask = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<string> => {
    const answer = await request(`${ready.origin}${path}`, {
      method,
      dispatcher: agent,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${text}`);
    return text;
  };
  return {
    ...ready,
    refuse: async (MethodName, fault, MaxCount) => {
      await ask('POST', '/x/fault', { MethodName, FaultType: faultTypes[fault], MaxCount });
    },
    lose: async (method, count) => {
      await ask('POST', '/x/lose', { method, count });
    },
    calm: async () => {
      await ask('DELETE', '/x/fault');
      await ask('DELETE', '/x/lose');
    },
    calls: async () => JSON.parse(await ask('GET', '/x/calls')) as Record<string, number>,
    stop: async () => {
      await agent.destroy();
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      // A call that hangs in the simulator would keep it.
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
