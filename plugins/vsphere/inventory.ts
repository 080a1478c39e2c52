/** Reads properties of objects, page after page, through a view that goes again when the session does. */
import type { CallOptions, VimSession } from './session.js';
import type { MoRef } from './soap/types.js';
import { property, type ObjectContent, type PropertyFilterSpec } from './vim/property.js';
import { views } from './vim/service.js';

/** An object and those of its properties that were asked for and can be had. */
export interface VimObject {
  readonly ref: MoRef;
  readonly properties: ReadonlyMap<string, unknown>;
}

const objectsMax = 200;

/** Properties of these objects. One that is gone is left out. */
export async function readObjects(
  session: VimSession,
  refs: readonly MoRef[],
  pathSet: readonly string[],
  options: CallOptions = {},
): Promise<VimObject[]> {
  if (refs.length === 0) return [];
  const types = [...new Set(refs.map(({ type }) => type))];
  return await retrieve(
    session,
    {
      propSet: types.map((type) => ({ type, pathSet })),
      objectSet: refs.map((obj) => ({ obj, selectSet: [] })),
    },
    options,
  );
}

/** Properties of all objects of a type below a container, e.g. the root folder. */
export async function findObjects(
  session: VimSession,
  container: MoRef,
  type: string,
  pathSet: readonly string[],
  options: CallOptions = {},
): Promise<VimObject[]> {
  const { viewManager } = (await session.state()).content;
  if (viewManager === undefined) throw new Error('The server has no view manager');
  const view = await session.call(
    viewManager,
    views.createContainerView,
    { container, type: [type], recursive: true },
    options,
  );
  try {
    const traversal = {
      $type: 'TraversalSpec',
      name: 'all',
      type: 'ContainerView',
      path: 'view',
      skip: false,
    };
    return await retrieve(
      session,
      { propSet: [{ type, pathSet }], objectSet: [{ obj: view, skip: true, selectSet: [traversal] }] },
      options,
    );
  } finally {
    // With the session it goes anyhow.
    await session.call(view, views.destroyView, {}).catch(() => undefined);
  }
}

async function retrieve(
  session: VimSession,
  spec: PropertyFilterSpec,
  options: CallOptions,
): Promise<VimObject[]> {
  const { propertyCollector } = (await session.state()).content;
  const found: ObjectContent[] = [];
  let page = await session.call(
    propertyCollector,
    property.retrieve,
    { specSet: [spec], options: { maxObjects: objectsMax } },
    options,
  );
  while (page !== undefined) {
    found.push(...page.objects);
    if (page.token === undefined) break;
    page = await session.call(propertyCollector, property.retrieveMore, { token: page.token }, options);
  }
  return found.map(({ obj, propSet }) => ({
    ref: obj,
    properties: new Map(propSet.map(({ name, val }) => [name, val])),
  }));
}
