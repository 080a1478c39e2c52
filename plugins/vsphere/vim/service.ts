/** The service itself: content, sessions, options. Source: vSphere Web Services API, `ServiceInstance`, `SessionManager`. */
import { action, command, query } from '../soap/method.js';
import {
  boolean,
  complex,
  dateTime,
  many,
  one,
  optional,
  ref,
  string,
  type MoRef,
  type Value,
} from '../soap/types.js';

/** What the server says of itself. */
export const AboutInfo = complex('AboutInfo', {
  name: one(string),
  fullName: one(string),
  vendor: one(string),
  version: one(string),
  build: one(string),
  osType: one(string),
  productLineId: one(string),
  /** `VirtualCenter`, or `HostAgent` of an ESXi host. */
  apiType: one(string),
  apiVersion: one(string),
  instanceUuid: optional(string),
});

/** The roots of everything. Only what is used here; an answer has more. */
export const ServiceContent = complex('ServiceContent', {
  rootFolder: one(ref),
  propertyCollector: one(ref),
  viewManager: optional(ref),
  about: one(AboutInfo),
  sessionManager: optional(ref),
  vStorageObjectManager: optional(ref),
});
/** See the description. */
export type ServiceContent = Value<typeof ServiceContent>;

/** A session. */
export const UserSession = complex('UserSession', {
  key: one(string),
  userName: one(string),
  fullName: one(string),
  loginTime: one(dateTime),
  lastActiveTime: one(dateTime),
});

/** Has the same reference everywhere. */
export const serviceInstance: MoRef = { type: 'ServiceInstance', value: 'ServiceInstance' };

/** Methods of `ServiceInstance` and `SessionManager`. */
export const service = {
  retrieveContent: query('RetrieveServiceContent', {}, ServiceContent),
  login: action(
    'Login',
    { userName: one(string), password: one(string), locale: optional(string) },
    UserSession,
  ),
  logout: command('Logout', {}),
  sessionIsActive: query('SessionIsActive', { sessionID: one(string), userName: one(string) }, boolean),
} as const;

/** Lists of objects on the server, which other calls refer to. Source: `ViewManager`. */
export const views = {
  createContainerView: action(
    'CreateContainerView',
    { container: one(ref), type: many(string), recursive: one(boolean) },
    ref,
  ),
  destroyView: command('DestroyView', {}),
} as const;
