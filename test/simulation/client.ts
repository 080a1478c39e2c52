/** Whoever submits workflows in a simulated run, and does not give up before each is answered. */
import { newUuid } from '../../src/base/ids.js';
import { isReason } from '../../src/errors/index.js';
import type { Api } from '../../src/rpc/context.js';
import { submitWorkflow } from '../../src/rpc/workflow/submit.js';
import { drawPlan, levelsMax, type DrawnPlan } from './plans.js';
import type { Scheduler } from './scheduler.js';

/** What the client sees of the world. */
export interface ClientView {
  readonly scheduler: Scheduler;
  /** A node of those that run, at random. */
  readonly anyApi: () => Api | undefined;
  readonly trace: (line: string) => void;
  /** Whether workflows are deleted in this run. */
  readonly mayBeGone: () => boolean;
  /** Called with what went wrong: a refusal is an answer, anything else a defect. */
  readonly onError: (what: string, error: unknown) => void;
  readonly fail: (message: string) => void;
}

/** See above. */
export class Client {
  /** Of the workflows that were accepted. */
  readonly ids: string[] = [];
  readonly #view: ClientView;
  readonly #stepsMax: number;
  #pending = 0;

  constructor(view: ClientView, stepsMax: number) {
    this.#view = view;
    this.#stepsMax = stepsMax;
  }

  /** Whether a submission has not been answered yet. */
  get isWaiting(): boolean {
    return this.#pending > 0;
  }

  /** Submits a workflow, again and again with the same request id until it is answered. */
  submit(delayMs: number): void {
    this.send(drawPlan(this.#view.scheduler.random, this.#stepsMax, levelsMax), '', delayMs);
  }

  /** The same with a plan that is given, and an id; empty for any. */
  send(plan: DrawnPlan, workflowId: string, delayMs: number): void {
    const requestId = newUuid(this.#view.scheduler.random);
    this.#pending += 1;
    let isAnswered = false;
    const attempt = (): void => {
      if (isAnswered) return;
      this.#view.scheduler.after(3_000, attempt);
      const api = this.#view.anyApi();
      if (api === undefined) return;
      const request = {
        requestId,
        workflowId,
        settings: plan.settings,
        plan,
        actor: 'client',
        planHash: '',
      };
      submitWorkflow(api, request, {
        signal: new AbortController().signal,
        deadlineMs: Infinity,
        traceParent: '',
      }).then(
        ({ workflow }) => {
          if (isAnswered) return;
          isAnswered = true;
          this.#pending -= 1;
          const id = workflow?.name.slice('workflows/'.length) ?? '';
          if (this.ids.includes(id)) this.#view.fail(`${id}: one id for two requests`);
          this.ids.push(id);
          this.#view.trace(`client: submitted ${id} with ${plan.steps.length} steps`);
        },
        (error: unknown) => {
          this.#view.onError('submit', error);
          // An earlier attempt made it, it has run, and its time is over.
          if (isAnswered || !this.#view.mayBeGone() || !isReason(error, 'WORKFLOW_NOT_FOUND')) return;
          isAnswered = true;
          this.#pending -= 1;
        },
      );
    };
    this.#view.scheduler.after(delayMs, attempt);
  }
}
