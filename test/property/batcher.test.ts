/**
 * Units submitted at random, with answers that get lost: what comes of them is what some order of them, one after the
 * other, gives. Worked out from what submitters were told, on a model of a few lines, against the whole history.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { createSeededRandom, randomBelow, type Random } from '../../src/base/random.js';
import type { Revision } from '../../src/base/ids.js';
import { silentLogger } from '../../src/log/log.js';
import { Batcher } from '../../src/store/batcher.js';
import { createEmbeddedStore } from '../../src/store/embedded/index.js';
import {
  isAbsent,
  isInRange,
  isUnchanged,
  TxnRefusedError,
  type Compare,
  type KeyRange,
  type Store,
} from '../../src/store/store.js';
import type { Unit, UnitOp } from '../../src/store/unit.js';
import { FakeClock } from '../support/fake-clock.js';
import { LossyStore, type Fate } from '../support/lossy-store.js';
import { runs } from '../support/runs.js';

const names = ['a', 'b', 'c', 'd', 'e'];
const everything: KeyRange = { start: '', end: 'f' };

/** Mod revisions by key; who wrote it last. */
type Model = Map<string, { readonly revision: number; readonly unit: string }>;

interface Told {
  readonly unit: Unit;
  /** The store's revision when it was submitted, and when it was answered. */
  readonly from: number;
  readonly to: number;
  /** When it was applied; undefined when it was not. */
  readonly revision: number | undefined;
}

/** A record as units write it: the unit's id is its field 1. */
const valueOf = (unit: string): Uint8Array => Buffer.from([0x0a, unit.length, ...Buffer.from(unit)]);
const unitOf = (value: Uint8Array): string => Buffer.from(value.subarray(2)).toString();

async function snapshot(store: Store, revision?: number): Promise<Model> {
  const options = revision === undefined ? {} : { revision: revision as Revision };
  const { kvs } = await store.list(everything, options);
  return new Map(
    kvs.map(({ key, modRevision, value }) => [key, { revision: modRevision, unit: unitOf(value) }]),
  );
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomBelow(random, items.length)]!;
}

/** A unit on what is known; sometimes on what is known wrongly, and sometimes one that no store takes. */
function drawUnit(random: Random, known: Model, id: string, withDeletes: boolean): Unit {
  const guardOf = (key: string): Compare => {
    const revision = random.next() < 0.9 ? (known.get(key)?.revision ?? 0) : 1;
    return revision === 0 && random.next() < 0.5 ? isAbsent(key) : isUnchanged(key, revision);
  };
  const witness = pick(random, names);
  const compares = [guardOf(witness)];
  const ops: UnitOp[] = [{ type: 'put', key: witness, value: valueOf(id) }];
  for (const key of names.filter((name) => name !== witness)) {
    const draw = random.next();
    if (draw < 0.15) compares.push(guardOf(key));
    if (draw > 0.85) ops.push({ type: 'put', key, value: valueOf(id) });
    else if (withDeletes && draw > 0.75) ops.push({ type: 'delete', at: key });
  }
  if (random.next() < 0.1) compares.push(isAbsent({ start: 'd', end: 'f' }));
  if (withDeletes && random.next() < 0.05 && witness < 'c')
    ops.push({ type: 'delete', at: { start: 'x', end: 'z' } });
  if (random.next() < 0.05) ops.push({ type: 'put', key: witness, value: valueOf(id) });
  return { id, compares, ops, witness };
}

function holds({ at, relation, revision }: Compare, model: Model): boolean {
  expect(relation).to.equal('=');
  const found = [...model].filter(([key]) => (typeof at === 'string' ? key === at : isInRange(key, at)));
  if (revision === 0) return found.length === 0;
  return found.length > 0 && found.every(([, entry]) => entry.revision === revision);
}

function apply(unit: Unit, revision: number, model: Model): void {
  for (const op of unit.ops) {
    if (op.type === 'put') model.set(op.key, { revision, unit: unit.id });
    else if (typeof op.at === 'string') model.delete(op.at);
  }
}

/** The keys that a unit reads or writes. */
function touched(unit: Unit): Set<string> {
  const places = [
    ...unit.compares.map(({ at }) => at),
    ...unit.ops.map((op) => (op.type === 'put' ? op.key : op.at)),
  ];
  return new Set(places.filter((at) => typeof at === 'string'));
}

/** The keys that a unit writes. What two only read they may read in either order. */
function written(unit: Unit): Set<string> {
  return touched({ ...unit, compares: [] });
}

const meet = (left: ReadonlySet<string>, right: ReadonlySet<string>): boolean =>
  [...left].some((key) => right.has(key));

