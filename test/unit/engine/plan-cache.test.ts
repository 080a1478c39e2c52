import { expect } from 'chai';
import type { PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { PlanCache } from '../../../src/engine/plan-cache.js';
import { createPlan, type Plan } from '../../../src/model/plan.js';

/** A plan that counts as so many steps. */
function planOf(steps: number): Plan {
  const plan = createPlan([], [], []);
  return { ...plan, steps: Array.from({ length: steps }, () => ({}) as PlanStep) };
}

describe('PlanCache', () => {
  it('keeps as many steps as it may, and lets go of the plans that were used longest ago', () => {
    const cache = new PlanCache(10);
    for (const uid of ['a', 'b']) cache.put(uid, 0, planOf(4));
    expect(cache.peek('a')).not.to.equal(undefined);
    cache.put('c', 0, planOf(4));
    expect(['a', 'b', 'c'].filter((uid) => cache.peek(uid) !== undefined)).to.deep.equal(['a', 'c']);
  });

  it('keeps of the plans of resting workflows a tenth, the ones that came to rest last', () => {
    const cache = new PlanCache(100);
    for (const uid of ['a', 'b', 'c', 'd']) cache.put(uid, 0, planOf(4));
    for (const uid of ['a', 'b', 'c']) cache.rest(uid);
    expect(['a', 'b', 'c', 'd'].filter((uid) => cache.peek(uid) !== undefined)).to.deep.equal([
      'b',
      'c',
      'd',
    ]);
  });

  it('counts a plan once, wherever it is kept, and one that rests twice', () => {
    const cache = new PlanCache(100);
    cache.put('a', 0, planOf(10));
    cache.rest('a');
    cache.rest('a');
    cache.rest('unknown');
    expect(cache.peek('a')).not.to.equal(undefined);
    cache.put('a', 1, planOf(10));
    cache.rest('a');
    expect(cache.peek('a')).not.to.equal(undefined);
    for (let index = 0; index < 10; index++) cache.put(`busy-${index}`, 0, planOf(10));
    expect(cache.peek('busy-0'), 'none of it is counted for a plan that rests').not.to.equal(undefined);
  });

  it('lets all who need a plan at the same time share one reading, and reads anew after one that failed', async () => {
    const cache = new PlanCache(10);
    let readings = 0;
    const fail = async (): Promise<Plan> => {
      readings += 1;
      return await Promise.reject(new Error('not now'));
    };
    const failed = await Promise.allSettled([cache.share('a', fail), cache.share('a', fail)]);
    expect(failed.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    expect(readings).to.equal(1);
    const plan = planOf(1);
    const read = async (): Promise<Plan> => await Promise.resolve(plan);
    expect(await Promise.all([cache.share('a', read), cache.share('b', read)])).to.deep.equal([plan, plan]);
  });
});
