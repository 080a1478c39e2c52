/** The node's gRPC server: its services, health and reflection, its start and its end. */
import { readFileSync } from 'node:fs';
import { Server } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { AbortScope } from '../base/abort.js';
import type { Clock } from '../base/clock.js';
import { DispatcherServiceService } from '../gen/wire/steplock/v1/dispatcher_service.js';
import { IncidentServiceService } from '../gen/wire/steplock/v1/incident_service.js';
import { InventoryServiceService } from '../gen/wire/steplock/v1/inventory_service.js';
import { LockServiceService } from '../gen/wire/steplock/v1/lock_service.js';
import { AdmissionServiceService } from '../gen/wire/steplock/v1/admission_service.js';
import { VolumeServiceService } from '../gen/wire/steplock/v1/volume_service.js';
import { WorkflowServiceService } from '../gen/wire/steplock/v1/workflow_service.js';
import { adaptService, type AdapterOptions } from '../grpc/adapter.js';
import { bindServer, serverOptions, stopServer } from '../grpc/channel.js';
import type { Api } from './context.js';
import { dispatcherHandlers } from './dispatcher/service.js';
import { lockHandlers } from './lock/service.js';
import { admissionHandlers } from './admission/service.js';
import { inventoryHandlers } from './inventory/service.js';
import { volumeHandlers } from './volume/service.js';
import { incidentHandlers } from './incident/service.js';
import { workflowHandlers } from './workflow/service.js';

/** A server that is listening. */
export interface ApiServer {
  /** host:port, with the port that was taken. */
  readonly address: string;
  /** Says whether the node can do its work; health checks show it. */
  setServing(isServing: boolean): void;
  /** Stops: streams end with SHUTTING_DOWN, calls under way get `graceMs`, then all is cut off. */
  close(graceMs: number): Promise<void>;
}

const services = [
  '',
  'steplock.v1.WorkflowService',
  'steplock.v1.DispatcherService',
  'steplock.v1.IncidentService',
  'steplock.v1.LockService',
  'steplock.v1.AdmissionService',
  'steplock.v1.InventoryService',
  'steplock.v1.VolumeService',
];
const descriptorsUrl = new URL('../gen/descriptors.binpb', import.meta.url);

/**
 * Binds the address, host:port, with port 0 for any free one.
 *
 * @throws Error when it cannot be bound.
 */
export async function createApiServer(
  api: Api,
  address: string,
  clock: Clock,
  hasReflection: boolean,
): Promise<ApiServer> {
  const shutdown = new AbortScope();
  const options: AdapterOptions = {
    clock,
    random: api.random,
    log: api.log,
    shutdown: shutdown.signal,
    // Until the cache is there, a plan's controllers would be unknown, and lists empty: SHUTTING_DOWN sends callers on.
    admit: () => api.runtime.shards,
  };
  const server = new Server(serverOptions());
  const add = ({ definition, implementation }: ReturnType<typeof adaptService>): void => {
    server.addService(definition, implementation);
  };
  add(adaptService(WorkflowServiceService, workflowHandlers(api), options));
  add(adaptService(DispatcherServiceService, dispatcherHandlers(api), options));
  add(adaptService(IncidentServiceService, incidentHandlers(api), options));
  add(adaptService(LockServiceService, lockHandlers(api), options));
  add(adaptService(AdmissionServiceService, admissionHandlers(api), options));
  add(adaptService(InventoryServiceService, inventoryHandlers(api), options));
  add(adaptService(VolumeServiceService, volumeHandlers(api), options));
  const health = new HealthImplementation(
    Object.fromEntries(services.map((name) => [name, 'NOT_SERVING' as const])),
  );
  health.addToServer(server);
  if (hasReflection)
    new ReflectionService(loadFileDescriptorSetFromBuffer(readFileSync(descriptorsUrl))).addToServer(server);
  const bound = await bindServer(server, address);
  const setServing = (isServing: boolean): void => {
    for (const name of services) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  };
  return {
    address: bound,
    setServing,
    close: async (graceMs) => {
      setServing(false);
      shutdown.abort(new Error('The node is shutting down'));
      await stopServer(server, clock, graceMs);
    },
  };
}
