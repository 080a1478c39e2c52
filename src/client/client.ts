/** A connection to a Steplock cluster: its services, typed. */
import { Client } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../base/clock.js';
import { SteplockError } from '../errors/index.js';
import { DispatcherServiceService } from '../gen/wire/steplock/v1/dispatcher_service.js';
import { IncidentServiceService } from '../gen/wire/steplock/v1/incident_service.js';
import { LockServiceService } from '../gen/wire/steplock/v1/lock_service.js';
import { AdmissionServiceService } from '../gen/wire/steplock/v1/admission_service.js';
import { WorkflowServiceService } from '../gen/wire/steplock/v1/workflow_service.js';
import { clientOptions, insecure, isReady } from '../grpc/channel.js';
import { callsOf, type Calls } from './calls.js';

/** See above. */
export interface SteplockClient {
  /** host:port that it talks to. */
  readonly endpoint: string;
  readonly workflows: Calls<typeof WorkflowServiceService>;
  readonly dispatcher: Calls<typeof DispatcherServiceService>;
  readonly incidents: Calls<typeof IncidentServiceService>;
  readonly locks: Calls<typeof LockServiceService>;
  readonly admission: Calls<typeof AdmissionServiceService>;
  /** Lets go of the connection. */
  close(): void;
}

/** How to connect. */
export interface ConnectOptions {
  /** How long the connection may take. @default 5 s */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

const connectMsDefault = 5_000;

/**
 * Connects to the node at host:port.
 *
 * @throws SteplockError STORE_UNAVAILABLE when no node answers there in time.
 */
export async function connect(endpoint: string, options: ConnectOptions = {}): Promise<SteplockClient> {
  const { timeoutMs = connectMsDefault, clock = systemClock } = options;
  const client = new Client(endpoint, insecure(), clientOptions(true));
  if (!(await isReady(client, clock.nowMs() + timeoutMs))) {
    client.close();
    throw new SteplockError('STORE_UNAVAILABLE', `No node answers at ${endpoint}`, {
      metadata: { endpoint },
    });
  }
  return {
    endpoint,
    workflows: callsOf(WorkflowServiceService, client, clock),
    dispatcher: callsOf(DispatcherServiceService, client, clock),
    incidents: callsOf(IncidentServiceService, client, clock),
    locks: callsOf(LockServiceService, client, clock),
    admission: callsOf(AdmissionServiceService, client, clock),
    close: () => {
      client.close();
    },
  };
}
