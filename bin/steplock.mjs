#!/usr/bin/env -S node --max-semi-space-size=64
// A node makes many objects that live as long as a commit: with more room for the young ones fewer of them have to be
// copied (docs/benchmarks.md). It cannot be set once the process runs; with `node bin/steplock.mjs` say it yourself.
// Runs the built command line, or, in a checkout that was not built, its source.
import { existsSync } from 'node:fs';

const built = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  await import('tsx');
  await import(new URL('../src/cli/main.ts', import.meta.url).href);
}
