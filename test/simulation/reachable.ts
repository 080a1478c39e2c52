/** Which states a workflow may be found in next. */
import { moves } from '../../src/model/workflow-state.js';

/** States that a chain of known moves leads to: several may be committed at once. */
export function reachable(from: number): Set<number> {
  const found = new Set<number>();
  const stack = [from];
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    for (const entry of moves) {
      if (entry.from !== state || found.has(entry.to)) continue;
      found.add(entry.to);
      stack.push(entry.to);
    }
  }
  return found;
}
