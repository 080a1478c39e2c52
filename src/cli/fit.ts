/** Fits what is drawn over itself into a terminal: a line that wraps, or one too many, would spoil the next drawing. Pure. */
import stringWidth from 'string-width';
import { StepState, type Step } from '../gen/wire/steplock/v1/workflow.js';

const esc = String.fromCharCode(27);
const colorParts = new RegExp(`(${esc}\\[[0-9]+m)`);
const graphemes = new Intl.Segmenter();

/** Cuts a line to that many columns, wide characters counted as two; 0 for no limit. */
export function cutLine(line: string, columns: number): string {
  if (columns <= 0 || stringWidth(line) <= columns) return line;
  let left = columns - 1;
  let result = '';
  for (const part of line.split(colorParts)) {
    if (part.startsWith(esc)) {
      // Even what is beyond the cut switches its color off again.
      result += part;
      continue;
    }
    for (const { segment } of graphemes.segment(part)) {
      left -= stringWidth(segment);
      if (left < 0) break;
      result += segment;
    }
  }
  return `${result}…`;
}

/** What people look at a live tree for comes first: trouble and what moves, then what is next, then the latest ends. */
function rankOf({ state }: Step): number {
  switch (state) {
    case StepState.FAILED:
    case StepState.UNKNOWN:
      return 0;
    case StepState.RUNNING:
    case StepState.BACKING_OFF:
    case StepState.WAITING:
      return 1;
    case StepState.QUEUED:
      return 2;
    case StepState.PENDING:
      return 3;
    default:
      return 4;
  }
}

/** The steps for which there are rows, in their own order; one of which the undo moves counts as the undo does. */
export function stepsThatFit(
  steps: readonly Step[],
  undos: ReadonlyMap<string, Step>,
  rows: number,
): readonly Step[] {
  if (steps.length <= rows) return steps;
  const ranked = steps.map((step, index) => {
    const undo = undos.get(step.id);
    const rank = Math.min(rankOf(step), undo === undefined ? 4 : rankOf(undo));
    const endMs = (undo ?? step).endTime?.getTime() ?? 0;
    return { step, index, rank, endMs };
  });
  ranked.sort(
    (left, right) => left.rank - right.rank || right.endMs - left.endMs || left.index - right.index,
  );
  return ranked
    .slice(0, Math.max(0, rows))
    .sort((left, right) => left.index - right.index)
    .map(({ step }) => step);
}
