/** Names that are the same whenever they are asked for: a repeated request finds what an earlier one made. */
import { createHash } from 'node:crypto';

/**
 * A name for an object that a request makes: `prefix` and 32 hexadecimal digits of the parts' hash. The parts say
 * what it is made for, e.g. a request's id and a number; the same parts give the same name, on every node.
 *
 * @example deterministicName('vol', workflowUid, 'data', '3')
 */
export function deterministicName(prefix: string, ...parts: readonly string[]): string {
  const digits = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return `${prefix}-${digits}`;
}
