/** What a bench says in the end: a table for people, and for each budget one line of JSON. */

/** A measured figure against its budget. */
export interface Verdict {
  /** The budget, e.g. `P1`, or `P4 drain` for a part of it. */
  readonly id: string;
  /** A ratio to what raw etcd did in the same run, or what was measured, as the budget says. */
  readonly figure: { readonly ratio: number } | { readonly measured: number };
  readonly budget: number;
  readonly unit: string;
  /** Whether less is better. */
  readonly isLimit: boolean;
}

/** A line of the table. */
export type Row = readonly [what: string, figure: string | number];

/** What a bench gives. */
export interface Result {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
}

/** How a bench is run. */
export interface BenchOptions {
  /** So small that it only shows that it runs. */
  readonly isQuick: boolean;
  /** Where the nodes leave CPU profiles; undefined for none. */
  readonly profileDirectory: string | undefined;
}

/** Whether the budget holds. */
export function holds({ figure, budget, isLimit }: Verdict): boolean {
  const value = 'ratio' in figure ? figure.ratio : figure.measured;
  if (!Number.isFinite(value)) return false;
  return isLimit ? value <= budget : value >= budget;
}

/** The result as text. */
export function render({ title, rows, verdicts }: Result): string {
  const width = Math.max(...rows.map(([what]) => what.length));
  const table = rows.map(([what, figure]) => `  ${what.padEnd(width)}  ${String(figure).padStart(12)}`);
  const lines = verdicts.map((verdict) => {
    const { id, figure, budget, unit } = verdict;
    return JSON.stringify({ id, ...figure, budget, unit, holds: holds(verdict) });
  });
  return [title, ...table, ...lines].join('\n');
}

/** Writes a line for whoever watches. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
