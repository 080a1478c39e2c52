/** A connection to a Steplock cluster: workflows by handle, and every service, typed. */
import { systemClock, type Clock } from '../base/clock.js';
import { newUuid } from '../base/ids.js';
import { systemRandom, type Random } from '../base/random.js';
import {
  toWireSettings,
  type OperationRef,
  type PlainArg,
  type Settings,
  type TypedPlan,
} from '../builder/index.js';
import type { ArgsOf, OutputOf } from '../builder/index.js';
import { toWireObject } from '../builder/refs.js';
import { invalidField } from '../errors/index.js';
import { AdmissionServiceService } from '../gen/wire/steplock/v1/admission_service.js';
import { DispatcherServiceService } from '../gen/wire/steplock/v1/dispatcher_service.js';
import { IncidentServiceService } from '../gen/wire/steplock/v1/incident_service.js';
import { InventoryServiceService } from '../gen/wire/steplock/v1/inventory_service.js';
import { LockServiceService } from '../gen/wire/steplock/v1/lock_service.js';
import { VolumeServiceService } from '../gen/wire/steplock/v1/volume_service.js';
import {
  SubmitWorkflowRequest,
  WorkflowServiceService,
  type PlanWorkflowResponse,
} from '../gen/wire/steplock/v1/workflow_service.js';
import { callsOf, type CallOptions, type Calls } from './calls.js';
import { Endpoints } from './endpoints.js';
import { present, WorkflowHandle, type HandleParts } from './workflow.js';

/** The services, each method as a function. */
export interface Services {
  readonly workflows: Calls<typeof WorkflowServiceService>;
  readonly dispatcher: Calls<typeof DispatcherServiceService>;
  readonly incidents: Calls<typeof IncidentServiceService>;
  readonly locks: Calls<typeof LockServiceService>;
  readonly admission: Calls<typeof AdmissionServiceService>;
  readonly inventory: Calls<typeof InventoryServiceService>;
  readonly volumes: Calls<typeof VolumeServiceService>;
}

/** How to submit. */
export interface SubmitOptions extends Settings, CallOptions {
  /** @default one is made */
  readonly workflowId?: string;
  /** Of a submission that may have been made before: a UUID. @default a new one */
  readonly requestId?: string;
  /** Refused if the plan's hash is another one. */
  readonly planHash?: string;
  /** @default the client's */
  readonly actor?: string;
}

