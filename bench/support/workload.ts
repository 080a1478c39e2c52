/** Workflows submitted and waited for by a client over gRPC. */
import { newUuid } from '../../src/base/ids.js';
import { systemRandom } from '../../src/base/random.js';
import type { SteplockClient } from '../../src/client/index.js';
import type { Plan } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { SubmitWorkflowRequest } from '../../src/gen/wire/steplock/v1/workflow_service.js';

const waitSeconds = 120;

/** A request id that nobody has used. */
export function requestId(): string {
  return newUuid(systemRandom);
}

/** Submits a plan; gives the workflow's name. */
export async function submit(client: SteplockClient, plan: Plan, workflowId = ''): Promise<string> {
  const request = { ...SubmitWorkflowRequest.fromPartial({ requestId: requestId(), workflowId }), plan };
  const { workflow } = await client.workflows.submitWorkflow(request, { timeoutMs: 60_000 });
  return workflow?.name ?? '';
}

/** Waits until it has succeeded. */
export async function succeeded(client: SteplockClient, name: string): Promise<void> {
  const timeout = { seconds: String(waitSeconds), nanos: 0 };
  const options = { timeoutMs: (waitSeconds + 5) * 1_000 };
  const { workflow } = await client.workflows.waitWorkflow({ name, timeout }, options);
  if (workflow?.state !== WorkflowState.SUCCEEDED) throw new Error(`${name} has not succeeded`);
}

/** Keeps so many workflows outstanding until it is told to stop. */
export class Workload {
  #ended = 0;
  #isOver = false;
  #failure: unknown;
  readonly #loops: Promise<void>[];

  constructor(client: SteplockClient, plan: Plan, outstanding: number) {
    const loop = async (): Promise<void> => {
      try {
        while (!this.#isOver) {
          await succeeded(client, await submit(client, plan));
          this.#ended += 1;
        }
      } catch (error) {
        this.#isOver = true;
        this.#failure = error;
      }
    };
    this.#loops = Array.from({ length: outstanding }, loop);
  }

  /** How many have ended so far. */
  get ended(): number {
    return this.#ended;
  }

  /** Begins no more, and waits for those that run. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }
}

/** Does so many things, some at once. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, loop));
}
