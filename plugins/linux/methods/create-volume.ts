/** Makes a volume: a data file of its size, thin (sparse) or thick (reserved and written). */
import { done, notDone, type JsonObject } from '../../../src/controller.js';
import { reserveSpace, writeZeros } from '../allocate.js';
import type { VolumeMethod } from '../answers.js';
import { readFlag, readSize, readVolume } from '../arguments.js';
import { makerOf, type Call } from '../call.js';
import { shortHash } from '../ledger-format.js';
import { knownFailure, Refusal } from '../refusal.js';
import type { VolumeRecord } from '../volume-record.js';
import {
  hasImage,
  hasTemporary,
  isPublished,
  makeTemporary,
  nameTaken,
  publish,
  readRecord,
  removeForGood,
  removeTemporaries,
  setImageLength,
  writeRecord,
} from '../volume-store.js';

interface CreateArguments {
  readonly volume: string;
  readonly sizeBytes: number;
  readonly thick: boolean;
}

/** See the file's head. */
export const createVolume: VolumeMethod<CreateArguments> = {
  parse: (args) => ({
    volume: readVolume(args),
    sizeBytes: readSize(args, 'size_bytes'),
    thick: readFlag(args, 'thick'),
  }),
  execute: async (call, args) => {
    const record = await readRecord(call.paths);
    if (record !== undefined) {
      // Under another step's record our temporary is of no use any more, under our own it is a second name.
      await removeTemporaries(call);
      call.trace.effect = call.keys.includes(record.maker.key) ? 'some' : 'none';
      requireOwn(call, record, args);
      return done(outputOf(call, record));
    }
    const made = await make(call, args);
    await removeTemporaries(call);
    await call.reach('create-volume:temp-removed');
    return done(outputOf(call, made));
  },
  probe: async (call) => {
    const record = await readRecord(call.paths);
    if (record !== undefined && call.keys.includes(record.maker.key)) {
      // No further attempt will come by to do it.
      await removeTemporaries(call);
      return done(outputOf(call, record));
    }
    return notDone((await hasTemporary(call)) ? 'some' : 'none');
  },
};

async function make(call: Call, args: CreateArguments): Promise<VolumeRecord> {
  try {
    if (!(await isPublished(call))) {
      if (await hasImage(call)) throw await nameTaken(call);
      await fillTemporary(call, args);
      await publish(call);
    }
    call.trace.effect = 'some';
    await call.reach('create-volume:renamed');
    const record = newRecord(call, args);
    await writeRecord(call.paths, record);
    await call.reach('create-volume:recorded');
    return record;
  } catch (error) {
    // What is known not to have worked leaves nothing; what is not known is left for the next attempt.
    if (knownFailure(error, 'none') !== undefined) await takeBack(call);
    throw error;
  }
}

/** Removes what this step has made, unless it is a volume already. */
async function takeBack(call: Call): Promise<void> {
  if ((await readRecord(call.paths)) !== undefined) return;
  if (await isPublished(call)) await removeForGood(call, call.paths.image);
  await removeTemporaries(call);
  call.trace.effect = 'none';
}

async function fillTemporary(call: Call, { sizeBytes, thick }: CreateArguments): Promise<void> {
  const path = await makeTemporary(call);
  call.trace.effect = 'some';
  await call.reach('create-volume:temp-made');
  if (thick) {
    call.context.progress(0, 'Reserving space');
    await reserveSpace(call, path, 0, sizeBytes);
    await call.reach('create-volume:space-reserved');
    await writeZeros(call, path, 0, sizeBytes);
  }
  await setImageLength(path, sizeBytes);
  await call.reach('create-volume:filled');
}

function newRecord(call: Call, { volume, sizeBytes, thick }: CreateArguments): VolumeRecord {
  return {
    format: 1,
    volume,
    maker: makerOf(call),
    serial: serialOf(call),
    thick,
    createdBytes: sizeBytes,
    growths: [],
  };
}

/**
 * From the key as well as the name: a volume that is made again under the name of a deleted one has other
 * bytes, and a host that saw the former must not take it for the same disk. tgtd reads the digits as an NAA
 * identifier of type 6, hence the first one.
 */
function serialOf({ system, volume, key }: Call): string {
  return `6${shortHash(JSON.stringify([system.id, volume, key]), 31)}`;
}

function requireOwn(call: Call, record: VolumeRecord, args: CreateArguments): void {
  const { volume, maker } = record;
  if (!call.keys.includes(maker.key)) {
    throw new Refusal(
      'VolumeExists',
      `Volume ${volume} of storage system ${call.system.id} was made by ${maker.workflow}/${maker.step}`,
    );
  }
  if (record.createdBytes !== args.sizeBytes || record.thick !== args.thick) {
    throw new Refusal('KeyReused', `Volume ${volume} was made by this step with other arguments`);
  }
}

function outputOf(call: Call, record: VolumeRecord): JsonObject {
  const { volume, createdBytes, serial } = record;
  return { volume, path: call.paths.image, size_bytes: createdBytes, serial };
}
