/** Gathers what is wrong with a plan, each with its place, so that one refusal names all of it. */
import { SteplockError, type Violation } from '../errors/index.js';
import { limits } from './limits.js';

/** Names of the rules that a plan can break; docs/errors.md explains each. */
export type PlanRule =
  | 'REQUIRED'
  | 'INVALID_ID'
  | 'DUPLICATE_ID'
  | 'TOO_MANY'
  | 'TOO_LARGE'
  | 'OUT_OF_RANGE'
  | 'INVALID_VALUE'
  | 'UNKNOWN_DEPENDENCY'
  | 'UNKNOWN_GROUP'
  | 'CYCLE'
  | 'UNKNOWN_CONTROLLER'
  | 'UNKNOWN_METHOD'
  | 'INVALID_ARGUMENTS'
  | 'INVALID_REFERENCE'
  | 'SECRET_IN_CLEAR'
  | 'SECRET_MISPLACED'
  | 'MISSING_UNDO';

/** See above. Only the first ones are kept; all are counted. */
export class Violations {
  readonly #kept: Violation[] = [];
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** The first ones. */
  get list(): readonly Violation[] {
    return this.#kept;
  }

  /** Notes one. */
  add(rule: PlanRule, field: string, description: string): void {
    this.#count += 1;
    if (this.#kept.length < limits.violationsMax) this.#kept.push({ rule, field, description });
  }

  /** @throws SteplockError INVALID_PLAN when there are any. */
  throwIfAny(): void {
    const first = this.#kept[0];
    if (first === undefined) return;
    const more = this.#count > 1 ? ` (and ${this.#count - 1} more)` : '';
    throw new SteplockError('INVALID_PLAN', `Plan refused: ${first.field}: ${first.description}${more}`, {
      metadata: { field: first.field, rule: first.rule, violations: String(this.#count) },
      violations: this.#kept,
    });
  }
}
