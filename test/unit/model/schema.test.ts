import { expect } from 'chai';
import type { JsonObject, JsonValue } from '../../../src/base/json.js';
import { createSchemaChecker } from '../../../src/model/schema.js';

const checker = createSchemaChecker();
/** `at: what` of each violation. */
const check = (schema: JsonObject, value: JsonValue, unresolved: string[] = []): string[] =>
  checker
    .check(JSON.stringify(schema), value, unresolved)
    .map(({ at, description }) => `${at}: ${description}`);
const reference = { $output: { step: 'a', pointer: '/x' } };

describe('SchemaChecker.problemOf()', () => {
  it('says what is wrong with what is no schema', () => {
    expect(checker.problemOf('{"type":"strin"}')).to.be.a('string');
    expect(checker.problemOf('{')).to.be.a('string');
    expect(checker.problemOf('{"$ref":"#/$defs/none"}')).to.be.a('string');
    expect(checker.problemOf('{"type":"string","format":"date-time"}')).to.equal(undefined);
  });

  it('lets two schemas have one $id', () => {
    expect(checker.problemOf('{"$id":"https://x/y","type":"string"}')).to.equal(undefined);
    expect(checker.problemOf('{"$id":"https://x/y","type":"number"}')).to.equal(undefined);
    expect(check({ $id: 'https://x/y', type: 'number' }, 1)).to.deep.equal([]);
  });
});

describe('SchemaChecker.check()', () => {
  it('names each place with what is wrong there', () => {
    const schema = {
      properties: { 'a/b': { type: 'string' }, n: { enum: [1, 'x'] } },
      additionalProperties: false,
    };
    expect(check(schema, { 'a/b': 1, n: 2, more: 3 })).to.have.members([
      '/a~1b: must be string',
      '/n: must be equal to one of the allowed values: 1, "x"',
      ': has no property "more"',
    ]);
  });

  it('checks formats', () => {
    expect(check({ format: 'ipv4' }, '10.0.0.256')).to.have.length(1);
    expect(check({ format: 'ipv4' }, '10.0.0.255')).to.deep.equal([]);
  });

  it('leaves open what stands at a reference, and keeps what is wrong beside it', () => {
    const schema = { properties: { a: { type: 'string' }, b: { type: 'string' } }, required: ['c'] };
    expect(check(schema, { a: reference, b: 2 }, ['/a'])).to.have.members([
      '/b: must be string',
      ": must have required property 'c'",
    ]);
  });

  it('does not take a place for one within a reference that only begins like it', () => {
    const schema = { properties: { a: { type: 'string' }, ab: { type: 'string' } } };
    expect(check(schema, { a: reference, ab: 2 }, ['/a'])).to.deep.equal(['/ab: must be string']);
  });

  it('takes a reference for a value that is there', () => {
    const schema = { required: ['a'], additionalProperties: false, properties: { a: { type: 'integer' } } };
    expect(check(schema, { a: reference }, ['/a'])).to.deep.equal([]);
    expect(check({ minProperties: 2 }, { a: reference }, ['/a'])).to.have.length(1);
  });

  const open: readonly [what: string, schema: JsonObject][] = [
    ['anyOf', { anyOf: [{ properties: { a: { const: 1 } } }, { properties: { a: { const: 2 } } }] }],
    [
      'a branch of anyOf that lacks something',
      { anyOf: [{ properties: { a: { const: 1 } } }, { required: ['b'] }] },
    ],
    ['oneOf', { oneOf: [{ properties: { a: { const: 1 } } }, { required: ['b'] }] }],
    ['oneOf of which several fit as it stands', { oneOf: [{}, { properties: { a: { type: 'object' } } }] }],
    ['not', { not: { properties: { a: { type: 'object' } } } }],
    ['then', { if: { properties: { a: { type: 'object' } } }, then: { required: ['b'] } }],
    ['else', { if: { properties: { a: { const: 1 } } }, else: { required: ['b'] } }],
    ['const', { const: { a: 1 } }],
    ['enum', { enum: [{ a: 1 }, { a: 2 }] }],
    [
      'unevaluatedProperties',
      { anyOf: [{ properties: { a: { const: 1 } } }, {}], unevaluatedProperties: false },
    ],
    [
      'a branch by $ref',
      {
        $defs: {
          volume: { properties: { a: { const: 1 } }, required: ['a'] },
          other: { required: ['b', 'c'] },
        },
        anyOf: [{ $ref: '#/$defs/volume' }, { $ref: '#/$defs/other' }],
      },
    ],
    [
      'an anyOf in a branch of another',
      { anyOf: [{ anyOf: [{ properties: { a: { const: 1 } } }, { required: ['b'] }] }, { required: ['c'] }] },
    ],
  ];
  for (const [what, schema] of open) {
    it(`leaves ${what} open while a reference within the value may yet decide it`, () => {
      expect(check(schema, { a: reference }, ['/a'])).to.deep.equal([]);
    });
  }

  it('leaves contains open while one of the items is a reference', () => {
    expect(check({ contains: { const: 1 } }, [2, reference], ['/1'])).to.deep.equal([]);
    expect(check({ contains: { const: 1 } }, [2, 3])).to.not.deep.equal([]);
  });

  it('keeps what is wrong in every branch, whatever the reference comes to be', () => {
    const schema = { anyOf: [{ required: ['b'] }, { properties: { c: { type: 'string' } } }] };
    const found = check(schema, { a: reference, c: 1 }, ['/a']);
    expect(found).to.include.members([": must have required property 'b'", '/c: must be string']);
  });

  it('keeps a branch that is wrong elsewhere in the value', () => {
    const choice = { anyOf: [{ const: 1 }, { const: 2 }] };
    const found = check({ properties: { a: {}, b: choice } }, { a: reference, b: 3 }, ['/a']);
    expect(found.filter((line) => line.startsWith('/b'))).to.not.deep.equal([]);
  });

  it('keeps what is wrong beside a branch that is left open', () => {
    const schema = {
      required: ['d'],
      properties: { c: { type: 'string' } },
      anyOf: [{ properties: { a: { const: 1 } } }, { required: ['b'] }],
    };
    expect(check(schema, { a: reference, c: 1 }, ['/a'])).to.have.members([
      ": must have required property 'd'",
      '/c: must be string',
    ]);
  });

  it('leaves everything open where the whole value is a reference', () => {
    expect(check({ type: 'string', required: ['a'] }, reference, [''])).to.deep.equal([]);
  });

  it('copes with a schema that refers to itself', () => {
    const schema = {
      $defs: { node: { anyOf: [{ type: 'integer' }, { type: 'array', items: { $ref: '#/$defs/node' } }] } },
      $ref: '#/$defs/node',
    };
    expect(check(schema, [1, [reference, [2]]], ['/1/0'])).to.deep.equal([]);
    expect(check(schema, [1, ['x']])).to.not.deep.equal([]);
  });
});
