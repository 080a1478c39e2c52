/** Between a node and an orchestrator: what it is asked, what it answers, and what it is told. */
import type { JsonObject } from '../base/json.js';
import type { ControllerDescription } from './contract.js';

/** What an orchestrator is told beside the request. */
export interface PlanContext {
  /** Of a child: `workflows/{workflow}/steps/{step}` that asks; else empty. */
  readonly parent: string;
  readonly tenant: string;
  /** By this process's wall clock. */
  readonly deadlineMs: number;
  /** Aborts when nobody waits for the plan any more. */
  readonly signal: AbortSignal;
}

/** What an orchestrator made of a request. */
export type PlanAnswer =
  | {
      readonly kind: 'planned';
      /** A steplock.v1.Plan in protobuf's JSON form. */
      readonly plan: JsonObject;
      /** A steplock.v1.WorkflowSettings in that form; see PlannedWorkflow for what of it counts. */
      readonly settings?: JsonObject;
    }
  | {
      readonly kind: 'failed';
      /** A name for programs. */
      readonly reason: string;
      /** For people; without secrets. */
      readonly message: string;
      /** Whether trying again may help. */
      readonly retryable: boolean;
    };

/** How a workflow ended, for its orchestrator: see OrchestratorService.Ended. */
export interface EndNews {
  /** `workflows/{workflow}`. */
  readonly workflow: string;
  readonly workflowUid: string;
  /** The same sequence is the same news. */
  readonly sequence: number;
  /** A name of steplock.v1.WorkflowState, without prefix. */
  readonly state: string;
  /** What it returns, if it succeeded. */
  readonly output: JsonObject | undefined;
  /** Why it was stopped, if it was: a steplock.v1.Stop in protobuf's JSON form. */
  readonly stop: JsonObject | undefined;
}

/** What the engine asks for plans: an orchestrator in this process or behind gRPC. */
export interface OrchestratorPort {
  /** What it says of itself; its methods are its operations. */
  readonly description: ControllerDescription;
  /**
   * Makes a plan. It must have no effect: it is asked again whenever the answer is lost, or throws. Secrets among the
   * arguments come as `{"$secret": …}`, to be passed on into the plan as they are.
   */
  plan(context: PlanContext, operation: string, args: JsonObject): Promise<PlanAnswer>;
  /** Is told how a workflow ended, at least once; throws to be told again. */
  ended(news: EndNews): Promise<void>;
}
