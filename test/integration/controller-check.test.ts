/**
 * `steplock controller check`: it passes on controllers that keep the contract, the one in Python among them, and says of
 * each flawed one what is wrong with it, and of nothing else.
 */
import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.js';
import { systemRandom } from '../../src/base/random.js';
import { checkController, type CheckResult } from '../../src/conformance/check-controller.js';
import { checks } from '../../src/conformance/checks.js';
import { noSamples, parseSamples, type Samples } from '../../src/conformance/samples.js';
import { silentLogger } from '../../src/log/log.js';
import { serveController } from '../../src/remote/serve-controller.js';
import { createFlawedController, slowMs, type Flaw } from './support/flawed-controller.js';
import { startSteplock } from './support/processes.js';
import { startPythonController } from './support/python-controller.js';
import { temporaryDirectory } from './support/temporary.js';

const samplesText = `
methods:
  make:
    arguments: { name: '\${unique}' }
    observe: { method: list, arguments: { prefix: '\${unique}' } }
    slow: { arguments: { name: '\${unique}', slow: true }, takes_ms: ${slowMs} }
  list: { arguments: { prefix: x }, reads: true }
`;

async function resultsOf(flaw: Flaw, samples: Samples): Promise<readonly CheckResult[]> {
  const served = await serveController(createFlawedController(flaw), {
    address: '127.0.0.1:0',
    log: silentLogger,
  });
  try {
    const report = await checkController({
      ...{ endpoint: served.endpoint, samples, methods: [], timeoutMs: 10_000, firstRevision: 1 },
      ...{ clock: systemClock, random: systemRandom },
    });
    return report.results;
  } finally {
    await served.close();
  }
}

const named = (results: readonly CheckResult[], status: CheckResult['status']): string[] =>
  results.filter((result) => result.status === status).map(({ method, check }) => `${method}:${check}`);

/** Each flaw, the one check that finds it, and what it says. */
const flaws: Readonly<Record<Exclude<Flaw, 'none'>, readonly [check: string, says: RegExp]>> = {
  'undo-is-missing': [':describe', /list.* is undone by "unlist", which the controller lacks/],
  'does-anything': [':unknown-method', /^done, \{\}; answer UNIMPLEMENTED/],
  'output-does-not-fit': ['make:output', /the output\/name must be string/],
  'throws-at-arguments': ['make:bad-arguments', /error INTERNAL.*a step would be in doubt/],
  'makes-two': ['make:repeat', /there was .* after the repetition .*-again/],
  'probe-says-done': ['make:probe-before', /^done, /],
  'probe-says-not-done': ['make:probe-after', /executed done, .*; probed not done/],
  'no-fence': ['make:fence', /^done, .* in place of FENCED$/],
  'probe-raises-no-fence': ['make:fence-after-probe', /^done, .* in place of FENCED$/],
  'no-deadline': ['make:deadline', /it did it, a second after the deadline/],
  'no-cancel': ['make:cancel', /it was cancelled, and did it all the same/],
  'undo-does-nothing': ['make:undo', /it answered done, and what was made is there/],
  'undo-only-once': ['make:undo-repeat', /first done, \{\}; repeated failed, NotFound/],
  'undo-needs-something': ['make:undo-of-nothing', /failed, NotFound/],
  'undo-takes-all': ['make:undo-own', /it took away what another step's key made/],
};

describe('controller check', function () {
  this.timeout(120_000);
  const samples = parseSamples(samplesText, 'samples');
  /** Of each; they mostly wait, so they are made together. */
  const seen = new Map<Flaw, readonly CheckResult[]>();
  before(async () => {
    const all: Flaw[] = ['none', ...(Object.keys(flaws) as Exclude<Flaw, 'none'>[])];
    await Promise.all(all.map(async (flaw) => seen.set(flaw, await resultsOf(flaw, samples))));
  });

  it('passes on a controller that keeps the contract, with every check made', () => {
    const results = seen.get('none') ?? [];
    expect(results.filter(({ status }) => status === 'failed')).to.deep.equal([]);
    const ofMake = checks.map((check) => `make:${check.name}`);
    expect(named(results, 'passed')).to.include.members([':describe', ':unknown-method', ...ofMake]);
    // Of what only reads, and of what is only an undo, it says that it did not look.
    expect(named(results, 'skipped')).to.include.members(['list:undo', 'list:fence', 'unmake:execute']);
  });

  for (const [flaw, [check, says]] of Object.entries(flaws)) {
    it(`${flaw}: ${check} fails, and nothing else`, () => {
      const results = seen.get(flaw as Flaw) ?? [];
      // Without any token compared, neither of the two checks of fences can pass.
      const others = flaw === 'no-fence' ? ['make:fence-after-probe'] : [];
      expect(named(results, 'failed')).to.deep.equal([check, ...others]);
      expect(results.find(({ status }) => status === 'failed')?.why).to.match(says);
      expect(named(results, 'passed').length).to.be.greaterThan(12);
    });
  }

  it('without samples it makes arguments of the schemas, and passes nothing that it did not look at', async () => {
    const results = await resultsOf('no-cancel', noSamples);
    expect(named(results, 'failed')).to.deep.equal([]);
    expect(named(results, 'passed')).to.include.members(['make:execute', 'make:repeat', 'make:undo']);
    expect(results.find(({ check, method }) => check === 'cancel' && method === 'make')).to.deep.include({
      status: 'skipped',
      why: 'the sample has no "slow" call that could be cancelled',
    });
  });

  it('the command passes on the controller in Python, and prints what it saw', async () => {
    const controller = await startPythonController({
      dataDir: await temporaryDirectory(),
      writeRate: 1_000_000,
    });
    const file = fileURLToPath(new URL('../../examples/python-controller/samples.yaml', import.meta.url));
    const command = startSteplock([
      'controller',
      'check',
      controller.endpoint,
      '--samples',
      file,
      '-o',
      'json',
    ]);
    expect(await command.ended, command.output.out).to.equal(0);
    const { results, left } = JSON.parse(command.output.out) as {
      results: CheckResult[];
      left: string[];
    };
    expect(named(results, 'failed')).to.deep.equal([]);
    expect(left).to.deep.equal([]);
    const all = checks.map(({ name }) => `copy-volume:${name}`);
    expect(named(results, 'passed')).to.include.members([':describe', 'create-volume:cancel', ...all]);
    expect(command.output.err).to.match(
      /This makes effects there.*\n.*directory 1\.0\.0: \d+ passed, 0 failed/,
    );
    controller.kill();
    await controller.ended;
  });

  it('the command exits with 3 when a check fails, 2 for samples that are wrong, 6 when nobody answers', async () => {
    const served = await serveController(createFlawedController('makes-two'), {
      address: '127.0.0.1:0',
      log: silentLogger,
    });
    const directory = await temporaryDirectory();
    const file = join(directory, 'samples.yaml');
    const check = (...args: string[]): ReturnType<typeof startSteplock> =>
      startSteplock(['controller', 'check', ...args, '--samples', file]);
    await writeFile(file, samplesText.replace(/^ +slow:.*$/m, ''));
    const broken = check(served.endpoint);
    expect(await broken.ended).to.equal(3);
    expect(broken.output.out).to.match(/make +repeat +failed +there was/);
    const nobody = check('127.0.0.1:1');
    expect(await nobody.ended).to.equal(6);
    await writeFile(file, 'methods: { make: { argument: {} } }');
    const wrong = check(served.endpoint);
    expect(await wrong.ended).to.equal(2);
    expect(wrong.output.err).to.include('methods.make.argument is not known; there are: arguments, before');
    await served.close();
  });
});
