/**
 * `npm run sim:mutants -- [--seeds N] [--only TEXT]`: puts each defect into a copy of the code and runs seeds until one is
 * found broken. Fails when a defect is not found.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutants, type Mutant } from './mutants.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs the mutant; gives what was found, or undefined. */
export function runMutant(
  { file, find, replace, args: more = [] }: Mutant,
  seeds: number,
): string | undefined {
  const copy = mkdtempSync(join(tmpdir(), 'steplock-mutant-'));
  try {
    for (const name of ['src', 'test/simulation', 'plugins', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const path = join(copy, file);
    const parts = readFileSync(path, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`${file} does not have the text of the mutant exactly once`);
    writeFileSync(path, parts.join(replace));
    const args = [
      '--import',
      'tsx',
      'test/simulation/main.ts',
      '--seeds',
      String(seeds),
      '--until-broken',
      ...more,
    ];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, {
      cwd: copy,
      encoding: 'utf8',
      timeout: 600_000,
    });
    if (status === 0) return undefined;
    return (
      stdout.split('\n').find((line) => line.startsWith('seed ')) ??
      `the run broke off: ${stderr.slice(0, 500)}`
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (import.meta.url === `file://${process.argv[1] ?? ''}`) {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '1000' }, only: { type: 'string', default: '' } },
  });
  let missed = 0;
  for (const mutant of mutants.filter(({ name }) => name.includes(values.only))) {
    const found = runMutant(mutant, Number(values.seeds));
    if (found === undefined) missed += 1;
    process.stdout.write(
      `${found === undefined ? 'MISSED' : 'found '}  ${mutant.name}${found === undefined ? '' : `: ${found}`}\n`,
    );
  }
  process.exitCode = missed === 0 ? 0 : 1;
}
