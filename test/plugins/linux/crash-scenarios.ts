/** The calls that crash.test.ts kills: what comes before each, and how things are when it is done. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import type { JsonObject } from '../../../src/controller.js';
import { callOf, errorOf, initiatorName, mebibyte, undoOf, type Bench, type CallData } from './support.js';

const chapOf = (bench: Bench, name: string): { username: string; secret: string } => ({
  // Accounts are tgtd's, so each test has its own.
  username: `${name}-${bench.rootDir.slice(-6)}`,
  secret: `the-secret-of-${name}`,
});
/** The one volume of each scenario. */
export const volume = 'a';
const pattern = 'precious bytes';

/** Undoes a step. */
export interface Undo {
  readonly method: string;
  readonly step: string;
  /** @default the volume */
  readonly args?: JsonObject;
}

/** One call of a method, what comes before it, and how things are when it is done. */
export interface Scenario {
  readonly name: string;
  readonly method: string;
  readonly call: () => CallData;
  readonly args: (bench: Bench) => JsonObject;
  readonly prepare: (bench: Bench) => Promise<void>;
  /** Holds when the method is done, however often it was begun. */
  readonly verify: (bench: Bench, tgtd: RunningTgtd) => Promise<void>;
  /** Undoes this step alone; undefined for what is not undone. */
  readonly undo?: Undo;
  /** Undoes what was prepared, in order. */
  readonly cleanUp: readonly Undo[];
}

const create = async (bench: Bench): Promise<void> => {
  await bench.must(callOf('make'), 'create-volume', { volume, size_bytes: 2 * mebibyte });
  const file = await open(imagePath(bench), 'r+');
  await file.write(pattern, 0);
  await file.close();
};
const exportTo = async (bench: Bench, host: string, hasChap = false): Promise<void> => {
  await bench.must(callOf(`export-${host}`), 'export-volume', exportArgs(bench, host, hasChap));
};
const exportArgs = (bench: Bench, host: string, hasChap: boolean): JsonObject => ({
  volume,
  initiators: [initiatorName(host)],
  ...(hasChap ? { chap: chapOf(bench, host) } : {}),
});
const imagePath = (bench: Bench, name = `volumes/${volume}`): string => join(bench.rootDir, `${name}.img`);
const snapshotArgs = { snapshot: 's', volume };
const undoSnapshot = { method: 'delete-snapshot', step: 'snap', args: { snapshot: 's' } };
const createWithSnapshot = async (bench: Bench): Promise<void> => {
  await create(bench);
  await bench.must(callOf('snap'), 'create-snapshot', snapshotArgs);
};
/** Of benches whose volume is being deleted. */
const serials = new WeakMap<Bench, string>();
const serialOf = (bench: Bench): string => {
  const known = serials.get(bench);
  if (known !== undefined) return known;
  const text = readFileSync(join(bench.rootDir, 'volumes', `${volume}.json`), 'utf8');
  const { serial } = JSON.parse(text) as { serial: string };
  serials.set(bench, serial);
  return serial;
};
const unitOf = (bench: Bench): { target: string; lun: number } => ({
  target: bench.targetOf(volume),
  lun: 1,
});
/** What was written before the kill is there. */
export const expectBytes = async (bench: Bench, name?: string): Promise<void> => {
  expect((await readFile(imagePath(bench, name))).toString('utf8', 0, pattern.length)).to.equal(pattern);
};
const expectSeen = async (bench: Bench, host: string, size: number, hasChap = false): Promise<void> => {
  const initiator = bench.initiator(host, hasChap ? chapOf(bench, host) : undefined);
  expect(await initiator.capacity(unitOf(bench))).to.equal(size);
  await initiator.io(unitOf(bench), `write -P 0x5a ${size - 4_096} 4k`, `read -P 0x5a ${size - 4_096} 4k`);
  await initiator.io(unitOf(bench), `write -P 0 ${size - 4_096} 4k`);
};
const undoMake = { method: 'delete-volume', step: 'make' };
const undoExport = (host: string): { method: string; step: string } => ({
  method: 'unexport-volume',
  step: `export-${host}`,
});

