// A controller in one file: volumes as sparse files. With a schema, a doing, an undo and a probe.
// Run by itself it serves gRPC until it is told to end:   node volume-controller.ts DIRECTORY HOST:PORT
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defineController, done, failed, method, notDone, serveController } from '../../src/controller.js';

/** Makes it; `directory` is where the volumes are. */
export function createVolumeController(directory: string) {
  // The key of a step's call names its volume, so that a repeated call finds what the first one made.
  const pathOf = (key: string): string => join(directory, `${key.replaceAll('/', '_')}.img`);
  return defineController({
    kind: 'volume',
    version: '1.0.0',
    description: 'Volumes as sparse files',
    methods: {
      create: method({
        description: 'Makes a volume',
        argumentsSchema: {
          type: 'object',
          properties: { size_bytes: { type: 'integer', minimum: 512, multipleOf: 512 } },
          required: ['size_bytes'],
        },
        outputSchema: {
          type: 'object',
          properties: { path: { type: 'string' }, size_bytes: { type: 'integer' } },
          required: ['path', 'size_bytes'],
        },
        undo: { method: 'remove' },
        idempotent: true,
        execute: async ({ idempotencyKey }, { size_bytes }) => {
          const path = pathOf(idempotencyKey);
          await mkdir(directory, { recursive: true });
          {
            await using file = await open(`${path}.part`, 'a');
            await file.truncate(size_bytes);
          }
          // It gets its name when it is complete: a half-made one is never found.
          await rename(`${path}.part`, path);
          return done({ path, size_bytes });
        },
        probe: async ({ idempotencyKey }) => {
          const path = pathOf(idempotencyKey);
          const found = await stat(path).catch(() => undefined);
          return found === undefined ? notDone('some') : done({ path, size_bytes: found.size });
        },
      }),
      remove: method({
        description: 'Undoes create: removes what that step made, and nothing else',
        argumentsSchema: { type: 'object' },
        undo: 'none-needed',
        idempotent: true,
        execute: async ({ undone }) => {
          if (undone === undefined)
            return failed('UndoOnly', 'It is called as an undo only', { retryable: false, effect: 'none' });
          for (const key of [undone.idempotencyKey, ...undone.formerKeys])
            for (const end of ['', '.part']) await rm(`${pathOf(key)}${end}`, { force: true });
          return done();
        },
      }),
    },
  });
}

const [, script, directory, address] = process.argv;
if (script?.includes('volume-controller') === true && directory !== undefined && address !== undefined) {
  const served = await serveController(createVolumeController(directory), { address });
  // Calls under way get their time; no new one is taken.
  process.once('SIGTERM', () => void served.close(10_000));
  process.stdout.write(`serves at ${served.endpoint}\n`);
}
