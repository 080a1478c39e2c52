/** The code that mutants change moves: each must still find its text, or it would be run in vain for a long time. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.js';
import { applyMutant } from './run-mutant.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('mutants of the simulation', () => {
  const copy = mkdtempSync(join(tmpdir(), 'steplock-mutants-'));
  after(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  for (const mutant of mutants) {
    it(`${mutant.name}: the code still has the text that it changes`, () => {
      cpSync(join(root, mutant.file), join(copy, mutant.file), { recursive: true });
      applyMutant(mutant, copy);
    });
  }
});
