/** Time, randomness, environment and terminal are read in one place each, so that a simulation can replace them. */
import { expect } from 'chai';
import { codeOf, sourcesBelow } from './support/project.js';

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  /** The only files that may. */
  readonly except: readonly string[];
}

const bans: readonly Ban[] = [
  {
    what: 'the clock and timers',
    pattern:
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bset(Timeout|Interval|Immediate)\(|\bhrtime\b/,
    except: ['src/base/clock.ts'],
  },
  { what: 'timers as promises', pattern: /timers\/promises/, except: [] },
  { what: 'unseeded randomness', pattern: /\bMath\.random\b|\brandomUUID\b/, except: [] },
  {
    what: 'random bytes',
    pattern: /\brandomBytes\b/,
    // Plugins do not run in the simulation.
    except: ['src/base/random.ts', 'plugins/linux/chap-vault.ts', 'plugins/linux/initiator.ts'],
  },
  { what: 'the environment', pattern: /\bprocess\.env\b/, except: ['src/cli/main.ts'] },
  { what: 'the console', pattern: /\bconsole\./, except: [] },
  { what: 'standard output', pattern: /\bprocess\.std(out|err)\b/, except: ['src/cli/output.ts'] },
  {
    what: 'ending the process',
    pattern: /\bprocess\.exit(Code)?\b/,
    except: ['src/cli/main.ts', 'src/cli/server-commands.ts', 'src/cli/agent-command.ts'],
  },
];

/** Tests that sleep by themselves, because real time is what they test. */
const sleepers: Readonly<Record<string, string>> = {
  'test/store/suite/lease-suite.ts': 'renews a real lease at intervals',
  'test/store/lmdb.test.ts': 'kills a writing process at a random instant',
};

describe('banned calls', () => {
  for (const { what, pattern, except } of bans) {
    it(`${what}: only in ${except.length === 0 ? 'tests' : except.join(', ')}`, () => {
      const users = sourcesBelow('src', 'plugins').filter((path) => pattern.test(codeOf(path)));
      expect(users.filter((path) => !except.includes(path))).to.deep.equal([]);
      expect(
        except.filter((path) => !users.includes(path)),
        'exceptions that are needless',
      ).to.deep.equal([]);
    });
  }

  it('tests wait for something, and do not sleep', () => {
    const pattern = /new Promise[^;]{0,80}setTimeout|timers\/promises/;
    const users = sourcesBelow('test')
      .filter((path) => !/^test\/(support|simulation|tidy)\//.test(path))
      .filter((path) => pattern.test(codeOf(path)));
    expect(users.filter((path) => !(path in sleepers))).to.deep.equal([]);
    expect(Object.keys(sleepers).filter((path) => !users.includes(path))).to.deep.equal([]);
  });
});
