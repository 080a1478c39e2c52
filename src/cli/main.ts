/** The process of the command line. */
import { systemClock } from '../base/clock.js';
import { processTerminal } from './output.js';
import { runCli } from './program.js';

const abort = new AbortController();
let signals = 0;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    signals += 1;
    abort.abort(new Error(name));
    // A second time means now.
    if (signals > 1) process.exit(name === 'SIGINT' ? 130 : 143);
  });
}

await runCli(process.argv.slice(2), {
  terminal: processTerminal,
  env: process.env,
  signal: abort.signal,
  nowMs: () => systemClock.nowMs(),
  setExitCode: (code) => {
    process.exitCode = code;
  },
});
