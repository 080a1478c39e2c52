/** `steplock node …`. */
import type { Command } from 'commander';
import {
  DrainNodeResponse,
  ListNodesResponse,
  type Node,
} from '../gen/wire/steplock/v1/dispatcher_service.js';
import {
  newRequestId,
  withClient,
  withClientOptions,
  withReason,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { formatSpan, printResult } from './output.js';

const head = ['NODE', 'ADDRESS', 'NEIGHBORHOOD', 'RUNNING', 'SHARDS', 'STATE', 'UP'];

/** Adds the commands. */
export function addNodeCommands(program: Command, context: CliContext): void {
  const node = program.command('node').description('see the nodes, and let one give its work away');
  withClientOptions(node.command('list'))
    .description('list the nodes that are alive')
    .action(async (options: ClientOptions) => {
      await withClient(options, async (client) => {
        const response = await client.dispatcher.listNodes({});
        const body = response.nodes.map((item) => nodeRow(item, context.nowMs()));
        printResult(context.terminal, options.output, ListNodesResponse.toJSON(response), { head, body });
      });
    });
  withReason(withClientOptions(node.command('drain <node>')), true)
    .description(
      'let a node take no new work and give away what it has; it stays until its process is stopped',
    )
    .action(async (id: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const request = { name: `nodes/${id}`, requestId: newRequestId(), actor, reason };
        const response = await client.dispatcher.drainNode(request);
        const body = response.node === undefined ? [] : [nodeRow(response.node, context.nowMs())];
        printResult(context.terminal, options.output, DrainNodeResponse.toJSON(response), { head, body });
      });
    });
}

function nodeRow(node: Node, nowMs: number): string[] {
  return [
    node.name.slice('nodes/'.length),
    node.address,
    node.neighborhood,
    `${node.running}/${node.capacity}`,
    String(node.shards),
    node.draining ? 'draining' : 'taking work',
    formatSpan(node.joinTime, undefined, nowMs),
  ];
}
