/** Writes the pages of docs/ that are made from the code. */
import { writeFileSync } from 'node:fs';
import { renderStatesPage } from './docs/states-page.js';

writeFileSync(new URL('../docs/states.md', import.meta.url), renderStatesPage());
