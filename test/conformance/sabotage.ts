/** Adapters as a careless author would write them: the suite has to find each of these. */
import type { StorageAdapter } from '../../src/storage-controller.js';
import { mebibyte, nextToken } from '../plugins/linux/support.js';
import type { Defect } from './bench.js';

/** The adapter with the defect; `destroy` takes a volume away whosever it is. */
export function sabotage<H>(
  adapter: StorageAdapter<H>,
  defect: Defect,
  destroy: (volume: string) => Promise<void>,
): StorageAdapter<H> {
  const { volumes } = adapter;
  const { create } = volumes;
  switch (defect) {
    case 'wrong-size':
      return {
        ...adapter,
        volumes: {
          ...volumes,
          create: {
            ...create,
            perform: async (call, args) =>
              await create.perform(call, { ...args, sizeBytes: args.sizeBytes + mebibyte }),
          },
        },
      };
    case 'create-without-look-up':
      // It never finds what an earlier attempt of its step made.
      return {
        ...adapter,
        volumes: {
          ...volumes,
          create: {
            ...create,
            perform: async (call, args) => {
              const key = `${call.owner.key}-${nextToken().revision}`;
              return await create.perform({ ...call, owner: { ...call.owner, key }, keys: [key] }, args);
            },
          },
        },
      };
    case 'delete-of-a-foreign-object':
      return {
        ...adapter,
        volumes: {
          ...volumes,
          delete: {
            ...volumes.delete,
            perform: async (_call, { volume }) => {
              await destroy(volume);
              return { volume };
            },
          },
        },
      };
  }
}
