#!/usr/bin/env node
// Runs the built command line, or, in a checkout that was not built, its source.
import { existsSync } from 'node:fs';

const built = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  await import('tsx');
  await import(new URL('../src/cli/main.ts', import.meta.url).href);
}
