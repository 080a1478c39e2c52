/** How large a run is: one seed in ten has plans of up to sixty steps. */

/** Bounds of what a run draws. */
export interface Size {
  /** Of each plan, without what its steps add and its children have. */
  readonly stepsMax: number;
  readonly workflowsMax: number;
}

/** Of all seeds the same, where something is given. */
export type GivenSize = Partial<Size>;

const small: Size = { stepsMax: 10, workflowsMax: 3 };
const large: Size = { stepsMax: 60, workflowsMax: 3 };

/** The size of the seed's run. */
export function sizeOf(seed: number, given: GivenSize = {}): Size {
  return { ...(seed % 10 === 0 ? large : small), ...given };
}

/** The command that runs the seed again and shows what happens. */
export function replayCommand(seed: number, { stepsMax, workflowsMax }: GivenSize = {}): string {
  const more = [
    ...(stepsMax === undefined ? [] : [`--steps ${stepsMax}`]),
    ...(workflowsMax === undefined ? [] : [`--workflows ${workflowsMax}`]),
  ];
  return ['npm run sim -- --seeds 1', `--from ${seed}`, ...more, '--trace'].join(' ');
}
