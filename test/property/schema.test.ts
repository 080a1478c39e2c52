import { expect } from 'chai';
import fc from 'fast-check';
import { childPointer, isJsonObject, type JsonObject, type JsonValue } from '../../src/base/json.js';
import { createSchemaChecker } from '../../src/model/schema.js';
import { runs } from '../support/runs.js';

const checker = createSchemaChecker();
const name = fc.constantFrom('a', 'b', 'c');
const scalar = fc.constantFrom<JsonValue>(0, 1, 'x', null);

/** As it comes out of a parser: fast-check's own objects have no prototype. */
const plain = <T extends JsonValue>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const { value: anyValue } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}));

const value = anyValue.map(plain);

/** Schemas that use every keyword which looks at more than one place. */
const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => {
  const inner = tie('schema');
  const some = fc.array(inner, { minLength: 1, maxLength: 3 });
  const names = fc.uniqueArray(name, { maxLength: 2 });
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom<JsonObject>({ type: 'object' }, { type: 'integer' }, { type: ['string', 'null'] }, {}),
      value.map((only) => ({ const: only })),
      fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => ({ enum: values })),
      names.map((required) => ({ required })),
      fc.record({ properties: fc.dictionary(name, inner, { maxKeys: 3 }) }),
      fc.record({
        properties: fc.dictionary(name, inner, { maxKeys: 2 }),
        additionalProperties: fc.boolean(),
      }),
      fc.record({ patternProperties: fc.record({ '^[ab]$': inner }), additionalProperties: inner }),
      fc.record({ items: inner, minItems: fc.nat(2) }),
      fc.record({ prefixItems: some, uniqueItems: fc.boolean() }),
      fc.record({ contains: inner, minContains: fc.nat(2) }),
      fc.record({ propertyNames: fc.constant<JsonObject>({ enum: ['a', 'b'] }), maxProperties: fc.nat(2) }),
      fc.record({ anyOf: some }),
      fc.record({ oneOf: some }),
      fc.record({ allOf: some }),
      fc.record({ not: inner }),
      fc.record({ if: inner, then: inner, else: inner }),
      fc.record({ dependentSchemas: fc.dictionary(name, inner, { maxKeys: 2 }) }),
      fc.record({ anyOf: some, unevaluatedProperties: fc.constant(false) }),
      fc.constant<JsonObject>({ $ref: '#/$defs/shared' }),
      fc.record({
        type: fc.constant<JsonValue>('object'),
        anyOf: some,
        properties: fc.dictionary(name, inner),
      }),
    ),
  };
});
/** With a part that other parts refer to, not in a circle. */
const whole = fc
  .record({ schema, shared: schema })
  .map(({ schema: top, shared }) => ({ ...top, $defs: { shared: withoutRefs(shared) } }));

function withoutRefs(part: JsonValue): JsonValue {
  return JSON.parse(JSON.stringify(part).replaceAll('#/$defs/shared', '#/$defs/leaf')) as JsonValue;
}

/** The value with some of its parts replaced by references, no two alike, and where these stand. */
function withReferences(whole: JsonValue, picks: readonly boolean[]): { value: JsonValue; at: string[] } {
  const at: string[] = [];
  let index = 0;
  const walk = (part: JsonValue, pointer: string): JsonValue => {
    if (picks[index++ % picks.length] === true) {
      at.push(pointer);
      return { $output: { step: 's', pointer: `/${at.length}` } };
    }
    if (Array.isArray(part)) return part.map((item, place) => walk(item, childPointer(pointer, place)));
    if (!isJsonObject(part)) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, item]) => [key, walk(item, childPointer(pointer, key))]),
    );
  };
  return { value: walk(whole, ''), at };
}

const withLeaf = (found: JsonObject): string =>
  JSON.stringify({ ...found, $defs: { ...(found['$defs'] as JsonObject), leaf: { type: 'integer' } } });

describe('SchemaChecker', function () {
  // Each try compiles schemas of its own: on a busy machine that takes its time.
  this.timeout(30_000);
  it('invents nothing: where a value fits, it fits with references in the place of any of its parts', () => {
    let fitting = 0;
    fc.assert(
      fc.property(
        whole,
        value,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        (found, full, picks) => {
          const text = withLeaf(found);
          if (checker.check(text, full).length > 0) return;
          fitting += 1;
          const { value: partial, at } = withReferences(full, picks);
          expect(checker.check(text, partial, at)).to.deep.equal([]);
        },
      ),
      runs(150),
    );
    // The property says nothing unless values fit now and then.
    expect(fitting).to.be.above(10);
  });

  it('loses nothing that stands apart from all references', () => {
    fc.assert(
      fc.property(whole, value, whole, value, (left, wrong, right, other) => {
        const text = JSON.stringify({
          properties: { left: lift(left, 'l'), right: lift(right, 'r') },
          ...defs(left, right),
        });
        const alone = checker.check(text, { left: wrong });
        const both = checker.check(text, { left: wrong, right: other }, ['/right']);
        expect(both).to.deep.equal(alone);
      }),
      runs(60),
    );
  });
});

/** The schema as a part of a larger one, with its references going to a place of their own. */
function lift(found: JsonObject, prefix: string): JsonValue {
  const { $defs: _, ...rest } = found;
  return JSON.parse(JSON.stringify(rest).replaceAll('#/$defs/shared', `#/$defs/${prefix}`)) as JsonValue;
}

function defs(left: JsonObject, right: JsonObject): JsonObject {
  const shared = (found: JsonObject): JsonValue => (found['$defs'] as JsonObject)['shared'] ?? {};
  return { $defs: { l: shared(left), r: shared(right), leaf: { type: 'integer' } } };
}
