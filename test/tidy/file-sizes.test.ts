/** No hand-written file is longer than 300 lines, but for the exceptions named here, each with its own limit. */
import { expect } from 'chai';
import { read, sourcesBelow } from './support/project.js';

const linesMax = 300;

/** What is longer, up to which length, and why. */
const exceptions: Readonly<Record<string, { readonly lines: number; readonly why: string }>> = {
  'src/dispatcher/execution.ts': { lines: 420, why: 'one step from its claim to its end, read in one piece' },
  'src/engine/workflow-actor.ts': { lines: 400, why: 'one loop: gather, decide, commit' },
  'src/model/attempt.ts': { lines: 400, why: 'the whole table of what follows on what in one attempt' },
  'src/runtime/node-runtime.ts': { lines: 360, why: 'a session from joining to leaving' },
  'test/integration/errors.test.ts': { lines: 330, why: 'one table: each error that the protos document' },
  'test/simulation/world.ts': { lines: 430, why: 'one run: everything that can happen in it' },
};

const lengthOf = (path: string): number => read(path).split('\n').length - 1;

describe('file sizes', () => {
  it(`no hand-written file has more than ${linesMax} lines but for named exceptions`, () => {
    const tooLong = sourcesBelow('src', 'plugins', 'test', 'examples')
      .map((path) => ({ path, lines: lengthOf(path) }))
      .filter(({ path, lines }) => lines > (exceptions[path]?.lines ?? linesMax));
    expect(tooLong).to.deep.equal([]);
  });

  it('each exception is still needed', () => {
    const needless = Object.keys(exceptions).filter((path) => lengthOf(path) <= linesMax);
    expect(needless).to.deep.equal([]);
  });
});
