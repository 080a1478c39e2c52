import { expect } from 'chai';
import type { JsonObject } from '../../../src/base/json.js';
import {
  areTypesDisjoint,
  isImpossible,
  isSecretAt,
  secretPlaces,
  subschema,
  typesOf,
} from '../../../src/model/schema-parts.js';

const secret = { type: 'string', 'x-steplock-secret': true };

describe('subschema()', () => {
  const schema: JsonObject = {
    $defs: { size: { type: 'integer' }, 'a/b': { type: 'null' }, circle: { $ref: '#/$defs/circle' } },
    properties: {
      size: { $ref: '#/$defs/size' },
      odd: { $ref: '#/$defs/a~1b' },
      list: { items: { type: 'string' }, prefixItems: [{ type: 'boolean' }] },
      map: { additionalProperties: { type: 'number' }, patternProperties: { '^x-': { type: 'string' } } },
      circle: { $ref: '#/$defs/circle' },
      elsewhere: { $ref: 'https://example.org/schema' },
    },
  };
  const typeAt = (pointer: string): unknown => subschema(schema, pointer)?.['type'];

  it('finds what describes a place, through references within the schema', () => {
    expect(subschema(schema, '')).to.have.property('properties');
    expect(typeAt('/size')).to.equal('integer');
    expect(typeAt('/odd')).to.equal('null');
    expect(typeAt('/list/0')).to.equal('boolean');
    expect(typeAt('/list/1')).to.equal('string');
    expect(typeAt('/map/anything')).to.equal('number');
    expect(typeAt('/map/x-a')).to.equal('string');
  });

  it('does not know what the schema does not tell', () => {
    for (const pointer of ['/none', '/size/deeper', '/list/x', '/circle', '/elsewhere', '/toString']) {
      expect(subschema(schema, pointer), pointer).to.equal(undefined);
    }
  });

  it('keeps what stands beside a reference', () => {
    const marked = {
      $defs: { text: { type: 'string' } },
      properties: { a: { $ref: '#/$defs/text', maxLength: 3 } },
    };
    expect(subschema(marked, '/a')).to.deep.equal({ type: 'string', maxLength: 3 });
  });
});

describe('isImpossible()', () => {
  const schema: JsonObject = {
    properties: {
      a: { properties: { b: {} }, additionalProperties: false },
      open: { properties: { b: {} } },
    },
    additionalProperties: false,
    patternProperties: { '^x-': {} },
  };

  it('holds for what the schema rules out, at every depth', () => {
    expect(isImpossible(schema, '/c')).to.equal(true);
    expect(isImpossible(schema, '/a/c')).to.equal(true);
  });

  it('does not hold for what it allows or does not tell', () => {
    for (const pointer of ['', '/a', '/a/b', '/a/b/c/d', '/open/c', '/x-y', '/x-y/z']) {
      expect(isImpossible(schema, pointer), pointer).to.equal(false);
    }
    expect(isImpossible({ additionalProperties: false }, '/a')).to.equal(false);
  });

  it('does not hold for what a schema allows that this one refers to', () => {
    const extended = {
      $defs: { base: { properties: { a: {} } } },
      $ref: '#/$defs/base',
      properties: { b: {} },
    };
    expect(isImpossible(extended, '/a')).to.equal(false);
  });
});

describe('isSecretAt()', () => {
  it('sees the mark wherever it may apply', () => {
    const schemas: JsonObject[] = [
      { properties: { p: secret } },
      { $defs: { p: secret }, properties: { p: { $ref: '#/$defs/p' } } },
      {
        $defs: { text: { type: 'string' } },
        properties: { p: { $ref: '#/$defs/text', 'x-steplock-secret': true } },
      },
      { properties: { p: { anyOf: [secret, { type: 'null' }] } } },
      { allOf: [{ properties: { p: secret } }] },
      { oneOf: [{ properties: { p: {} } }, { properties: { p: secret } }] },
      { if: {}, then: { properties: { p: secret } } },
      { if: {}, else: { properties: { p: secret } } },
      { dependentSchemas: { user: { properties: { p: secret } } } },
      { patternProperties: { '^p$': secret } },
      { properties: { p: { type: 'string' } }, patternProperties: { '^p$': secret } },
      { additionalProperties: secret },
    ];
    for (const schema of schemas) {
      expect(isSecretAt(schema, '/p'), JSON.stringify(schema)).to.equal(true);
      expect(secretPlaces(schema, { p: 'x' }), JSON.stringify(schema)).to.deep.equal(['/p']);
    }
  });

  it('does not see one where there is none', () => {
    const schemas: JsonObject[] = [
      { properties: { q: secret }, additionalProperties: {} },
      { properties: { p: { type: 'string' } }, additionalProperties: secret },
      { properties: { p: { 'x-steplock-secret': 'yes' } } },
      { not: { properties: { p: secret } } },
    ];
    for (const schema of schemas) expect(isSecretAt(schema, '/p'), JSON.stringify(schema)).to.equal(false);
  });

  it('copes with schemas that refer to themselves', () => {
    const schema = {
      $defs: {
        node: {
          anyOf: [{ $ref: '#/$defs/node' }],
          properties: { next: { $ref: '#/$defs/node' }, p: secret },
        },
      },
      $ref: '#/$defs/node',
    };
    expect(isSecretAt(schema, '/next/next/p')).to.equal(true);
    expect(secretPlaces(schema, { next: { p: 1 }, p: 2 })).to.have.members(['/next/p', '/p']);
  });
});

describe('secretPlaces()', () => {
  it('names each place once, as a JSON pointer, in lists and under any name', () => {
    const schema = {
      properties: { users: { items: { properties: { 'pass/word': secret, name: { type: 'string' } } } } },
    };
    const value = {
      users: [{ 'pass/word': 'x', name: 'n' }, { name: 'm' }, { 'pass/word': { $secret: {} } }],
    };
    expect(secretPlaces(schema, value)).to.deep.equal(['/users/0/pass~1word', '/users/2/pass~1word']);
  });

  it('takes an object for the secret itself where that is marked', () => {
    const schema = { properties: { login: { 'x-steplock-secret': true, properties: { user: {} } } } };
    expect(secretPlaces(schema, { login: { user: 'u' } })).to.deep.equal(['/login']);
  });
});

describe('areTypesDisjoint()', () => {
  const disjoint = (left: JsonObject | undefined, right: JsonObject | undefined): boolean =>
    areTypesDisjoint(left, right);

  it('holds only where no value can be of both', () => {
    expect(disjoint({ type: 'string' }, { type: 'integer' })).to.equal(true);
    expect(disjoint({ type: ['string', 'null'] }, { type: ['integer', 'null'] })).to.equal(false);
    expect(disjoint({ type: 'number' }, { type: 'integer' })).to.equal(false);
    expect(disjoint({ type: 'integer' }, { type: 'number' })).to.equal(false);
  });

  it('does not hold where a schema does not tell', () => {
    expect(disjoint({}, { type: 'integer' })).to.equal(false);
    expect(disjoint({ type: 'string' }, undefined)).to.equal(false);
    expect(typesOf({ enum: [1] })).to.equal(undefined);
  });
});
