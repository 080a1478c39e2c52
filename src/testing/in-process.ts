/** The services of a node in this process, called as if they were behind gRPC: requests and answers are encoded on the way. */
import type { MethodDefinition } from '@grpc/grpc-js';
import { durationToMs, msToDuration } from '../base/duration.js';
import type { WorkflowId } from '../base/ids.js';
import type { CallOptions, Services } from '../client/index.js';
import { LiveRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { AdmissionServiceService } from '../gen/wire/steplock/v1/admission_service.js';
import { DispatcherServiceService } from '../gen/wire/steplock/v1/dispatcher_service.js';
import { IncidentServiceService } from '../gen/wire/steplock/v1/incident_service.js';
import { LockServiceService } from '../gen/wire/steplock/v1/lock_service.js';
import { WorkflowServiceService } from '../gen/wire/steplock/v1/workflow_service.js';
import type { Handler } from '../grpc/adapter.js';
import { decodeChecked } from '../grpc/checked-decode.js';
import { isResting } from '../model/workflow-state.js';
import { admissionHandlers } from '../rpc/admission/service.js';
import type { Api } from '../rpc/context.js';
import { dispatcherHandlers } from '../rpc/dispatcher/service.js';
import { incidentHandlers } from '../rpc/incident/service.js';
import { lockHandlers } from '../rpc/lock/service.js';
import { workflowKey } from '../rpc/workflow/names.js';
import { workflowHandlers } from '../rpc/workflow/service.js';
import { keys } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';

/** What moves time. */
export interface Mover {
  /** Does what is given while time moves, and gives what came of it. */
  settle<T>(work: () => Promise<T>): Promise<T>;
  /** Lets time go by until the condition holds, for that long at most. */
  pass(isDone: () => boolean, forMs: number): Promise<void>;
}

type Method = MethodDefinition<unknown, unknown>;
type Service = Readonly<Record<string, unknown>>;

const timeoutMsDefault = 10_000;

/** The services over that node; time moves until an answer is there. */
export function servicesOf(api: Api, mover: Mover): Services {
  const serve = (service: Service, handlers: Readonly<Record<string, Handler>>): unknown =>
    Object.fromEntries(
      Object.entries(service).map(([name, definition]) => {
        const handler = handlers[name];
        if (handler === undefined) throw new Error(`No handler for ${name}`);
        const method = definition as Method;
        return [
          name,
          handler.kind === 'unary'
            ? async (request: unknown, options?: CallOptions) =>
                await mover.settle(async () => await callOnce(api, method, handler, request, options ?? {}))
            : (request: unknown, options?: CallOptions) =>
                readStream(mover, method, handler, request, options ?? {}),
        ];
      }),
    );
  const workflows = serve(WorkflowServiceService, workflowHandlers(api)) as Services['workflows'];
  return {
    workflows: { ...workflows, waitWorkflow: waitIn(api, mover, workflows.waitWorkflow) },
    dispatcher: serve(DispatcherServiceService, dispatcherHandlers(api)),
    incidents: serve(IncidentServiceService, incidentHandlers(api)),
    locks: serve(LockServiceService, lockHandlers(api)),
    admission: serve(AdmissionServiceService, admissionHandlers(api)),
  } as Services;
}

type Wait = Services['workflows']['waitWorkflow'];

/** A wait looks at the store now and then, for days if need be; here time goes on to the moment at which there is news. */
function waitIn(api: Api, mover: Mover, wait: Wait): Wait {
  return async (request, options) => {
    const key = workflowKey(api, request.name.replace(/^workflows\//, '') as WorkflowId);
    const rests = (): boolean => {
      const live = api.runtime.cache.get(keys.live(key));
      return live === undefined || isResting(decodeRecord(LiveRecord, live).state);
    };
    await mover.pass(rests, request.timeout === undefined ? timeoutMsDefault : durationToMs(request.timeout));
    return await wait({ ...request, timeout: msToDuration(0) }, options);
  };
}

async function callOnce(
  api: Api,
  method: Method,
  handler: Handler & { readonly kind: 'unary' },
  request: unknown,
  { timeoutMs = timeoutMsDefault, signal = new AbortController().signal }: CallOptions,
): Promise<unknown> {
  signal.throwIfAborted();
  const message = overTheWire(method, handler, request);
  return answer(
    method,
    await handler.handle(message as never, {
      signal,
      deadlineMs: api.clock.nowMs() + timeoutMs,
      traceParent: '',
    }),
  );
}

async function* readStream(
  mover: Mover,
  method: Method,
  handler: Handler & { readonly kind: 'stream' },
  request: unknown,
  { signal = new AbortController().signal }: CallOptions,
): AsyncGenerator {
  const message = overTheWire(method, handler, request);
  const responses = handler
    .handle(message as never, { signal, deadlineMs: Infinity, traceParent: '' })
    [Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await mover.settle(async () => await responses.next());
      if (next.done === true) return;
      yield answer(method, next.value);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await responses.return?.();
  }
}

function overTheWire(method: Method, handler: Handler, request: unknown): unknown {
  const decoded = decodeChecked(handler.type, method.requestSerialize(request));
  if (!decoded.ok) throw decoded.error;
  return decoded.message;
}

function answer(method: Method, response: unknown): unknown {
  return method.responseDeserialize(method.responseSerialize(response));
}
