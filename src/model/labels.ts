/** Labels: what their keys and values may be. Pure. */
import { limits } from './limits.js';

const keyPattern = /^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/;

/** What is wrong with labels. */
export interface LabelProblem {
  /** The label's place behind the map's: empty, or `["key"]`. */
  readonly at: string;
  readonly rule: string;
}

/** The first thing that is wrong with them; undefined if nothing is. */
export function problemOfLabels(
  labels: Readonly<Record<string, string>>,
  labelsMax: number,
): LabelProblem | undefined {
  const entries = Object.entries(labels);
  if (entries.length > labelsMax) return { at: '', rule: `must be at most ${labelsMax}` };
  for (const [key, value] of entries) {
    const at = `[${JSON.stringify(key.slice(0, 64))}]`;
    if (!keyPattern.test(key)) {
      const rule =
        'key must be 1 to 63 of a-z, 0-9, ".", "_", "/" and "-", with a letter or digit at its ends';
      return { at, rule };
    }
    if (Buffer.byteLength(value) > limits.labelValueBytesMax) {
      return { at, rule: `must have at most ${limits.labelValueBytesMax} bytes` };
    }
  }
  return undefined;
}

/** The labels by key, so that the same labels are the same bytes. */
export function sortLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1)));
}
