/** Random commands for a store, in terms that mean the same on two stores with different revisions and leases. */
import fc from 'fast-check';

/** A key or a range of keys. */
export type At = string | { readonly start: string; readonly end: string };

/** A revision: that of a key as it is at that moment, so much more or less, or none. */
export type RevisionOf =
  { readonly key: string; readonly target: 'create' | 'mod'; readonly distance: number } | 'none';

/** A condition. */
export interface CompareSpec {
  readonly at: At;
  readonly target: 'create' | 'mod';
  readonly relation: '=' | '!=' | '<' | '>';
  readonly revision: RevisionOf;
}

/** A lease, by the order in which they were granted; `gone` was never there. */
export type LeaseSpec = number | 'gone' | 'none';

/** An operation. */
export type OpSpec =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly lease: LeaseSpec }
  | { readonly type: 'delete'; readonly at: At }
  /** With `limit` 0: without one. */
  | { readonly type: 'get'; readonly at: At; readonly keysOnly: boolean; readonly limit: number }
  | { readonly type: 'txn'; readonly txn: TxnSpec };

/** A transaction. */
export interface TxnSpec {
  readonly compares: readonly CompareSpec[];
  readonly then: readonly OpSpec[];
  readonly otherwise: readonly OpSpec[];
}

/** What is done to a store. `back` counts revisions from the newest. */
export type Command =
  | { readonly type: 'txn'; readonly txn: TxnSpec }
  | {
      readonly type: 'list';
      readonly at: { readonly start: string; readonly end: string };
      readonly back: number | undefined;
      readonly limit: number | undefined;
      readonly keysOnly: boolean;
      readonly order: 'key' | 'newest';
      readonly createdBack: number | undefined;
    }
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'grant' }
  | { readonly type: 'revoke'; readonly lease: number }
  | { readonly type: 'renew'; readonly lease: number }
  | { readonly type: 'compact'; readonly back: number };

const keys = ['k/a', 'k/b', 'k/c', 'k/d', 'k/e', 'k/f'];
const bounds = [...keys, 'k/z'];

const key = fc.constantFrom(...keys);
const range = fc
  .tuple(fc.nat(bounds.length - 1), fc.nat(bounds.length - 1))
  .filter(([left, right]) => left !== right)
  .map(([left, right]) => ({
    start: bounds[Math.min(left, right)] ?? '',
    end: bounds[Math.max(left, right)] ?? '',
  }));
const at: fc.Arbitrary<At> = fc.oneof({ arbitrary: key, weight: 3 }, { arbitrary: range, weight: 1 });
const target = fc.constantFrom('create', 'mod');

const revision: fc.Arbitrary<RevisionOf> = fc.oneof(
  { arbitrary: fc.constant('none' as const), weight: 1 },
  { arbitrary: fc.record({ key, target, distance: fc.constantFrom(0, 0, 0, -1, 1) }), weight: 2 },
);
const compare: fc.Arbitrary<CompareSpec> = fc.oneof(
  fc.record({ at, target, relation: fc.constantFrom('=', '!=', '<', '>'), revision }),
  // Of the key itself: what guards are made of.
  fc
    .record({ key, target, relation: fc.constantFrom('=', '!='), distance: fc.constantFrom(0, 1) })
    .map(({ relation, ...of }) => ({ at: of.key, target: of.target, relation, revision: of })),
);

const lease: fc.Arbitrary<LeaseSpec> = fc.oneof(
  { arbitrary: fc.constant('none' as const), weight: 12 },
  { arbitrary: fc.nat(5), weight: 6 },
  { arbitrary: fc.constant('gone' as const), weight: 1 },
);

const put = fc.record({ type: fc.constant('put'), key, value: fc.string({ maxLength: 4 }), lease });
const leaf: fc.Arbitrary<OpSpec> = fc.oneof(
  { arbitrary: put, weight: 4 },
  { arbitrary: fc.record({ type: fc.constant('delete'), at }), weight: 1 },
  {
    arbitrary: fc.record({ type: fc.constant('get'), at, keysOnly: fc.boolean(), limit: fc.nat(3) }),
    weight: 2,
  },
);

function txn(depth: number): fc.Arbitrary<TxnSpec> {
  const op: fc.Arbitrary<OpSpec> =
    depth === 0
      ? leaf
      : fc.oneof(
          { arbitrary: leaf, weight: 2 },
          {
            arbitrary: fc.record({ type: fc.constant('txn'), txn: txn(depth - 1) }),
            weight: 1,
          },
        );
  const ops = fc.array(op, { maxLength: 3 });
  return fc.record({ compares: fc.array(compare, { maxLength: 2 }), then: ops, otherwise: ops });
}

const back = fc.oneof(fc.nat(3), fc.integer({ min: -1, max: 20 }));

/** Any command, the most of them transactions. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant('txn'), txn: txn(2) }), weight: 12 },
  {
    arbitrary: fc.record({
      type: fc.constant('list'),
      at: range,
      back: fc.option(back, { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      keysOnly: fc.boolean(),
      order: fc.constantFrom('key', 'newest'),
      createdBack: fc.option(back, { nil: undefined }),
    }),
    weight: 4,
  },
  { arbitrary: fc.record({ type: fc.constant('get'), key }), weight: 1 },
  { arbitrary: fc.constant({ type: 'grant' }), weight: 1 },
  {
    arbitrary: fc.record({ type: fc.constant('revoke'), lease: fc.nat(5) }),
    weight: 1,
  },
  {
    arbitrary: fc.record({ type: fc.constant('renew'), lease: fc.nat(5) }),
    weight: 1,
  },
  { arbitrary: fc.record({ type: fc.constant('compact'), back }), weight: 1 },
);
