/** The calls that crash.test.ts kills: what comes before each, and how things are when it is done. */
import { expect } from 'chai';
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
  readonly undo?: { readonly method: string; readonly step: string };
  /** Undoes what was prepared, in order. */
  readonly cleanUp: readonly { readonly method: string; readonly step: string }[];
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
const imagePath = (bench: Bench): string => join(bench.rootDir, 'volumes', `${volume}.img`);
const unitOf = (bench: Bench): { target: string; lun: number } => ({
  target: bench.targetOf(volume),
  lun: 1,
});
/** What was written before the kill is there. */
export const expectBytes = async (bench: Bench): Promise<void> => {
  expect((await readFile(imagePath(bench))).toString('utf8', 0, pattern.length)).to.equal(pattern);
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
    name: 'resize-volume, exported',
    method: 'resize-volume',
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
      await bench.must(callOf('grow'), 'resize-volume', { volume, size_bytes: 4 * mebibyte });
    },
    verify: async (bench) => {
      await expectSeen(bench, 'one', 2 * mebibyte);
      await expectBytes(bench);
    },
    cleanUp: [undoExport('one'), undoMake],
  },
  {
    name: 'delete-volume as a step',
    method: 'delete-volume',
    call: () => callOf('del'),
    args: () => ({ volume }),
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
  'resize-volume:recorded': 'done',
  // The file still has the size that the step gave it.
  'restore-volume-size:checked': 'none',
  'restore-volume-size:recorded': 'done',
  'delete-volume:checked': 'none',
  'delete-volume:data-removed': 'done',
  'export-volume:recorded': 'done',
  'unexport-volume:checked': 'none',
  'unexport-volume:recorded': 'done',
};
