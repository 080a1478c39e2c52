/**
 * A watch that outlives its connections. After a cut it is opened anew, at whichever node answers, and what comes again is
 * left out: the server begins with all of the workflow, and only what differs from what was seen is given on. A stream's
 * own cursor would not do: one response can come in parts, and a cut between two of them would lose the rest.
 */
import { sha256Hex } from '../base/bytes.js';
import { AbortScope, isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import { isReason } from '../errors/index.js';
import {
  WatchEvent,
  type WatchWorkflowResponse,
  type WorkflowServiceService,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { Step, Workflow } from '../gen/wire/steplock/v1/workflow.js';
import { transientReasons, type Calls } from './calls.js';
import { isFinalState } from './state.js';

/** What changed in a workflow. */
export interface WorkflowUpdate {
  /** The workflow as it stands. */
  readonly workflow: Workflow;
  /** The steps that changed, and undos. */
  readonly steps: readonly Step[];
  /** Whether the connection was lost before this: what lay between may have been merged into it. */
  readonly resynchronised: boolean;
  /** Whether it is the last: the workflow has ended. Comes exactly once, unless it is deleted before. */
  readonly ended: boolean;
  /** Whether it is the last: the workflow was deleted; `workflow` is what was last seen of it. */
  readonly deleted: boolean;
}

/** What a watch needs. */
export interface WatchParts {
  readonly workflows: Pick<Calls<typeof WorkflowServiceService>, 'watchWorkflow'>;
  readonly clock: Clock;
}

/** The server says something every 10 s: after this the connection counts as lost. */
const silenceMsMax = 35_000;
const retryMsMin = 100;
const retryMsMax = 3_000;

/** Watches `workflows/{workflow}` to its end. Ends early, without an error, when the signal aborts. */
export async function* watchWorkflow(
  { workflows, clock }: WatchParts,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<WorkflowUpdate, void, void> {
  const picture = new Picture();
  for (let failures = 0; ; failures++) {
    const scope = new AbortScope(...(signal === undefined ? [] : [signal]));
    const silence = new Silence(clock, () => {
      scope.abort(new Error('Nothing was heard for too long'));
    });
    try {
      const responses = workflows.watchWorkflow({ name, startRevision: '0' }, { signal: scope.signal });
      for await (const response of responses) {
        failures = 0;
        silence.broken();
        yield* picture.take(response);
        if (picture.isOver) return;
      }
      if (signal?.aborted === true) return;
      // It may also have ended because we gave it up.
      if (!isAborted(scope.signal)) yield* picture.close();
      if (picture.isOver) return;
    } catch (error) {
      if (signal?.aborted === true) return;
      const last = picture.last;
      if (last !== undefined && isReason(error, 'WORKFLOW_NOT_FOUND')) {
        yield { workflow: last, steps: [], resynchronised: true, ended: false, deleted: true };
        return;
      }
      if (!isReason(error, ...transientReasons)) throw error;
    } finally {
      silence.end();
      // Lets go of the stream, also when the reader has left the loop.
      scope.abort(new Error('The watch is over'));
    }
    picture.lose();
    const isStopped = await sleep(clock, Math.min(retryMsMin * 2 ** failures, retryMsMax), signal).then(
      () => false,
      () => true,
    );
    if (isStopped) return;
  }
}

/** What was given on of a workflow, and what of a response is new against it. */
export class Picture {
  readonly #digests = new Map<string, string>();
  #workflow: { readonly value: Workflow; readonly digest: string } | undefined;
  #revision = 0;
  #isLost = false;
  /** Of the response in which it has ended: its parts are held until all are there. */
  #held: Step[] | undefined;
  #isOver = false;

  /** The workflow as it was last seen. */
  get last(): Workflow | undefined {
    return this.#workflow?.value;
  }

  /** Whether the last update was given. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The stream broke: what was held comes again. */
  lose(): void {
    this.#held = undefined;
    this.#isLost = true;
  }

  /** The updates that follow from a response. */
  *take(response: WatchWorkflowResponse): Generator<WorkflowUpdate> {
    const { workflow, revision, event, steps } = response;
    const former = this.#workflow?.value;
    // A node that lags behind the one before shows what was seen already.
    if (workflow === undefined || Number(revision) < this.#revision) return;
    const isAnother = former !== undefined && former.uid !== workflow.uid;
    if (isAnother || event === WatchEvent.DELETED) {
      this.#isOver = true;
      yield this.#update(former ?? workflow, [], { deleted: true });
      return;
    }
    this.#revision = Number(revision);
    if (isFinalState(workflow.state)) {
      this.#held = [...(this.#held ?? []), ...steps];
      this.#workflow = { value: workflow, digest: digestOf(workflow) };
      return;
    }
    const changed = this.#changed(steps);
    const digest = digestOf(workflow);
    const isSame = this.#workflow?.digest === digest && changed.length === 0;
    this.#workflow = { value: workflow, digest };
    if (!isSame) yield this.#update(workflow, changed, {});
  }

  /** The stream came to its orderly end: so has the workflow, if it was seen to. */
  *close(): Generator<WorkflowUpdate> {
    const { last } = this;
    if (this.#held === undefined || last === undefined) return;
    this.#isOver = true;
    yield this.#update(last, this.#changed(this.#held), { ended: true });
  }

  #update(workflow: Workflow, steps: readonly Step[], last: Partial<WorkflowUpdate>): WorkflowUpdate {
    const resynchronised = this.#isLost;
    this.#isLost = false;
    return { workflow, steps, resynchronised, ended: false, deleted: false, ...last };
  }

  #changed(steps: readonly Step[]): Step[] {
    return steps.filter((step) => {
      const digest = sha256Hex(Step.encode(step).finish());
      const isNew = this.#digests.get(step.name) !== digest;
      this.#digests.set(step.name, digest);
      return isNew;
    });
  }
}

function digestOf(workflow: Workflow): string {
  return sha256Hex(Workflow.encode(workflow).finish());
}

/** Calls when nothing was heard for too long. */
class Silence {
  readonly #clock: Clock;
  readonly #onTooLong: () => void;
  #cancel: () => void;

  constructor(clock: Clock, onTooLong: () => void) {
    this.#clock = clock;
    this.#onTooLong = onTooLong;
    this.#cancel = clock.setTimer(silenceMsMax, onTooLong);
  }

  broken(): void {
    this.#cancel();
    this.#cancel = this.#clock.setTimer(silenceMsMax, this.#onTooLong);
  }

  end(): void {
    this.#cancel();
  }
}
