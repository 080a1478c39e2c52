/** What a controller under check is called with. */
import { expect } from 'chai';
import { exampleOf } from '../../../src/conformance/example.js';
import { parseSamples, sampleOf, SamplesError, noSamples } from '../../../src/conformance/samples.js';
import { withUnique } from '../../../src/conformance/unique.js';
import type { JsonObject } from '../../../src/base/json.js';
import { defineController, done } from '../../../src/controller.js';
import { createSchemaChecker } from '../../../src/model/schema.js';

describe('exampleOf', () => {
  it('takes constants, examples, defaults and enums, else the least that is allowed; only what is required', () => {
    const schema: JsonObject = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        kind: { enum: ['x', 'y'] },
        size: { type: 'integer', minimum: 1_000, multipleOf: 512 },
        above: { type: 'integer', exclusiveMinimum: 5 },
        tags: { type: 'array', minItems: 2, items: { const: 't' } },
        mode: { type: 'string', default: 'fast', examples: ['slow'] },
        more: { type: 'string' },
      },
      required: ['name', 'kind', 'size', 'above', 'tags', 'mode'],
    };
    const expected = { name: '${unique}', kind: 'x', size: 1_024, above: 6, tags: ['t', 't'], mode: 'slow' };
    expect(exampleOf(schema)).to.deep.equal(expected);
    expect(exampleOf({ type: 'object', required: ['unknown'] })).to.equal(undefined);
  });
});

describe('sampleOf', () => {
  it('makes none when what can be made does not fit', () => {
    const name = { type: 'string', pattern: '^iqn\\.' };
    const { description } = defineController({
      ...{ kind: 'k', version: '1', description: '' },
      methods: {
        strict: {
          description: '',
          argumentsSchema: { type: 'object', properties: { name }, required: ['name'] },
          undo: 'none-needed',
          execute: async () => await Promise.resolve(done()),
        },
      },
    });
    const [method] = description.methods;
    expect(sampleOf(method!, noSamples, createSchemaChecker())).to.equal(undefined);
  });
});

describe('parseSamples', () => {
  it('names the place that is wrong', () => {
    const wrong: Readonly<Record<string, RegExp>> = {
      'method: {}': /s: the file.method is not known; there are: system, methods/,
      'system: 1': /system must be a text/,
      'methods: { a: { reads: 1 } }': /methods.a.reads must be true or false/,
      'methods: { a: { before: {} } }': /methods.a.before must be a list/,
      'methods: { a: { before: [{ arguments: {} }] } }': /methods.a.before\[0\].method must be the name/,
      'methods: { a: { slow: { takes_ms: 1 } } }': /methods.a.slow.takes_ms must be 500 to 600000/,
      'methods: { a: { observe: [] } }': /methods.a.observe must be an object/,
      '{': /is no YAML/,
    };
    for (const [text, message] of Object.entries(wrong))
      expect(() => parseSamples(text, 's'), text).to.throw(SamplesError, message);
  });

  it('puts another name in the place of each ${unique}, however deep', () => {
    const args = { a: 'x-${unique}', b: [{ c: '${unique}${unique}' }], d: 1 };
    expect(withUnique(args, 'n')).to.deep.equal({ a: 'x-n', b: [{ c: 'nn' }], d: 1 });
  });
});