const all: readonly Scenario[] = [
  {
    name: 'create-volume',
    method: 'create-volume',
    call: () => callOf('make'),
    args: () => ({ volume, size_bytes: 2 * mebibyte, thick: true }),
    prepare: () => Promise.resolve(),
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
      expect((await readFile(imagePath(bench))).length).to.equal(2 * mebibyte);
    },
    undo: undoMake,
    cleanUp: [],
  },
  {
    name: 'expand-volume, exported',
    method: 'expand-volume',
    call: () => callOf('grow'),
    args: () => ({ volume, size_bytes: 4 * mebibyte }),
    prepare: async (bench) => {
      await create(bench);
      await exportTo(bench, 'one');
    },
    verify: async (bench) => {
      await expectSeen(bench, 'one', 4 * mebibyte);
      await expectBytes(bench);
    },
    undo: { method: 'restore-volume-size', step: 'grow' },
    cleanUp: [undoExport('one'), undoMake],
  },
  {
    name: 'restore-volume-size, exported',
    method: 'restore-volume-size',
    call: () => undoOf('grow', { state: 'succeeded', effect: 'some' }),
    args: () => ({ volume }),
    prepare: async (bench) => {
      await create(bench);
      await exportTo(bench, 'one');
      await bench.must(callOf('grow'), 'expand-volume', { volume, size_bytes: 4 * mebibyte });
    },
    verify: async (bench) => {
      await expectSeen(bench, 'one', 2 * mebibyte);
      await expectBytes(bench);
    },
    cleanUp: [undoExport('one'), undoMake],
  },
  {
    name: 'clone-volume',
    method: 'clone-volume',
    call: () => callOf('clone'),
    args: () => ({ volume: 'b', source_volume: volume, size_bytes: 4 * mebibyte }),
    prepare: create,
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json', 'b.img', 'b.json']);
      await expectBytes(bench, 'volumes/b');
      expect((await readFile(imagePath(bench, 'volumes/b'))).length).to.equal(4 * mebibyte);
    },
    undo: { method: 'delete-volume', step: 'clone', args: { volume: 'b' } },
    cleanUp: [undoMake],
  },
  {
    name: 'create-snapshot',
    method: 'create-snapshot',
    call: () => callOf('snap'),
    args: () => snapshotArgs,
    prepare: create,
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json', 's.img', 's.json']);
      await expectBytes(bench, 'snapshots/s');
    },
    undo: undoSnapshot,
    cleanUp: [undoMake],
  },
  {
    name: 'delete-snapshot as an undo',
    method: 'delete-snapshot',
    call: () => undoOf('snap'),
    args: () => ({ snapshot: 's' }),
    prepare: createWithSnapshot,
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
      await expectBytes(bench);
    },
    cleanUp: [undoMake],
  },
  {
    name: 'revert-volume, exported',
    method: 'revert-volume',
    call: () => callOf('back'),
    args: (bench) => ({ volume, serial: serialOf(bench), snapshot: 's' }),
    prepare: async (bench) => {
      await createWithSnapshot(bench);
      await exportTo(bench, 'one');
      await bench.initiator('one').io(unitOf(bench), 'write -P 0x77 0 64k');
    },
    verify: async (bench) => {
      await expectSeen(bench, 'one', 2 * mebibyte);
      await expectBytes(bench);
    },
    cleanUp: [undoExport('one'), undoSnapshot, undoMake],
  },
  {
    name: 'delete-volume as a step',
    method: 'delete-volume',
    call: () => callOf('del'),
    args: (bench) => ({ volume, serial: serialOf(bench) }),
    prepare: create,
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal([]);
    },
    cleanUp: [],
  },
  {
    name: 'delete-volume as an undo',
    method: 'delete-volume',
    call: () => undoOf('make'),
    args: () => ({ volume }),
    prepare: create,
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal([]);
    },
    cleanUp: [],
  },
  {
    name: 'export-volume',
    method: 'export-volume',
    call: () => callOf('export-one'),
    args: (bench) => exportArgs(bench, 'one', true),
    prepare: create,
    verify: async (bench) => {
      await expectSeen(bench, 'one', 2 * mebibyte, true);
      expect(await errorOf(bench.initiator('one').open(unitOf(bench)))).to.contain('Authentication failure');
      await expectBytes(bench);
    },
    undo: undoExport('one'),
    cleanUp: [undoMake],
  },
  {
    name: 'unexport-volume of the last',
    method: 'unexport-volume',
    call: () => callOf('out'),
    args: () => ({ volume }),
    prepare: async (bench) => {
      await create(bench);
      await exportTo(bench, 'one', true);
    },
    verify: async (bench) => {
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
      await expectBytes(bench);
    },
    cleanUp: [undoMake],
  },
  {
    name: 'unexport-volume of one of two, whose account stands first',
    method: 'unexport-volume',
    call: () => undoOf('export-one'),
    args: () => ({ volume }),
    prepare: async (bench) => {
      await create(bench);
      await exportTo(bench, 'one', true);
      await exportTo(bench, 'two', true);
    },
    verify: async (bench, tgtd) => {
      const { targets } = await tgtd.client.show();
      const target = targets.find(({ name }) => name === bench.targetOf(volume));
      expect(target).to.deep.include({
        ...{ accounts: [chapOf(bench, 'two').username], acl: [initiatorName('two')], state: 'ready' },
      });
      await expectSeen(bench, 'two', 2 * mebibyte, true);
    },
    cleanUp: [undoExport('two'), undoMake],
  },
];

/** At least one for each method. */
export function listScenarios(): readonly Scenario[] {
  return all;
}

/** What a probe has to say after a death at the point; `some` where nothing is said here. */
export const probed: Partial<Record<LinuxFaultPoint, 'done' | 'none'>> = {
  'create-volume:recorded': 'done',
  'create-volume:temp-removed': 'done',
  'expand-volume:recorded': 'done',
  // The file still has the size that the step gave it.
  'restore-volume-size:checked': 'none',
  'restore-volume-size:recorded': 'done',
  'clone-volume:recorded': 'done',
  'clone-volume:temp-removed': 'done',
  'create-snapshot:recorded': 'done',
  'create-snapshot:temp-removed': 'done',
  'delete-snapshot:checked': 'none',
  'delete-snapshot:data-removed': 'done',
  'revert-volume:recorded': 'done',
  'delete-volume:checked': 'none',
  'delete-volume:data-removed': 'done',
  'export-volume:recorded': 'done',
  'unexport-volume:checked': 'none',
  'unexport-volume:recorded': 'done',
};
