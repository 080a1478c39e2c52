// A controller: it makes disk images as sparse files, each named by the key of the step that asked for it.
import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defineController, done, failed, type ControllerPort, type JsonObject } from '../src/controller.js';

/** What a node calls with the controller's part of its controllers file. */
export function createController(settings: JsonObject): ControllerPort {
  const directory = settings['directory'] as string;
  const imageOf = (key: string): string => resolve(directory, `${key.replaceAll('/', '_')}.img`);
  const size = { type: 'integer', minimum: 512, multipleOf: 512 };
  return defineController({
    kind: 'image',
    version: '1.0.0',
    description: 'Disk images as files',
    methods: {
      'create-image': {
        description: 'Makes an image',
        argumentsSchema: { type: 'object', properties: { size_bytes: size }, required: ['size_bytes'] },
        undo: { method: 'delete-image' },
        idempotent: true, // called again with the same key, it finds its own file
        execute: async ({ idempotencyKey }, { size_bytes }) => {
          await using file = await open(imageOf(idempotencyKey), 'a');
          await file.truncate(Number(size_bytes));
          return done({ path: imageOf(idempotencyKey) });
        },
      },
      'delete-image': {
        description: 'Undoes create-image: removes what that step made, and nothing else',
        argumentsSchema: { type: 'object' },
        undo: 'none-needed',
        idempotent: true,
        execute: async ({ undone }) => {
          if (undone === undefined)
            return failed('UndoOnly', 'No step', { retryable: false, effect: 'none' });
          for (const key of [undone.idempotencyKey, ...undone.formerKeys])
            await rm(imageOf(key), { force: true });
          return done();
        },
      },
    },
  });
}
