/** The controller as a remote one, with a real tgtd, under `steplock controller check`. */
import { expect } from 'chai';
import { systemClock } from '../../../src/base/clock.js';
import { systemRandom } from '../../../src/base/random.js';
import { checkController } from '../../../src/conformance/check-controller.js';
import { checks } from '../../../src/conformance/checks.js';
import { parseSamples } from '../../../src/conformance/samples.js';
import { sleep, type ControllerPort } from '../../../src/controller.js';
import { silentLogger } from '../../../src/log/log.js';
import { serveController } from '../../../src/remote/serve-controller.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { createBench, startTestTgtd, type Bench } from './support.js';

/** How long a call on a volume of this name stays at its fault points: a slow disk. */
const slowMs = 2_000;

const samples = parseSamples(
  `
system: shelf
methods:
  create-volume:
    arguments: { volume: '\${unique}', size_bytes: 1048576 }
    slow: { arguments: { volume: 'slow-\${unique}', size_bytes: 1048576 }, takes_ms: ${slowMs} }
  expand-volume:
    before: [{ method: create-volume, arguments: { volume: '\${unique}', size_bytes: 1048576 } }]
    arguments: { volume: '\${unique}', size_bytes: 2097152 }
  create-snapshot:
    before: [{ method: create-volume, arguments: { volume: '\${unique}', size_bytes: 1048576 } }]
    arguments: { snapshot: '\${unique}', volume: '\${unique}' }
  export-volume:
    before: [{ method: create-volume, arguments: { volume: '\${unique}', size_bytes: 1048576 } }]
    arguments: { volume: '\${unique}', initiators: ['iqn.2026-11.com.example:host'] }
  unexport-volume:
    before:
      - { method: create-volume, arguments: { volume: '\${unique}', size_bytes: 1048576 } }
      - method: export-volume
        arguments: { volume: '\${unique}', initiators: ['iqn.2026-11.com.example:host'] }
    arguments: { volume: '\${unique}' }
`,
  'samples',
);

/** Those that destroy are told what by its serial, which samples cannot take from an answer: test/conformance has them. */
const methods = ['create-volume', 'expand-volume', 'create-snapshot', 'export-volume', 'unexport-volume'];

describe('linux: controller check', function () {
  this.timeout(180_000);
  let tgtd: RunningTgtd;
  let bench: Bench;
  before(async () => {
    tgtd = await startTestTgtd();
    bench = await createBench(tgtd);
  });
  after(async () => {
    await bench.remove();
    await tgtd.stop();
  });

  it('holds every check, and nothing is left', async () => {
    // Keys of calls that are to be slow; each is so at its first fault point.
    const slow = new Set<string>();
    const controller = bench.controllerWith({
      faultPoint: async (_point, { idempotencyKey, signal }) => {
        if (slow.delete(idempotencyKey)) await sleep(systemClock, slowMs, signal).catch(() => undefined);
      },
    });
    const port: ControllerPort = {
      ...controller,
      execute: async (context, method, args) => {
        if (typeof args['volume'] === 'string' && args['volume'].startsWith('slow-'))
          slow.add(context.idempotencyKey);
        return await controller.execute(context, method, args);
      },
    };
    const served = await serveController(port, { address: '127.0.0.1:0', log: silentLogger });
    const { results, left } = await checkController({
      ...{ endpoint: served.endpoint, samples, methods, timeoutMs: 60_000, firstRevision: 1 },
      ...{ clock: systemClock, random: systemRandom },
    });
    await served.close();
    expect(results.filter(({ status }) => status === 'failed')).to.deep.equal([]);
    const passed = results
      .filter(({ status }) => status === 'passed')
      .map(({ method, check }) => `${method}:${check}`);
    const whole = checks.map(({ name }) => name);
    const withoutCancel = whole.filter((name) => name !== 'cancel');
    const withoutUndo = withoutCancel.filter((name) => !name.startsWith('undo'));
    expect(passed).to.have.members([
      ...[':describe', ':unknown-method'],
      ...whole.map((check) => `create-volume:${check}`),
      ...withoutCancel.flatMap((check) => [
        ...[`expand-volume:${check}`, `export-volume:${check}`, `create-snapshot:${check}`],
      ]),
      // Irreversible.
      ...withoutUndo.map((check) => `unexport-volume:${check}`),
    ]);
    expect(left).to.deep.equal([]);
    expect(await bench.files()).to.deep.equal([]);
  });
});
