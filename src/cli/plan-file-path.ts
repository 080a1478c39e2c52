/** From a field of a request to the path in the plan file that it was read from. Pure. */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';

/**
 * The path, e.g. `steps, a, with, size_bytes` of `plan.steps[0].call.arguments/size_bytes`; undefined for what no plan
 * file says. It may go on beyond what the file has: what is missing stands where it should be.
 */
export function toFilePath(field: string, content: JsonObject): string[] | undefined {
  if (field === 'workflow_id') return ['workflow', 'id'];
  if (field.startsWith('settings.')) {
    return ['workflow', ...toSettingPath(field.slice('settings.'.length), content['workflow'])];
  }
  if (field.startsWith('plan.output')) return ['output', ...pointerOf(field)];
  const [, list = '', index, rest = ''] = /^plan\.(steps|groups)\[(\d+)\](.*)$/.exec(field) ?? [];
  if (index === undefined) return field.startsWith('plan') ? [] : undefined;
  const entry = Object.entries(membersOf(content[list]))[Number(index)];
  if (entry === undefined) return undefined;
  const [id, value] = entry;
  return [list, id, ...toStepPath(rest, value)];
}

/** `priority` stays; `locks[1].resource` is the second lock. */
function toSettingPath(rest: string, workflow: JsonValue | undefined): string[] {
  return toLockPath(rest, workflow) ?? [nameOf(rest)];
}

function toStepPath(rest: string, step: JsonValue): string[] {
  const [path = ''] = rest.split('/');
  const pointer = pointerOf(rest);
  const lock = toLockPath(path.slice(1), step);
  if (lock !== undefined) return lock;
  if (path.startsWith('.depends_on')) {
    const [, dependency] = /^\.depends_on\[(\d+)\]/.exec(path) ?? [];
    return dependency === undefined ? ['needs'] : ['needs', dependency];
  }
  if (/^\.(call|child)\.arguments/.test(path)) return ['with', ...pointer];
  if (path.startsWith('.call.system')) return ['system'];
  if (path.startsWith('.undo.call.arguments')) return ['undo', 'with', ...pointer];
  if (path.startsWith('.undo.call.method')) return ['undo', 'method'];
  const [, part, member] = /^\.(retry|nodes)\.(\w+)/.exec(path) ?? [];
  if (part !== undefined && member !== undefined) return [part, member];
  return path === '' ? [] : [nameOf(path.slice(1))];
}

/** Locks are a list in the request, and names with modes in the file, in the same order. */
function toLockPath(rest: string, owner: JsonValue | undefined): string[] | undefined {
  const match = /^locks(?:\[(\d+)\])?/.exec(rest);
  if (match === null) return undefined;
  const resource = Object.keys(membersOf(membersOf(owner)['locks']))[Number(match[1])];
  return resource === undefined ? ['locks'] : ['locks', resource];
}

/** The name that a path begins with. */
function nameOf(path: string): string {
  return /^\w+/.exec(path)?.[0] ?? path;
}

function pointerOf(field: string): string[] {
  return field.split('/').slice(1).map(unescapePointer);
}

/** A token of a JSON pointer as it was. */
export function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
