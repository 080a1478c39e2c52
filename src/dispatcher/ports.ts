/** What the dispatcher needs of others, as seen from below them. */
import type { StepId } from '../base/ids.js';
import type { ControllerPort } from '../contract/contract.js';
import type { OrchestratorPort } from '../contract/orchestrator.js';
import type { Report } from '../engine/decide.js';
import type { StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { SecretForm } from '../model/secret.js';
import type { WorkflowKey } from '../store/keys.js';

/** The controllers that this node can call. */
export interface ControllerDirectory {
  /** The controller, or undefined if none of that name is known. */
  find(name: string): ControllerPort | undefined;
  /** The orchestrator, or undefined if none of that name is known. */
  findOrchestrator(name: string): OrchestratorPort | undefined;
}

/** Resolves secrets for controllers in this process, and seals those in outputs. */
export interface SecretVault {
  /**
   * The secret in clear.
   *
   * @throws Error that names where it was looked for, never what was found.
   */
  open(form: SecretForm, workflowUid: string): Promise<string>;
  /** The text sealed for the workflow; undefined when this node has no key. */
  seal(text: string, workflowUid: string): string | undefined;
}

/** The engine of this node, for steps of workflows that it owns. */
export interface OutcomeSink {
  /** Commits an outcome together with what follows from it; false when this node cannot. */
  report(workflow: WorkflowKey, report: Report): Promise<boolean>;
  /** An outcome that it knows without asking the store. */
  peekRecord(workflow: WorkflowKey, step: StepId): StepRecord | undefined;
}
