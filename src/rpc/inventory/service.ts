/** InventoryService: which handler answers which method. */
import { idPattern, idRule } from '../../base/ids.js';
import { invalidField } from '../../errors/index.js';
import {
  AddInitiatorsRequest,
  CreateHostRequest,
  DeleteResourceRequest,
  DiscoverSystemRequest,
  GetResourceRequest,
  ListResourcesRequest,
  RegisterSystemRequest,
  UpdateResourceRequest,
  type InventoryServiceService,
} from '../../gen/wire/steplock/v1/inventory_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import type { Api } from '../context.js';
import { ask } from '../volume/ask.js';
import { addInitiators, createHost, deleteResource, parseLabels, updateResource } from './change.js';
import { listResources, parseIdOf, parseName, readResource } from './read.js';

/** See above. */
export function inventoryHandlers(api: Api): { readonly [Name in keyof InventoryServiceService]: Handler } {
  return {
    getResource: unary(GetResourceRequest, async ({ name }) => ({
      resource: await readResource(api, parseName(name)),
    })),
    listResources: unary(ListResourcesRequest, async (request) => await listResources(api, request)),
    updateResource: unary(UpdateResourceRequest, async (request) => ({
      resource: await updateResource(api, request),
    })),
    deleteResource: unary(DeleteResourceRequest, async (request) => {
      await deleteResource(api, request);
      return {};
    }),
    createHost: unary(CreateHostRequest, async (request) => ({ resource: await createHost(api, request) })),
    addInitiators: unary(AddInitiatorsRequest, async (request) => ({
      resource: await addInitiators(api, request),
    })),
    registerSystem: unary(RegisterSystemRequest, async (request, info) => {
      const { systemId: system, controller } = request;
      if (!idPattern.test(system)) throw invalidField('system_id', idRule);
      if (!idPattern.test(controller)) throw invalidField('controller', idRule);
      const args = { system, controller, labels: parseLabels(request.labels) };
      return { workflow: await ask(api, request, 'register-system', args, info) };
    }),
    discoverSystem: unary(DiscoverSystemRequest, async (request, info) => {
      const args = { system: parseIdOf('system', request.system, 'system') };
      return { workflow: await ask(api, request, 'discover-system', args, info) };
    }),
  };
}
