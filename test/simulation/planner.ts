/** The orchestrator of the simulation: draws the plan of a child from the seed that stands in its arguments. */
import { sleep } from '../../src/base/clock.js';
import type { JsonObject } from '../../src/base/json.js';
import { createSeededRandom } from '../../src/base/random.js';
import type { MethodDescription } from '../../src/contract/contract.js';
import type { OrchestratorPort, PlanAnswer } from '../../src/contract/orchestrator.js';
import { Plan } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowSettings } from '../../src/gen/wire/steplock/v1/workflow.js';
import type { HandlerHost } from './controllers.js';
import { drawPlan } from './plans.js';
import { never } from './sim-store.js';

/** What it is asked to do. */
interface Request {
  readonly seed: number;
  readonly levels: number;
  readonly steps: number;
  readonly ms: number;
  /** How many answers say that it is busy. */
  readonly failures: number;
  /** Whether it makes no plan, or one that is none. */
  readonly fatal: '' | 'before' | 'half';
}

/** A plan as the goldens of the crash sweep write it. */
export interface WrittenPlan {
  readonly plan: Plan;
  readonly settings: WorkflowSettings;
}

const operation = (name: string): MethodDescription => ({
  name,
  description: name,
  argumentsSchema: { type: 'object' },
  outputSchema: undefined,
  undo: undefined,
  limitClass: name,
  timeoutMs: 5_000,
  retry: { maxAttempts: 3, initialBackoffMs: 100, maxBackoffMs: 1_000, multiplier: 2 },
  canProbe: false,
  idempotent: true,
});

/** The orchestrator as it runs on that host; `written`: plans that it gives by name, instead of drawing them. */
export function createPlanner(
  host: HandlerHost,
  written: ReadonlyMap<string, WrittenPlan>,
): OrchestratorPort {
  return {
    description: {
      kind: 'simulated',
      version: '1',
      description: 'Draws plans',
      methods: [operation('draw'), ...[...written.keys()].map(operation)],
    },
    plan: async ({ parent, signal }, name, args) => {
      const { process, network } = host;
      const known = written.get(name);
      const request = args as unknown as Request;
      if (network.mayCrash(process, `before planning of ${parent}`)) return await never();
      await sleep(process.clock, known === undefined ? request.ms : 1, signal);
      const answer = known === undefined ? draw(host, parent, request) : answerOf(known);
      if (network.mayCrash(process, `after planning of ${parent}`)) return await never();
      return answer;
    },
    ended: async () => {
      await Promise.resolve();
    },
  };
}

function draw({ array }: HandlerHost, parent: string, request: Request): PlanAnswer {
  const { seed, levels, steps, failures, fatal } = request;
  if (array.count(`plan ${parent}`) <= failures)
    return { kind: 'failed', reason: 'Busy', message: 'Not now', retryable: true };
  if (fatal === 'before') return { kind: 'failed', reason: 'Refused', message: 'Never', retryable: false };
  const { settings, ...plan } = drawPlan(createSeededRandom(seed), steps, levels);
  const [first] = plan.steps;
  // Refused at the door.
  if (fatal === 'half' && first !== undefined) first.dependsOn = [first.id];
  return answerOf({ plan, settings });
}

function answerOf({ plan, settings }: WrittenPlan): PlanAnswer {
  return {
    kind: 'planned',
    plan: Plan.toJSON(plan) as JsonObject,
    settings: WorkflowSettings.toJSON(settings) as JsonObject,
  };
}
