/**
 * A claimed step while this node runs it: what it is run with, what is known of its call, and how far it may go. Those
 * who run it ({@link Execution} and what it delegates to) share this.
 */
import type { Admission } from '../admission/admission.js';
import { sleep, type Clock } from '../base/clock.js';
import { isUndo, type StepId, type WorkflowId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { PlanCache } from '../engine/plan-cache.js';
import type { Intake } from '../intake/plan-intake.js';
import { isReason } from '../errors/index.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import type { Session } from '../lease/session.js';
import { lazyChild, type Logger } from '../log/log.js';
import { afterFenced, type AttemptContext, type CallBroken, type Next } from '../model/attempt.js';
import type { SchemaChecker } from '../model/schema.js';
import { isStopped } from '../model/workflow-state.js';
import type { LiveWorkflow } from '../queue/queue-view.js';
import type { Batcher } from '../store/batcher.js';
import type { WorkflowKey } from '../store/keys.js';
import type { Span, Telemetry } from '../telemetry/index.js';
import type { Store } from '../store/store.js';
import { HeldItem } from './held-item.js';
import type { ControllerDirectory, OutcomeSink, SecretVault } from './ports.js';
import type { PreparedCall } from './prepare-call.js';
import { ProgressWriter } from './progress.js';
import { StepCaller } from './step-caller.js';

/** What running a step needs. */
export interface RunningOptions {
  readonly store: Store;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly session: Session;
  readonly plans: PlanCache;
  readonly controllers: ControllerDirectory;
  readonly secrets: SecretVault;
  readonly checker: SchemaChecker;
  /** For the plans of children. */
  readonly intake: Intake;
  /** How many shards the cluster has. */
  readonly shards: number;
  readonly outcomes: OutcomeSink;
  readonly admission: Admission;
  /** See GenerationRecord. */
  readonly generation: number;
  /** The workflow as every node knows it. */
  readonly live: (workflow: WorkflowId) => LiveWorkflow | undefined;
}

/** The first wait between two tries at a store that does not answer, or refused. */
export const storeRetryMsMin = 50;
const storeRetryMsMax = 2_000;

/** See the head of this file. */
export class RunningStep {
  readonly options: RunningOptions;
  readonly held: HeldItem;
  readonly progress: ProgressWriter;
  readonly caller: StepCaller;
  readonly workflow: WorkflowKey;
  readonly id: StepId;
  readonly log: Logger;
  /** From its claim until this node lets go of it. */
  readonly span: Span;
  /** The workflow was stopped, and the controller is to be told. */
  readonly cancel = new AbortController();
  /** The node gives its work away. */
  readonly handOver = new AbortController();
  prepared: PreparedCall | undefined;
  /** How the call ended that is now being looked into; undefined if its node was lost. */
  broken: CallBroken | undefined;
  /** How it left this node's hands, if it did. */
  ended: { readonly state: string; readonly error: string | undefined } | undefined;
  /** By the monotonic clock. */
  deadlineMs = 0;
  /** When its external task was told to stop, by the monotonic clock. */
  stoppedMs: number | undefined;

  constructor(workflow: WorkflowKey, item: QueueItem, revision: number, options: RunningOptions) {
    this.options = options;
    this.workflow = workflow;
    this.id = item.stepId as StepId;
    this.held = new HeldItem(workflow, item, revision, options.batcher, options.random);
    this.progress = new ProgressWriter(this.held, options.clock);
    this.log = lazyChild(options.log, { workflow: workflow.id, step: item.stepId });
    this.span = options.telemetry.tracer.start(`step ${item.stepId}`, {
      ...{ parent: item.traceParent, kind: 'internal' },
      attributes: {
        'steplock.workflow': workflow.id,
        'steplock.step': item.stepId,
        'steplock.attempt': item.attempt,
        'steplock.node': options.session.nodeId,
      },
    });
    const { traceParent } = this.span;
    this.caller = new StepCaller(this.held, this.progress, { ...options, log: this.log, traceParent });
  }

  /** The call, once it is prepared. */
  get known(): PreparedCall {
    if (this.prepared === undefined) throw new TypeError('The call was not prepared');
    return this.prepared;
  }

  /** What model/attempt decides on. */
  context(): AttemptContext {
    const { live, random } = this.options;
    const state = live(this.workflow.id)?.record.state;
    const isStopping = !isUndo(this.id) && (state === undefined || isStopped(state));
    return { item: this.held.item, call: this.known.call, isStopping, random };
  }

  /** The call gets all of its time from now on, and nothing has stopped it. */
  beginCall(): void {
    this.deadlineMs = this.options.clock.monotonicMs() + this.known.call.timeoutMs;
    this.stoppedMs = undefined;
  }

  /** What follows when the controller has seen a newer token than ours. */
  fenced(): Next {
    this.log.warn({ fencingToken: this.held.fence }, 'fenced by the controller');
    return afterFenced(this.context());
  }

  /** Reads, however long the store takes: the step is claimed and must come to its end. */
  async untilStoreAnswers<T>(read: () => Promise<T>): Promise<T> {
    const { clock, session } = this.options;
    for (let waitMs = storeRetryMsMin; ; waitMs = Math.min(waitMs * 2, storeRetryMsMax)) {
      try {
        return await read();
      } catch (error) {
        if (!isReason(error, 'STORE_UNAVAILABLE')) throw error;
        await sleep(clock, waitMs, session.signal);
      }
    }
  }
}
