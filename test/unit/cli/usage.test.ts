/** Command lines that make no sense: refused before anything is sent, with the flag named. */
import { expect } from 'chai';
import { exitCodes } from '../../../src/cli/exit-codes.js';
import { runCli } from '../../../src/cli/program.js';

describe('A command line', () => {
  it('is refused that gives a call no time', async () => {
    const ran = { code: 0, err: '' };
    await runCli(['workflow', 'list', '--timeout', '0s', '--server', '127.0.0.1:1'], {
      terminal: {
        out: () => undefined,
        err: (text) => (ran.err += text),
        isTty: false,
        columns: 80,
        rows: 0,
      },
      env: {},
      signal: AbortSignal.timeout(5_000),
      nowMs: () => 0,
      setExitCode: (code) => {
        ran.code = code;
      },
    });
    expect(ran.code, ran.err).to.equal(exitCodes.usage);
    expect(ran.err).to.include('--timeout');
  });
});
