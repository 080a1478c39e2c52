/** A node in a process of its own, told by its parent what it is; ends with SIGTERM as `steplock server` does. */
import { createLogger, logDestination } from '../../src/log/log.js';
import { startNode } from '../../src/node.js';
import { createBenchController } from './bench-controller.js';
import type { NodeMessage, NodeOrder, ParentMessage } from './node-process.js';

const { settings, journal } = JSON.parse(process.argv[2] ?? '') as NodeOrder;
const tell = (message: NodeMessage): void => void process.send?.(message);

const node = await startNode(settings, {
  log: createLogger('info', logDestination(false)),
  env: {},
  controllers: new Map([['bench', createBenchController(settings.nodeId, journal)]]),
});

async function end(): Promise<void> {
  await node.close();
  process.exit();
}

process.once('SIGTERM', () => void end());
// Without its parent there is nobody for it to work for.
process.once('disconnect', () => process.exit());
process.on('message', (message: ParentMessage) => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage();
    tell({ kind: 'cpu', seconds: (user + system) / 1e6 });
    return;
  }
  // Twice: what the first one finalizes, the second one frees.
  globalThis.gc?.();
  globalThis.gc?.();
  tell({ kind: 'heap', bytes: process.memoryUsage().heapUsed });
});
await node.joined();
tell({ kind: 'ready', address: node.address });