/** See the head of this file. */
export interface SteplockClient extends Services {
  /** host:port of the node that it talks to now. */
  readonly endpoint: string;
  /**
   * Submits a plan: it is in the store when this answers, and needs nobody to go on.
   *
   * @throws SteplockError INVALID_PLAN with each place that is wrong, and as docs/errors.md says.
   */
  submit<Output>(plan: TypedPlan<Output>, options?: SubmitOptions): Promise<WorkflowHandle<Output>>;
  /**
   * Asks an orchestrator for a plan and submits that.
   *
   * @throws SteplockError PLANNING_FAILED, CONTROLLER_NOT_FOUND, CONTROLLER_UNAVAILABLE, and as {@link submit}.
   */
  request<Types>(
    operation: OperationRef<Types>,
    args: PlainArg<ArgsOf<Types>>,
    options?: SubmitOptions,
  ): Promise<WorkflowHandle<OutputOf<Types>>>;
  /** Checks a plan and says what it would do; changes nothing. */
  preview(plan: TypedPlan<unknown>, options?: CallOptions): Promise<PlanWorkflowResponse>;
  /** The handle of a workflow by id or name, whether it is there or not. */
  workflow<Output = unknown>(idOrName: string): WorkflowHandle<Output>;
  /**
   * Registers a controller, or an orchestrator, that listens at host:port.
   *
   * @throws SteplockError CONTROLLER_UNAVAILABLE when it does not; CONTROLLER_EXISTS; INVALID_FIELD.
   */
  register(
    kind: 'controller' | 'orchestrator',
    name: string,
    endpoint: string,
    options?: CallOptions,
  ): Promise<void>;
  /** Lets go of the connection. */
  close(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
}

/** How to connect. */
export interface ConnectOptions {
  /** How long the connection may take. @default 5 s */
  readonly timeoutMs?: number;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal;
  /** Who acts, for the record, where a call does not say. @default "anonymous" */
  readonly actor?: string;
  /** @default the system's */
  readonly clock?: Clock;
  /** Of request ids. @default the system's */
  readonly random?: Random;
}

const connectMsDefault = 5_000;

/**
 * Connects to a node at host:port, or to the first of several that answers; later to another one when it is gone.
 *
 * @throws SteplockError STORE_UNAVAILABLE when none answers in time; the signal's reason.
 */
export async function connect(
  endpoint: string | readonly string[],
  options: ConnectOptions = {},
): Promise<SteplockClient> {
  const { timeoutMs = connectMsDefault, clock = systemClock, random = systemRandom, actor = '' } = options;
  const endpoints = new Endpoints(typeof endpoint === 'string' ? [endpoint] : endpoint, clock);
  try {
    await endpoints.ready(clock.nowMs() + timeoutMs, true, options.signal);
  } catch (error) {
    endpoints.close();
    throw error;
  }
  const services: Services = {
    workflows: callsOf(WorkflowServiceService, endpoints, clock),
    dispatcher: callsOf(DispatcherServiceService, endpoints, clock),
    incidents: callsOf(IncidentServiceService, endpoints, clock),
    locks: callsOf(LockServiceService, endpoints, clock),
    admission: callsOf(AdmissionServiceService, endpoints, clock),
    inventory: callsOf(InventoryServiceService, endpoints, clock),
    volumes: callsOf(VolumeServiceService, endpoints, clock),
  };
  const close = (): void => {
    endpoints.close();
  };
  return createClient(services, { clock, random, actor, endpoint: () => endpoints.current, close });
}

/** What a client is made of beside the services. */
export interface ClientParts extends Omit<HandleParts, 'workflows'> {
  readonly endpoint: () => string;
  readonly close: () => void;
}

/** The client over these services, wherever they are. */
export function createClient(services: Services, parts: ClientParts): SteplockClient {
  const { random, close, endpoint } = parts;
  const { workflows, dispatcher } = services;
  const handleOf = <Output>(name: string): WorkflowHandle<Output> =>
    new WorkflowHandle<Output>(name, { ...parts, workflows });
  const submit = async <Output>(
    what: Pick<SubmitWorkflowRequest, 'plan'> & Partial<SubmitWorkflowRequest>,
    options: SubmitOptions,
  ): Promise<WorkflowHandle<Output>> => {
    const request = {
      ...SubmitWorkflowRequest.fromPartial({}),
      requestId: options.requestId ?? newUuid(random),
      workflowId: options.workflowId ?? '',
      settings: toWireSettings(options),
      actor: options.actor ?? parts.actor,
      planHash: options.planHash ?? '',
      ...what,
    };
    return handleOf<Output>(present((await workflows.submitWorkflow(request, options)).workflow).name);
  };
  return {
    ...services,
    get endpoint() {
      return endpoint();
    },
    submit: async ({ plan }, options = {}) => await submit({ plan }, options),
    request: async (operation, args, options = {}) => {
      const orchestration = {
        orchestrator: operation.orchestrator,
        operation: operation.operation,
        arguments: toWireObject(args as object, noStep),
      };
      return await submit({ plan: undefined, orchestration }, options);
    },
    preview: async ({ plan }, options) =>
      await workflows.planWorkflow({ source: { $case: 'plan', value: plan } }, options),
    workflow: (text) => handleOf(text.startsWith('workflows/') ? text : `workflows/${text}`),
    register: async (kind, name, at, options) => {
      const request = {
        ...{ controllerId: name, endpoint: at },
        ...{ requestId: newUuid(random), orchestrator: kind === 'orchestrator' },
      };
      await dispatcher.registerController(request, options);
    },
    close,
    [Symbol.dispose]: close,
  };
}

function noStep(step: string): void {
  throw invalidField('arguments', `refers to the step ${step}; there is none yet`);
}
