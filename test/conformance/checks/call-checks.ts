/** What holds for every method: calls that are repeated, lost, interrupted, late and undone. */
import { expect } from 'chai';
import { isReason } from '../../../src/controller.js';
import { callOf, contextOf, nextToken, undoOf, type CallData } from '../../plugins/linux/support.js';
import { again, must, probed, type Bench, type Check, type Death, type Instant } from '../bench.js';
import { scenarios, type Scenario } from '../scenarios.js';

const dataOf = ({ data, step }: Scenario): CallData => data?.() ?? callOf(step);

/** Undoes the step twice, and everything is as it was. */
async function expectUndone(bench: Bench, scenario: Scenario, before: unknown): Promise<void> {
  const { undo, step } = scenario;
  if (undo === undefined) return;
  const data = undoOf(step);
  for (const attempt of [data, again(data)]) await must(bench, attempt, undo.method, undo.args);
  expect(await probed(bench, data, undo.method, undo.args), 'a probe of the undo').to.equal('done');
  expect(await bench.objects(), 'after the undo').to.deep.equal(before);
}

async function expectFenced(promise: Promise<unknown>, what: string): Promise<void> {
  let answer: unknown;
  try {
    answer = await promise;
  } catch (error) {
    expect(isReason(error, 'FENCED'), `${what}: ${String(error)}`).to.equal(true);
    return;
  }
  throw new Error(`${what} was let through: ${JSON.stringify(answer)}`);
}

function callChecks(scenario: Scenario): Check[] {
  const { method, step } = scenario;
  return [
    {
      name: `${method}: repeated, and its answer lost, it has one effect and one answer`,
      run: async (bench) => {
        const args = await scenario.prepare(bench);
        const before = await bench.objects();
        const data = dataOf(scenario);
        expect(await probed(bench, data, method, args), 'a probe before it').to.match(/^not-done, none$/);
        const call = again(data);
        const output = await must(bench, call, method, args);
        await scenario.verify(bench);
        const after = await bench.objects();
        // Its answer is lost: it is probed, and called again.
        expect(await probed(bench, call, method, args), 'a probe after it').to.equal('done');
        for (let attempt = again(call); attempt.attempt < 5; attempt = again(attempt)) {
          expect(await must(bench, attempt, method, args), 'repeated').to.deep.equal(output);
        }
        expect(await bench.objects(), 'repeated').to.deep.equal(after);
        await expectUndone(bench, scenario, before);
      },
    },
    {
      name: `${method}: an older fencing token is refused, for calls and for probes, and changes nothing`,
      run: async (bench) => {
        const args = await scenario.prepare(bench);
        const late = dataOf(scenario);
        const before = await bench.objects();
        expect(await probed(bench, late, method, args)).to.match(/^not-done, none$/);
        await expectFenced(bench.port.execute(contextOf(late), method, args), 'a late call');
        await expectFenced(bench.port.probe(contextOf(late), method, args), 'a late probe');
        expect(await bench.objects(), 'after the late call').to.deep.equal(before);
        await must(bench, again(late), method, args);
        await expectFenced(bench.port.execute(contextOf(late), method, args), 'a later late call');
        await scenario.verify(bench);
      },
    },
    {
      name: `${method}: two calls of the step at once have one effect`,
      run: async (bench) => {
        const args = await scenario.prepare(bench);
        const data = dataOf(scenario);
        // One may come too late for the other's token; the last one does not.
        const calls = [data, again(data)].map(async (one) => await must(bench, one, method, args));
        const [former, last] = await Promise.allSettled(calls);
        if (last?.status === 'rejected') throw last.reason as Error;
        if (former?.status === 'rejected') expect(String(former.reason)).to.contain('comes after one with');
        await scenario.verify(bench);
        expect((await bench.objects()).stray).to.deep.equal([]);
      },
    },
    ...(scenario.undo === undefined
      ? []
      : [
          {
            name: `${method}: undone though it never ran, and under another step's key, it touches nothing`,
            run: async (bench: Bench) => {
              const { undo } = scenario;
              if (undo === undefined) return;
              const args = await scenario.prepare(bench);
              const before = await bench.objects();
              await must(bench, undoOf(step), undo.method, undo.args);
              expect(await bench.objects(), 'undone before it ran').to.deep.equal(before);
              await must(bench, callOf(step), method, args);
              await must(bench, undoOf('another-step'), undo.method, undo.args);
              await scenario.verify(bench);
            },
          },
        ]),
  ];
}

function deathCheck(scenario: Scenario, at: Instant, by: Death): Check {
  const { method } = scenario;
  const how = by === 'kill' ? 'its process dies' : 'it is told to stop';
  return {
    name: `${method}: ${how} (${at}): probed, it is done by the next attempt, and undone whole`,
    run: async (bench) => {
      const args = await scenario.prepare(bench);
      const before = await bench.objects();
      const data = dataOf(scenario);
      await bench.interrupt({ data, method, args, at, by });
      expect(await probed(bench, data, method, args)).to.match(/^(done|not-done, (none|some))$/);
      await expectFenced(bench.port.execute(contextOf(data), method, args), 'the dead call');
      const next = { ...again(data), fencingToken: nextToken() };
      await must(bench, next, method, args);
      await scenario.verify(bench);
      expect((await bench.objects()).stray, 'half made').to.deep.equal([]);
      await expectUndone(bench, scenario, before);
    },
  };
}

function deathThenUndo(scenario: Scenario, at: Instant, by: Death): Check {
  const { method } = scenario;
  return {
    name: `${method}: ${by === 'kill' ? 'its process dies' : 'it is told to stop'} (${at}), and it is undone`,
    run: async (bench) => {
      const args = await scenario.prepare(bench);
      const before = await bench.objects();
      const data = dataOf(scenario);
      await bench.interrupt({ data, method, args, at, by });
      // As the engine does: nothing is undone while it may still be going on.
      await probed(bench, data, method, args);
      await expectUndone(bench, scenario, before);
    },
  };
}

/** Of every method; `deaths`: how calls can die. */
export function callChecksOf(deaths: readonly { readonly at: Instant; readonly by: Death }[]): Check[] {
  return scenarios().flatMap((scenario) => [
    ...callChecks(scenario),
    ...deaths.flatMap(({ at, by }) => [
      deathCheck(scenario, at, by),
      ...(scenario.undo === undefined ? [] : [deathThenUndo(scenario, at, by)]),
    ]),
  ]);
}
