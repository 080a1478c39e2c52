/** What commands print: tables for people, JSON or YAML for programs. */
import Table from 'cli-table3';
import { stringify } from 'yaml';

/** How to print. */
export type OutputFormat = 'table' | 'json' | 'yaml';

/** Where commands print to. */
export interface Terminal {
  /** For results. */
  out(text: string): void;
  /** For messages. */
  err(text: string): void;
  /** Whether results go to a person's terminal. */
  readonly isTty: boolean;
  /** Columns of it. */
  readonly columns: number;
  /** Rows of it; 0 if nobody knows. */
  readonly rows: number;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  get isTty() {
    return process.stdout.isTTY;
  },
  get columns() {
    return process.stdout.columns;
  },
  get rows() {
    return process.stdout.rows;
  },
};

/** Prints a result: its rows as a table, or the whole of it. */
export function printResult(
  terminal: Terminal,
  format: OutputFormat,
  result: unknown,
  rows: { readonly head: readonly string[]; readonly body: readonly (readonly string[])[] },
): void {
  if (format === 'json') terminal.out(`${JSON.stringify(result, null, 2)}\n`);
  else if (format === 'yaml') terminal.out(stringify(result));
  else terminal.out(renderTable(rows.head, rows.body));
}

const controls = /[\p{Cc}\u2028\u2029]/gu;

/** The text in one line and without what a terminal would obey: controllers write what they like. */
export function printable(text: string): string {
  return text.replace(controls, (control) => (/\s/.test(control) ? ' ' : '\uFFFD'));
}

/** As {@link printable}, but for line breaks: what is said in several lines stays so. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A table without lines, columns two apart. */
export function renderTable(head: readonly string[], body: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  table.push(...body.map((row) => row.map(printable)));
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A duration in words of two units at most, rounded down: what is shown has passed. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.floor(ms))}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m${Math.floor((ms % 60_000) / 1_000)}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}

/** How long ago, or from when to when. */
export function formatSpan(from: Date | undefined, to: Date | undefined, nowMs: number): string {
  return from === undefined ? '' : formatMs((to?.getTime() ?? nowMs) - from.getTime());
}