/** Checks that the answers are those of one after the other, and that the store has nothing else. */
async function checkSerial(store: Store, told: readonly Told[], last: number): Promise<void> {
  const byRevision = new Map<number, Unit[]>();
  for (const { unit, revision } of told) {
    if (revision !== undefined) byRevision.set(revision, [...(byRevision.get(revision) ?? []), unit]);
  }
  const history = new Map<number, Model>([[0, new Map()]]);
  let model: Model = new Map();
  for (let revision = 1; revision <= last; revision++) {
    const units = byRevision.get(revision) ?? [];
    // What went together may have gone in either order.
    for (const order of [units, [...units].reverse()]) {
      const next: Model = new Map(model);
      for (const unit of order) {
        for (const compare of unit.compares)
          expect(holds(compare, next), `${unit.id} was applied against its guard`).to.equal(true);
        apply(unit, revision, next);
      }
      if (order === units) history.set(revision, next);
      else expect([...next].sort()).to.deep.equal([...history.get(revision)!].sort());
    }
    model = history.get(revision)!;
    if (revision > 1) {
      const stored = await snapshot(store, revision);
      expect([...stored].sort(), `as of ${revision}`).to.deep.equal([...model].sort());
    }
  }
  for (const { unit, from, to, revision } of told) {
    if (revision !== undefined) continue;
    const states = Array.from({ length: to - from + 1 }, (_, index) => history.get(from + index)!);
    const wasRefusable = states.some((state) => unit.compares.some((compare) => !holds(compare, state)));
    expect(wasRefusable, `${unit.id} was refused though its guard held all the time`).to.equal(true);
  }
}

/** Submits rounds of units at once and gives what was told of them. */
async function submitAll(
  seed: number,
  fates: readonly Fate[],
): Promise<{ store: Store; told: Told[]; last: number }> {
  const random = createSeededRandom(seed);
  const clock = new FakeClock();
  const inner = createEmbeddedStore({ clock });
  const lossy = new LossyStore(inner, () => (random.next() < 0.5 ? 'answered' : pick(random, fates)));
  const batcher = new Batcher({
    store: lossy.store,
    clock,
    log: silentLogger,
    guard: [],
    signal: new AbortController().signal,
    onGuardFailed: () => expect.fail('There is no guard'),
  });
  const now = async (): Promise<number> => (await inner.list(everything, { limit: 1 })).revision;
  const told: Told[] = [];
  const submit = async (unit: Unit): Promise<void> => {
    const from = await now();
    try {
      const result = await batcher.commit(unit);
      const revision = result.applied ? result.revision : undefined;
      told.push({ unit, from, to: await now(), revision });
    } catch (error) {
      expect(error).to.be.instanceOf(TxnRefusedError);
      const puts = unit.ops.flatMap((op) => (op.type === 'put' ? [op.key] : []));
      expect(new Set(puts).size, 'A unit that is sound is not refused').to.be.below(puts.length);
    }
  };
  const pending: Promise<void>[] = [];
  // With something still on its way, a key that came back would let it pass: no guard of ours is like that.
  const withDeletes = !fates.includes('late');
  for (let round = 0, count = 0; round < 6; round++) {
    const known = await snapshot(inner);
    for (let left = randomBelow(random, 8); left > 0; left--)
      pending.push(submit(drawUnit(random, known, `u${(count += 1)}`, withDeletes)));
    await clock.run(random.next() < 0.5 ? 5 : 2_000);
    // Somebody else writes too, elsewhere.
    const elsewhere = { type: 'put', key: 'z', value: valueOf('other') } as const;
    await inner.txn({ compares: [], then: [elsewhere], otherwise: [] });
    if (random.next() < 0.5) await lossy.deliverLate();
  }
  for (let tries = 0; batcher.waitingCount > 0 || tries < 40; tries++) await clock.run(1_000);
  await Promise.all(pending);
  await lossy.deliverLate();
  return { store: inner, told, last: await now() };
}

describe('Batcher', () => {
  const kinds: readonly (readonly [string, readonly Fate[]])[] = [
    ['while every answer comes', ['answered']],
    ['while answers get lost, before and after they are applied', ['lost', 'applied-unheard']],
    ['while transactions that were given up are applied later', ['lost', 'applied-unheard', 'late']],
  ];
  for (const [title, fates] of kinds) {
    it(`gives concurrent units what one after the other would give, ${title}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), async (seed) => {
          const { store, told, last } = await submitAll(seed, fates);
          await checkSerial(store, told, last);
        }),
        runs(100),
      );
    }).timeout(20_000);
  }

  it('never lets a unit overtake one that was submitted before it and shares a written key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const { told } = await submitAll(seed, ['lost']);
        const applied = told.filter(({ revision }) => revision !== undefined);
        const numberOf = ({ unit }: Told): number => Number(unit.id.slice(1));
        for (const early of applied) {
          for (const late of applied.filter((other) => numberOf(other) > numberOf(early))) {
            const isShared =
              meet(written(late.unit), touched(early.unit)) || meet(touched(late.unit), written(early.unit));
            if (isShared) expect(late.revision!).to.be.at.least(early.revision!);
          }
        }
      }),
      runs(60),
    );
  }).timeout(20_000);
});
