/** What depends on the version of the member. */

/** From this version on, within 3.4, a progress notification is in step with the events of its stream. */
const fixedPatch = 25;

/**
 * Whether a progress notification of a member of this version says that all events before it were delivered.
 * Fixed in 3.4.25 and in 3.5.8 (etcd-io/etcd#15220); before, one may overtake events. What is not a version is not
 * trusted.
 */
export function isProgressReliable(version: string): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= fixedPatch;
  if (minor === 5) return patch >= 8;
  return minor > 5;
}
