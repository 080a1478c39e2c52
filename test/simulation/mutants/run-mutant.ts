/** Puts one defect into a copy of the code and runs seeds there until one is found broken. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What came of it. */
export interface MutantResult {
  /** Seeds that were run. */
  readonly seeds: number;
  /** The one that found it, and what broke; undefined if none did. */
  readonly found: { readonly seed: number; readonly failure: string } | undefined;
}

/** See the head of this file. Throws when the code no longer has the text that the mutant changes. */
export async function runMutant(mutant: Mutant, seeds: number): Promise<MutantResult> {
  const copy = mkdtempSync(join(tmpdir(), 'steplock-mutant-'));
  try {
    for (const name of ['src', 'test/simulation', 'plugins', 'package.json', 'tsconfig.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    applyMutant(mutant, copy);
    const more = ['--seeds', String(seeds), '--jobs', '1', '--output', 'json', '--until-broken'];
    const args = ['--import', 'tsx', 'test/simulation/main.ts', ...more, ...(mutant.args ?? [])];
    const { stdout, stderr } = await outputOf(args, copy);
    // A run that broke off has found nothing: that is for whoever wrote the mutant to mend.
    if (!stdout.startsWith('{'))
      throw new Error(`${mutant.name}: the run broke off: ${stderr.slice(-2_000)}`);
    const { seeds: ran, broken } = JSON.parse(stdout) as {
      readonly seeds: number;
      readonly broken: readonly { readonly seed: number; readonly failure: string }[];
    };
    return { seeds: ran, found: broken[0] };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Changes the text in the tree below `at`. Throws when it is not there exactly once. */
export function applyMutant({ name, file, edits }: Mutant, at: string): void {
  const path = join(at, file);
  let text = readFileSync(path, 'utf8');
  for (const [find, replace] of edits) {
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${name}: ${file} does not have exactly once: ${find}`);
    text = parts.join(replace);
  }
  writeFileSync(path, text);
}

async function outputOf(args: string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject).once('close', () => {
      resolve();
    });
  });
  return output;
}
