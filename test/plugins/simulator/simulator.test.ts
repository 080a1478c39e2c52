/** What a simulated array adds to the contract: jobs, a limit, a script of failures, a file, a log. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControllerPort, ExecuteResult, JsonObject } from '../../../src/controller.js';
import { defineStorageController } from '../../../src/storage-controller.js';
import { createSimulatorAdapter, type SimulatedSystem } from '../../../plugins/simulator/index.js';
import { createController, parseSimulatorSettings } from '../../../plugins/simulator/plugin.js';
import { FakeClock } from '../../support/fake-clock.js';
import { callOf, contextOf, mebibyte, reasonOf } from '../linux/support.js';

const base: SimulatedSystem = {
  id: 'shelf',
  pools: [{ pool: 'gold', totalBytes: 100 * mebibyte }],
  ports: [{ port: 'a0', protocol: 'iscsi', address: '192.0.2.1:3260' }],
};
const clock = new FakeClock();
const arrayWith = (more: Partial<SimulatedSystem>): ControllerPort =>
  defineStorageController(createSimulatorAdapter([{ ...base, ...more }], clock), { clock });
const create = async (array: ControllerPort, step: string, size = mebibyte): Promise<ExecuteResult> =>
  await array.execute(contextOf(call(step)), 'create-volume', { volume: `vol-${step}`, size_bytes: size });
const call = (step: string): ReturnType<typeof callOf> =>
  callOf(step, { deadlineMs: clock.nowMs() + 60_000 });
const names = async (array: ControllerPort): Promise<unknown> => {
  const result = await array.execute(contextOf(call('look')), 'list-volumes', {});
  return result.kind === 'done' && (result.output['volumes'] as JsonObject[]).map(({ volume }) => volume);
};

describe('simulator', () => {
  it('with jobs: the effect comes when the job is due, a repeat finds the same job, a cancelled one never lands', async () => {
    const array = arrayWith({ jobMs: 500 });
    const first = await create(array, 'a');
    expect(first).to.deep.include({ kind: 'pending', task: 'job-1' });
    expect(await create(array, 'a')).to.deep.include({ kind: 'pending', task: 'job-1' });
    expect(
      await array.probe(contextOf(call('a')), 'create-volume', { volume: 'vol-a', size_bytes: mebibyte }),
    )
      .to.deep //
      .include({ kind: 'pending', task: 'job-1' });
    await create(array, 'b');
    await array.cancel(contextOf(call('b')), 'create-volume', 'job-2');
    expect(await names(array)).to.deep.equal([]);
    clock.advance(500);
    expect(await names(array)).to.deep.equal(['vol-a']);
    const ended = await array.poll(contextOf(call('a')), 'create-volume', 'job-1', {});
    expect(ended).to.have.nested.property('output.size_bytes', mebibyte);
    expect(await array.poll(contextOf(call('b')), 'create-volume', 'job-2', {})).to.deep.include({
      kind: 'failed',
      reason: 'JobCancelled',
    });
    expect(await array.poll(contextOf(call('b')), 'create-volume', 'job-9', {})).to.have.property(
      'kind',
      'unknown',
    );
    // What is there already is answered at once.
    expect(await create(array, 'a')).to.have.property('kind', 'done');
  });

  it('beyond its limit of operations it is busy, and a job counts until it has ended', async () => {
    const array = arrayWith({ jobMs: 500, operationsMax: 2 });
    await create(array, 'a');
    await create(array, 'b');
    const refused = await create(array, 'c');
    expect(refused).to.deep.include({
      kind: 'failed',
      reason: 'SystemBusy',
      retryable: true,
      effect: 'none',
    });
    clock.advance(500);
    expect(await create(array, 'c')).to.have.property('kind', 'pending');
  });

  it('promises so much and no more, holds so many and no more', async () => {
    const full = arrayWith({ oversubscription: 1.5 });
    expect(await create(full, 'a', 150 * mebibyte)).to.have.property('kind', 'done');
    expect(reasonOf(await create(full, 'b'))).to.equal('CapacityExceeded');
    const few = arrayWith({ volumesMax: 1 });
    await create(few, 'a');
    expect(reasonOf(await create(few, 'b'))).to.equal('TooManyObjects');
  });

  it('plays its script: fails before or after the change, and says what is left; loses answers', async () => {
    const array = arrayWith({
      faults: [
        { method: 'create-volume', object: 'vol-a', at: 'before', then: 'fail', reason: 'SystemUnavailable' },
        { method: 'create-volume', object: 'vol-b', at: 'after', then: 'fail', retryable: false },
        { method: 'create-volume', object: 'vol-c', at: 'after', then: 'lose' },
      ],
    });
    expect(await create(array, 'a')).to.deep.include({ reason: 'SystemUnavailable', effect: 'none' });
    expect(await create(array, 'b')).to.deep.include({ kind: 'failed', effect: 'some', retryable: false });
    let lost = '';
    await create(array, 'c').catch((error: unknown) => (lost = String(error)));
    expect(lost).to.contain('broke');
    expect(await names(array)).to.deep.equal(['vol-b', 'vol-c']);
    // Each rule is used up.
    expect(await create(array, 'a')).to.have.property('kind', 'done');
  });

  it('keeps its state in a file that two controllers share, and logs each effect once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-simulator-'));
    try {
      const settings: JsonObject = {
        systems: [
          {
            id: 'shelf',
            pools: [{ pool: 'gold', total_bytes: 100 * mebibyte }],
            ports: [{ port: 'a0', protocol: 'iscsi', address: '192.0.2.1:3260' }],
            state_file: 'state.json',
            effect_log: 'effects.log',
          },
        ],
      };
      const [left, right] = [0, 1].map(() => createController(settings, { directory }));
      const steps = ['a', 'b', 'c', 'd', 'e', 'f'];
      const now = (step: string): Parameters<ControllerPort['execute']>[0] => contextOf(callOf(step));
      await Promise.all(
        steps.flatMap((step) =>
          [left!, right!].map((one) =>
            one
              .execute(now(step), 'create-volume', { volume: `vol-${step}`, size_bytes: mebibyte })
              .catch(() => {
                // The other one had the higher token.
              }),
          ),
        ),
      );
      const again = createController(settings, { directory });
      expect(await names(again)).to.deep.equal(steps.map((step) => `vol-${step}`));
      const lines = (await readFile(join(directory, 'effects.log'), 'utf8')).trim().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { object: string }).object).sort()).to.deep.equal(
        steps.map((step) => `vol-${step}`),
      );
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  for (const [what, change, at] of [
    ['no pool', { pools: [] }, 'pools'],
    ['an unknown setting', { poools: 1 }, 'poools'],
    [
      'a protocol that there is not',
      { ports: [{ port: 'a', protocol: 'scsi', address: 'x' }] },
      'ports[0].protocol',
    ],
    [
      'a fault that is none',
      { faults: [{ method: 'create-volume', at: 'never', then: 'fail' }] },
      'faults[0].at',
    ],
  ] as const) {
    it(`refuses ${what} by name`, () => {
      const system = {
        id: 'shelf',
        pools: [{ pool: 'gold', total_bytes: 1 }],
        ports: [{ port: 'a0', protocol: 'iscsi', address: '192.0.2.1:3260' }],
        ...change,
      };
      expect(() => parseSimulatorSettings({ systems: [system as unknown as JsonObject] }, '/')).to.throw(at);
    });
  }
});
