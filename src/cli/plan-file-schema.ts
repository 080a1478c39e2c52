/** The form of a plan file, as JSON Schema (2020-12). docs/plan-file.md explains it with examples. */
import type { JsonObject } from '../base/json.js';

const duration: JsonObject = { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$' };
const ids: JsonObject = { type: 'array', items: { type: 'string' } };

const locks: JsonObject = {
  type: 'object',
  additionalProperties: { enum: ['exclusive', 'shared'] },
};

/** See above. */
export const planFileSchema: JsonObject = {
  type: 'object',
  required: ['steps'],
  additionalProperties: false,
  properties: {
    workflow: {
      type: 'object',
      additionalProperties: false,
      properties: {
        id: { type: 'string' },
        description: { type: 'string' },
        tenant: { type: 'string' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        priority: { type: 'integer', minimum: 0, maximum: 9 },
        start_time: { type: 'string', format: 'date-time' },
        deadline: duration,
        deadline_action: { enum: ['rollback', 'keep'] },
        on_failure: { enum: ['rollback', 'suspend', 'keep'] },
        running_steps: { enum: ['let-end', 'cancel'] },
        locks,
        callback: { type: 'string' },
      },
    },
    output: { type: 'object' },
    groups: {
      type: 'object',
      additionalProperties: {
        type: ['object', 'null'],
        additionalProperties: false,
        properties: { needs: ids },
      },
    },
    steps: {
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        type: 'object',
        oneOf: [
          { required: ['call'] },
          { required: ['approval'] },
          { required: ['signal'] },
          { required: ['child'] },
        ],
        additionalProperties: false,
        properties: {
          call: { type: 'string', pattern: '^[^/]+/[^/]+$' },
          approval: { type: 'string' },
          signal: { type: 'string' },
          child: { type: 'string', pattern: '^[^/]+/[^/]+$' },
          description: { type: 'string' },
          system: { type: 'string' },
          with: { type: 'object' },
          needs: ids,
          group: { type: 'string' },
          timeout: duration,
          locks,
          nodes: {
            type: 'object',
            additionalProperties: false,
            properties: {
              neighborhood: { type: 'string' },
              labels: { type: 'object', additionalProperties: { type: 'string' } },
            },
          },
          retry: {
            type: 'object',
            additionalProperties: false,
            properties: {
              max_attempts: { type: 'integer', minimum: 1 },
              initial_backoff: duration,
              max_backoff: duration,
              multiplier: { type: 'number' },
            },
          },
          undo: {
            anyOf: [
              { enum: ['none', 'irreversible'] },
              {
                type: 'object',
                required: ['method'],
                additionalProperties: false,
                properties: { method: { type: 'string' }, with: { type: 'object' } },
              },
            ],
          },
        },
      },
    },
  },
};
