/** An orchestrator that makes the plans that a test says. */
import type {
  EndNews,
  OrchestratorPort,
  PlanAnswer,
  PlanContext,
} from '../../../src/contract/orchestrator.js';
import type { JsonObject } from '../../../src/controller.js';
import { Plan } from '../../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowSettings } from '../../../src/gen/wire/steplock/v1/workflow.js';

type Script = (args: JsonObject, context: PlanContext) => PlanAnswer | Promise<PlanAnswer>;

/** The answer with a plan. */
export function planned(plan: Plan, settings: Partial<WorkflowSettings> = {}): PlanAnswer {
  const said = WorkflowSettings.toJSON({ ...WorkflowSettings.fromPartial({}), ...settings }) as JsonObject;
  return { kind: 'planned', plan: Plan.toJSON(plan) as JsonObject, settings: said };
}

/** See above. Operations `one` to `four`, each with any arguments. */
export class ScriptedOrchestrator {
  readonly port: OrchestratorPort;
  readonly news: EndNews[] = [];
  readonly asked: { readonly operation: string; readonly args: JsonObject; readonly parent: string }[] = [];
  readonly #scripts = new Map<string, Script>();
  /** What `ended` does before it takes note. */
  onEnded: () => void = () => undefined;

  constructor() {
    const method = (name: string) => ({
      name,
      description: name,
      argumentsSchema: { type: 'object', properties: { key: { type: 'string', 'x-steplock-secret': true } } },
      outputSchema: undefined,
      undo: undefined,
      limitClass: name,
      timeoutMs: 5_000,
      retry: { maxAttempts: 3, initialBackoffMs: 20, maxBackoffMs: 100, multiplier: 2 },
      canProbe: false,
      idempotent: true,
    });
    const methods = ['one', 'two', 'three', 'four'].map(method);
    this.port = {
      description: { kind: 'desk', version: '1', description: 'Makes the plans of a test', methods },
      plan: async (context, operation, args) => {
        this.asked.push({ operation, args, parent: context.parent });
        const script = this.#scripts.get(operation);
        if (script === undefined) throw new Error(`No plan for ${operation}`);
        return await script(args, context);
      },
      ended: async (news) => {
        await Promise.resolve();
        this.onEnded();
        this.news.push(news);
      },
    };
  }

  /** Says which plan an operation becomes. */
  script(operation: string, script: Script): void {
    this.#scripts.set(operation, script);
  }
}
