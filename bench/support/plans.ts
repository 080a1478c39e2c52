/** Plans of the benches. */
import { StepSpec, type Plan } from '../../src/gen/wire/steplock/v1/plan.js';

/** A part of a step that a bench says. */
export interface StepMore {
  readonly needs?: readonly string[];
  readonly system?: string;
  readonly neighborhood?: string;
  readonly with?: Readonly<Record<string, number>>;
}

/** A step that calls a method of the bench's controller. */
export function step(id: string, method: string, more: StepMore = {}): StepSpec {
  const { needs = [], system = '', neighborhood, with: args } = more;
  return {
    ...StepSpec.fromPartial({ id, dependsOn: [...needs] }),
    action: { $case: 'call', value: { controller: 'bench', method, system, arguments: args } },
    nodes: neighborhood === undefined ? undefined : { neighborhood, labels: {} },
  };
}

/** One step, then so many at once, then one. */
export function diamond(width: number, method = 'noop', more: StepMore = {}): Plan {
  const middle = Array.from({ length: width }, (_, index) => `middle-${index}`);
  return {
    steps: [
      step('first', method, more),
      ...middle.map((id) => step(id, method, { ...more, needs: ['first'] })),
      step('last', method, { ...more, needs: middle }),
    ],
    groups: [],
  };
}

/** Steps one after the other. */
export function chain(length: number): Plan {
  const steps = Array.from({ length }, (_, index) =>
    step(`step-${index}`, 'noop', index === 0 ? {} : { needs: [`step-${index - 1}`] }),
  );
  return { steps, groups: [] };
}

/** A square of steps, each after the one to its left and the one above it. */
export function lattice(side: number): Plan {
  const idOf = (row: number, column: number): string => `step-${row}-${column}`;
  const steps = Array.from({ length: side * side }, (_, index) => {
    const [row, column] = [Math.floor(index / side), index % side];
    const needs = [
      ...(row > 0 ? [idOf(row - 1, column)] : []),
      ...(column > 0 ? [idOf(row, column - 1)] : []),
    ];
    return step(idOf(row, column), 'noop', { needs });
  });
  return { steps, groups: [] };
}

/** Steps that do not wait for each other. */
export function parallel(count: number, method: string, more: StepMore = {}): Plan {
  return {
    steps: Array.from({ length: count }, (_, index) => step(`step-${index}`, method, more)),
    groups: [],
  };
}
