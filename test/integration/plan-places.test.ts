/**
 * What the server refuses of a plan file stands, on the command line, at its line and column of that file, by
 * `workflow plan` as by `workflow submit`, with the exit code for what is refused; and nothing was submitted.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemClock } from '../../src/base/clock.js';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { runCli } from '../../src/cli/program.js';
import { startRig, type Rig } from './support/rig.js';
import { bareController } from './support/scripted-controller.js';
import { temporaryDirectory } from './support/temporary.js';

/** A step on line 3 of a file that begins with two lines; `more` goes on behind its call. */
const step = (more: string): string => `workflow: {}\nsteps:\n  a: { call: test/make${more} }\n`;
const many = (count: number, each: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => each(index)).join(', ');

/** What is wrong, where it stands, and the file. */
const plans: readonly (readonly [string, string, string])[] = [
  ['a cycle', '3:3', `${step(', needs: [b]')}  b: { call: test/make, needs: [a] }\n`],
  ['a step that waits for itself', '3:3', step(', needs: [a]')],
  ['an unknown step', '3:33', step(', needs: [gone]')],
  [
    'a group that waits for nobody known',
    '2:16',
    'groups:\n  g: { needs: [gone] }\nsteps: { a: { call: test/make } }',
  ],
  ['an unknown group', '3:25', step(', group: gone')],
  ['too much to wait for', '3:25', step(`, needs: [${many(10_001, (index) => `n${index}`)}]`)],
  ['an unknown controller', '3:8', step('').replace('test/', 'gone/')],
  ['an unknown method', '3:8', step('').replace('/make', '/gone')],
  ['an unknown orchestrator', '1:15', 'steps: { a: { child: gone/x } }'],
  ['bad arguments', '3:34', step(', with: { name: 7 }').replace('make', 'typed')],
  ['arguments that lack', '3:26', step(', with: { size: 1 }').replace('make', 'typed')],
  ['too large arguments', '3:25', step(`, with: { x: "${'x'.repeat(1024 * 1024)}" }`)],
  ['an output of a step that is not there', '3:33', step(', with: { x: { $output: { step: gone } } }')],
  ['a secret in clear', '3:43', step(', with: { name: n, password: p }').replace('make', 'typed')],
  ['a missing undo', '3:3', step('').replace('test/', 'bare/')],
  ['an undo that there is not', '3:33', step(', undo: { method: gone }')],
  ['a name that is none', '3:3', 'workflow: {}\nsteps:\n  A!: { call: test/make }\n'],
  ['a name of a group and a step', '2:3', 'groups:\n  a: {}\nsteps: { a: { call: test/make } }'],
  ['a timeout too short', '3:25', step(', timeout: 1ms')],
  ['too many attempts', '3:34', step(', retry: { max_attempts: 5000 }')],
  ['a lock that is none', '3:49', step(', locks: { lun/1: shared, "?": exclusive }')],
  ['a neighborhood that is none', '3:34', step(', nodes: { neighborhood: "?" }')],
  ['a system that is none', '3:25', step(', system: "?"')],
  ['an undo of what waits', '1:31', 'steps: { a: { approval: well, undo: irreversible } }'],
  [
    'an output of the workflow',
    '2:11',
    'steps: { a: { call: test/make } }\noutput: { x: { $output: { step: gone } } }',
  ],
];

/** As above, of what belongs to the workflow; only `submit` sends that. */
const settings: readonly (readonly [string, string, string])[] = [
  ['an id of a workflow that is none', '1:13', 'id: "No id"'],
  ['a tenant that is none', '1:13', 'tenant: "?"'],
  ['a deadline too short', '1:13', 'deadline: 1ms'],
  ['a label that is none', '1:13', 'labels: { "?!": x }'],
  ['a lock of the workflow that is none', '1:36', 'locks: { a: exclusive, "?": shared }'],
  ['a callback to nobody', '1:13', 'callback: nobody'],
  ['a description too long', '1:13', `description: "${'x'.repeat(10_000)}"`],
];

describe('Refusals of a plan file', function () {
  this.timeout(30_000);
  let rig: Rig;
  let directory: string;

  before(async () => {
    directory = await temporaryDirectory();
    rig = await startRig({ controllers: { bare: bareController() } });
  });
  after(async () => {
    await rig.close();
  });

  async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly err: string }> {
    const ran = { code: 0, err: '' };
    await runCli([...args, '--server', rig.node.address], {
      terminal: {
        out: () => undefined,
        err: (text) => (ran.err += text),
        isTty: false,
        columns: 80,
        rows: 0,
      },
      env: {},
      signal: new AbortController().signal,
      nowMs: () => systemClock.nowMs(),
      setExitCode: (code) => (ran.code = code),
    });
    return ran;
  }

  async function expectRefused(verb: string, text: string, place: string): Promise<void> {
    const file = join(directory, 'plan.yaml');
    await writeFile(file, text);
    const { code, err } = await run('workflow', verb, '-f', file);
    expect(code, err).to.equal(exitCodes.refused);
    const places = [...err.matchAll(/plan\.yaml:(\d+:\d+): /g)].map(([, found]) => found);
    expect(places, err.slice(0, 500)).to.include(place);
    expect((await rig.keys()).filter((key) => /^(head|plan|live)\//.test(key))).to.deep.equal([]);
  }

  for (const [what, place, text] of plans) {
    it(`${what}: ${place}`, async () => {
      for (const verb of ['plan', 'submit']) await expectRefused(verb, text, place);
    });
  }
  for (const [what, place, text] of settings) {
    it(`${what}: ${place}`, async () => {
      await expectRefused('submit', `workflow: { ${text} }\nsteps: { a: { call: test/make } }\n`, place);
    });
  }
});
