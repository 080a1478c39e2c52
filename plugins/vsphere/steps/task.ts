/** Steps that leave a task with the vCenter: answered for at once when it is soon over, polled otherwise. */
import { pending, type ExecuteResult, type PollResult } from '../../../src/controller.js';
import type { Call, Work } from '../answers.js';
import { VimFault } from '../soap/faults.js';
import type { MoRef } from '../soap/types.js';
import { TaskGone } from '../task-hub.js';
import { refOf } from '../vcenter.js';

/** A task that ends within this is answered for at once. */
const patienceMs = 2_000;
const pollMs = 1_000;

/** How the task stands. What came of it is read from the disk itself, by the look that the step takes before it acts. */
export async function pollTask(work: Work, call: Call, taskId: string): Promise<PollResult> {
  const task = refOf('Task', taskId);
  try {
    const info = await call.vcenter.tasks.wait(task, patienceMs, call.context.signal);
    if (info === undefined) return pending(taskId, pollMs);
    if (info.state === 'error') {
      const fault: Error = faultOf(info.error, taskId);
      throw fault;
    }
  } catch (error) {
    // Purged, or a vCenter that was restarted: the look decides.
    if (!(error instanceof TaskGone)) throw error;
  }
  return await work(call);
}

/** The result once the task is over; faults of these classes count as done. */
export async function untilOver(
  call: Call,
  task: MoRef,
  result: () => Promise<ExecuteResult>,
  accepted: readonly string[] = [],
): Promise<ExecuteResult> {
  const info = await call.vcenter.tasks.wait(task, patienceMs, call.context.signal);
  if (info === undefined) return pending(task.value, pollMs);
  if (info.state === 'error') {
    const fault = faultOf(info.error, task.value);
    if (!accepted.includes(fault.type)) throw fault;
  }
  return await result();
}

function faultOf(error: { fault: unknown; localizedMessage?: string } | undefined, task: string): VimFault {
  const { $type = '' } = (error?.fault ?? {}) as { readonly $type?: string };
  return new VimFault(`Task ${task}`, {
    type: $type,
    message: error?.localizedMessage ?? '',
    detail: error?.fault,
  });
}
