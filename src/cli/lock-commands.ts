/** `steplock lock …`. */
import type { Command } from 'commander';
import { BreakLockResponse, ListLocksResponse, LockState } from '../gen/wire/steplock/v1/lock_service.js';
import { LockMode } from '../gen/wire/steplock/v1/plan.js';
import {
  newRequestId,
  withClient,
  withClientOptions,
  withReason,
  workflowNameOf,
  type ClientOptions,
  type CliContext,
  type ReasonOptions,
} from './context.js';
import { formatSpan, printResult } from './output.js';

const pageSize = 1_000;
const stateNames = new Map<LockState, string>([
  [LockState.WAITING, 'waiting'],
  [LockState.HELD, 'held'],
  [LockState.QUARANTINED, 'quarantined'],
]);

/** Adds the commands. */
export function addLockCommands(program: Command, context: CliContext): void {
  const lock = program.command('lock').description('see who has locked what, and break a lock');
  const show = async (options: ClientOptions, resource: string): Promise<void> => {
    await withClient(options, async (client) => {
      const response = await client.locks.listLocks({ pageSize, pageToken: '', resource });
      const body = response.locks.map((item) => [
        item.resource,
        item.mode === LockMode.SHARED ? 'shared' : 'exclusive',
        stateNames.get(item.state) ?? '',
        item.workflow.slice('workflows/'.length),
        item.tenant,
        formatSpan(item.since, undefined, context.nowMs()),
      ]);
      const head = ['RESOURCE', 'MODE', 'STATE', 'WORKFLOW', 'TENANT', 'SINCE'];
      printResult(context.terminal, options.output, ListLocksResponse.toJSON(response), { head, body });
    });
  };
  withClientOptions(lock.command('list'))
    .description('list all locks: who has each, then who waits for it, in order')
    .action(async (options: ClientOptions) => {
      await show(options, '');
    });
  withClientOptions(lock.command('describe <resource>'))
    .description('show who has a resource, and who waits for it')
    .action(async (resource: string, options: ClientOptions) => {
      await show(options, resource);
    });
  withReason(withClientOptions(lock.command('break <resource> <workflow>')), true)
    .description('take a lock away from a workflow, which goes on without it')
    .action(async (resource: string, workflow: string, options: ReasonOptions) => {
      await withClient(options, async (client) => {
        const { actor, reason } = options;
        const names = { workflow: workflowNameOf(workflow), resource };
        const response = await client.locks.breakLock({ ...names, requestId: newRequestId(), actor, reason });
        printResult(context.terminal, options.output, BreakLockResponse.toJSON(response), {
          head: ['RESOURCE', 'WORKFLOW'],
          body: [[resource, workflow]],
        });
      });
    });
}
