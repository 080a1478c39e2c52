/**
 * A node in a process of its own: gets one call on its standard input, runs it, and says on its standard
 * output where it is. At the fault point that it was given it stays until it is killed or told to go on.
 */
import { createInterface } from 'node:readline';
import type { JsonObject } from '../../../src/controller.js';
import { createLinuxController, type LinuxSystem } from '../../../plugins/linux/index.js';
import { contextOf, type CallData } from './support.js';

export interface WorkerTask {
  readonly system: LinuxSystem;
  readonly operation: 'execute' | 'probe';
  readonly method: string;
  readonly call: CallData;
  readonly args: JsonObject;
  /** Where to stay. */
  readonly stopAt?: string;
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
say('ready');
const first = await lines.next();
if (first.done !== true) {
  const task = JSON.parse(first.value) as WorkerTask;
  const controller = createLinuxController({
    systems: [task.system],
    faultPoint: async (point) => {
      if (point !== task.stopAt) return;
      say(`at ${point}`);
      await lines.next();
    },
  });
  try {
    const context = contextOf(task.call, {
      progress: (percent, message) => {
        say(`progress ${percent} ${message ?? ''}`);
      },
    });
    say(`result ${JSON.stringify(await controller[task.operation](context, task.method, task.args))}`);
  } catch (error) {
    say(`error ${JSON.stringify(String(error))}`);
  }
}
process.exit(0);
