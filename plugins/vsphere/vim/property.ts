/** Reading properties of many objects at once. Source: vSphere Web Services API, `PropertyCollector`. */
import { action, command, query, queryOptional } from '../soap/method.js';
import {
  any,
  boolean,
  complex,
  int,
  many,
  one,
  optional,
  poly,
  ref,
  string,
  type Value,
} from '../soap/types.js';
import { LocalizedMethodFault } from './task.js';

const SelectionSpec = complex('SelectionSpec', { name: optional(string) });
/** From an object on to those that one of its properties names. */
const TraversalSpec = complex('TraversalSpec', {
  ...SelectionSpec.fields,
  type: one(string),
  path: one(string),
  skip: optional(boolean),
});

/** Which properties of which type. */
export const PropertySpec = complex('PropertySpec', {
  type: one(string),
  all: optional(boolean),
  pathSet: many(string),
});

const ObjectSpec = complex('ObjectSpec', {
  obj: one(ref),
  skip: optional(boolean),
  selectSet: many(poly(SelectionSpec, [TraversalSpec])),
});

/** Which properties of which objects. */
export const PropertyFilterSpec = complex('PropertyFilterSpec', {
  propSet: many(PropertySpec),
  objectSet: many(ObjectSpec),
});
/** See the description. */
export type PropertyFilterSpec = Value<typeof PropertyFilterSpec>;

const DynamicProperty = complex('DynamicProperty', { name: one(string), val: one(any) });
const MissingProperty = complex('MissingProperty', { path: one(string), fault: one(LocalizedMethodFault) });

/** Properties of one object. */
export const ObjectContent = complex('ObjectContent', {
  obj: one(ref),
  propSet: many(DynamicProperty),
  missingSet: many(MissingProperty),
});
/** See the description. */
export type ObjectContent = Value<typeof ObjectContent>;

const RetrieveResult = complex('RetrieveResult', {
  /** Not absent: there is more. */
  token: optional(string),
  objects: many(ObjectContent),
});

const PropertyChange = complex('PropertyChange', { name: one(string), op: one(string), val: optional(any) });
const ObjectUpdate = complex('ObjectUpdate', {
  /** `enter`, `modify` or `leave`. */
  kind: one(string),
  obj: one(ref),
  changeSet: many(PropertyChange),
  missingSet: many(MissingProperty),
});
const PropertyFilterUpdate = complex('PropertyFilterUpdate', {
  filter: one(ref),
  objectSet: many(ObjectUpdate),
});
/** What has changed since a version. */
export const UpdateSet = complex('UpdateSet', {
  version: one(string),
  filterSet: many(PropertyFilterUpdate),
  truncated: optional(boolean),
});
/** See the description. */
export type UpdateSet = Value<typeof UpdateSet>;

const WaitOptions = complex('WaitOptions', {
  maxWaitSeconds: optional(int),
  maxObjectUpdates: optional(int),
});

/** Methods of `PropertyCollector` and `PropertyFilter`. */
export const property = {
  retrieve: queryOptional(
    'RetrievePropertiesEx',
    {
      specSet: many(PropertyFilterSpec),
      options: one(complex('RetrieveOptions', { maxObjects: optional(int) })),
    },
    RetrieveResult,
  ),
  retrieveMore: query('ContinueRetrievePropertiesEx', { token: one(string) }, RetrieveResult),
  createCollector: action('CreatePropertyCollector', {}, ref),
  destroyCollector: command('DestroyPropertyCollector', {}),
  createFilter: action('CreateFilter', { spec: one(PropertyFilterSpec), partialUpdates: one(boolean) }, ref),
  waitForUpdates: queryOptional(
    'WaitForUpdatesEx',
    { version: optional(string), options: optional(WaitOptions) },
    UpdateSet,
  ),
  cancelWait: command('CancelWaitForUpdates', {}),
} as const;
