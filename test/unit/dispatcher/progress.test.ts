/** How far a step is: shown soon, written seldom, without secrets, and never after the step has ended. */
import { expect } from 'chai';
import { systemRandom } from '../../../src/base/random.js';
import { HeldItem } from '../../../src/dispatcher/held-item.js';
import { ProgressWriter } from '../../../src/dispatcher/progress.js';
import type { QueueItem } from '../../../src/gen/store/steplock/store/v1/step.js';
import { FakeClock } from '../../support/fake-clock.js';
import { queueItem, workflowKey } from '../../support/records.js';

const noSecrets = new Set<string>();

function bench(fails = false): {
  readonly clock: FakeClock;
  readonly written: Partial<QueueItem>[];
  readonly progress: ProgressWriter;
} {
  const clock = new FakeClock();
  const written: Partial<QueueItem>[] = [];
  // Its batcher is never reached: the writes end here.
  const held = new HeldItem(workflowKey, queueItem(), 1, undefined as never, systemRandom);
  held.write = async (patch) => {
    written.push(patch);
    if (fails) throw new Error('The claim is lost');
    return await Promise.resolve(true);
  };
  return { clock, written, progress: new ProgressWriter(held, clock) };
}

describe('ProgressWriter', () => {
  it('writes the latest word at most once a second', () => {
    const { clock, written, progress } = bench();
    for (let percent = 1; percent <= 25; percent++) {
      progress.note(percent, `at ${percent}`, noSecrets);
      clock.advance(100);
    }
    expect(written).to.deep.equal([
      { progressPercent: 10, progressMessage: 'at 10' },
      { progressPercent: 20, progressMessage: 'at 20' },
    ]);
    clock.advance(500);
    expect(written.at(-1)).to.deep.equal({ progressPercent: 25, progressMessage: 'at 25' });
    clock.advance(10_000);
    expect(written).to.have.length(3);
  });

  it('keeps to 0 to 100, and takes secrets out', () => {
    const { clock, written, progress } = bench();
    for (const percent of [-5, 250, Number.NaN]) {
      progress.note(percent, 'logging in with hunter22', new Set(['hunter22']));
      clock.advance(1_000);
    }
    expect(written.map(({ progressPercent }) => progressPercent)).to.deep.equal([0, 100, 0]);
    for (const { progressMessage } of written) expect(progressMessage).to.not.include('hunter22');
  });

  it('bounds the message', () => {
    const { clock, written, progress } = bench();
    progress.note(1, 'long '.repeat(10_000), noSecrets);
    clock.advance(1_000);
    expect(written[0]?.progressMessage?.length).to.be.within(100, 5_000);
  });

  it('writes nothing once it is stopped, noted before or after', () => {
    const { clock, written, progress } = bench();
    progress.note(1, 'before', noSecrets);
    progress.stop();
    progress.note(2, 'after', noSecrets);
    clock.advance(10_000);
    expect(written).to.deep.equal([]);
    expect(clock.timers).to.equal(0);
  });

  it('does not mind a write that fails', async () => {
    const { clock, written, progress } = bench(true);
    progress.note(1, 'one', noSecrets);
    await clock.run(1_000);
    progress.note(2, 'two', noSecrets);
    await clock.run(1_000);
    expect(written).to.have.length(2);
  });
});
