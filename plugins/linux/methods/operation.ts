/** What an operation on one of this system's objects is, and how it becomes one of the contract. */
import type {
  Look,
  StorageMethod,
  StorageMethods,
  StorageObject,
  StorageOperation,
} from '../../../src/storage-controller.js';
import { callAbout, type Call, type Held } from '../call.js';
import type { LinuxSettings } from '../options.js';

/** A method's work on its first object, which is locked, behind the fence. */
export interface LinuxOperation<M extends StorageMethod> {
  /** What it works on. */
  readonly object: (args: StorageMethods[M][0]) => StorageObject;
  /** Does it. */
  readonly perform: (call: Call, args: StorageMethods[M][0]) => Promise<StorageMethods[M][1]>;
  /** Tells what came of it. */
  readonly look: (call: Call, args: StorageMethods[M][0]) => Promise<Look<M>>;
}

/** The volume that arguments name. */
export const theVolume = ({ volume }: { readonly volume: string }): StorageObject => ({
  kind: 'volume',
  name: volume,
});

/** The snapshot that arguments name. */
export const theSnapshot = ({ snapshot }: { readonly snapshot: string }): StorageObject => ({
  kind: 'snapshot',
  name: snapshot,
});

/** It is there, with this output. */
export function there<T>(output: T): { readonly kind: 'there'; readonly output: T } {
  return { kind: 'there', output };
}

/** As the contract has it. */
export function operationOf<M extends StorageMethod>(
  settings: LinuxSettings,
  { object, perform, look }: LinuxOperation<M>,
): StorageOperation<M, Held> {
  return {
    perform: async (call, args) => await perform(callAbout(settings, call, object(args)), args),
    look: async (call, args) => await look(callAbout(settings, call, object(args)), args),
  };
}
