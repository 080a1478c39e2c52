/**
 * The command line as people and scripts run it: processes of its own against a node of its own. What it prints for
 * programs can be read by them, and each kind of end has its exit code.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { systemClock } from '../../src/base/clock.js';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { runCli } from '../../src/cli/program.js';
import { startServer, startSteplock, type RunningProcess } from './support/processes.js';
import { temporaryDirectory } from './support/temporary.js';

interface Ran {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

/** What of a workflow's JSON the tests look at. */
interface WorkflowJson {
  readonly workflow: { readonly name: string; readonly state: string };
}

const echo = (id: string, more = ''): string => `workflow: { id: ${id} }
steps:
  hello:
    call: basic/echo
    with: { text: hi }
${more}`;
const failing = (id: string, onFailure: string): string => `workflow: { id: ${id}, on_failure: ${onFailure} }
steps:
  hello: { call: basic/echo }
  breaks: { call: basic/fail, needs: [hello], with: { message: as planned } }
`;
const waiting = (id: string, ms: number): string => `workflow: { id: ${id} }
steps:
  waits: { call: basic/wait, with: { ms: ${ms} } }
`;

describe('The command line', function () {
  this.timeout(60_000);
  let node: RunningProcess & { readonly address: string };
  let directory: string;
  let files = 0;

  before(async () => {
    directory = await temporaryDirectory();
    node = await startServer('dev', '--node-id', 'cli');
  });
  after(async () => {
    node.kill('SIGTERM');
    expect(await node.ended).to.equal(exitCodes.ok);
  });

  /** Runs a command against the node. */
  async function run(args: readonly string[], input = ''): Promise<Ran> {
    const command = startSteplock(args, input, { STEPLOCK_SERVER: node.address });
    return { code: await command.ended, ...command.output };
  }

  /** As {@link run}, in this process: a process takes a second to start, and not every command needs its own. */
  async function runHere(args: readonly string[]): Promise<Ran> {
    const ran = { code: 0, out: '', err: '' };
    await runCli([...args, '--server', node.address], {
      terminal: {
        out: (text) => (ran.out += text),
        err: (text) => (ran.err += text),
        isTty: false,
        columns: 80,
        rows: 0,
      },
      env: {},
      signal: new AbortController().signal,
      nowMs: () => systemClock.nowMs(),
      setExitCode: (code) => {
        ran.code = code;
      },
    });
    return ran;
  }

  /** What a command that must succeed prints as JSON. */
  async function runJson<T = WorkflowJson>(args: readonly string[], input = ''): Promise<T> {
    return readJson(await run([...args, '-o', 'json'], input)) as T;
  }

  async function runJsonHere<T = WorkflowJson>(args: readonly string[]): Promise<T> {
    return readJson(await runHere([...args, '-o', 'json'])) as T;
  }

  function readJson({ code, out, err }: Ran): unknown {
    expect(code, err).to.equal(exitCodes.ok);
    return JSON.parse(out);
  }

  async function planFile(text: string): Promise<string> {
    const file = join(directory, `plan-${files++}.yaml`);
    await writeFile(file, text);
    return file;
  }

  it('submits YAML and JSON from files and from standard input', async () => {
    const yaml = join(directory, 'plan.yaml');
    const json = join(directory, 'plan.json');
    await writeFile(yaml, echo('from-yaml'));
    await writeFile(json, JSON.stringify(parse(echo('from-json'))));
    const ran = await Promise.all([
      runJson(['workflow', 'submit', '-f', yaml]),
      runJson(['workflow', 'submit', '-f', json]),
      runJson(['workflow', 'submit', '-f', '-', '--wait'], echo('from-stdin')),
    ]);
    const names = ran.map(({ workflow }) => workflow.name);
    expect(names).to.deep.equal(['workflows/from-yaml', 'workflows/from-json', 'workflows/from-stdin']);
    expect(ran[2].workflow.state).to.equal('WORKFLOW_STATE_SUCCEEDED');
  });

  it('--wait: follows in plain lines, and each end has its exit code', async () => {
    const submit = async (plan: string): Promise<Ran> =>
      await run(['workflow', 'submit', '-f', '-', '--wait'], plan);
    const [ok, rolledBack, kept, suspended] = await Promise.all([
      submit(echo('ends-well')),
      submit(failing('rolls-back', 'rollback')),
      submit(failing('is-kept', 'keep')),
      submit(failing('is-suspended', 'suspend')),
    ]);
    expect(ok.code, ok.err).to.equal(exitCodes.ok);
    expect(ok.out)
      .to.match(/hello.*SUCCEEDED/i)
      .and.to.contain('workflows/ends-well: SUCCEEDED');
    // No terminal: nothing that moves a cursor.
    expect(ok.out).to.not.contain(String.fromCharCode(27));
    for (const [ran, state] of [
      [rolledBack, 'ROLLED_BACK'],
      [kept, 'FAILED'],
      [suspended, 'SUSPENDED'],
    ] as const) {
      expect(ran.code, ran.out).to.equal(exitCodes.notSucceeded);
      expect(ran.out).to.contain(state).and.to.contain('as planned');
    }
  });

  it('steers: skips and resumes, retries, suspends, cancels, rolls back and deletes', async () => {
    await runHere(['workflow', 'submit', '-f', await planFile(failing('steered', 'suspend')), '--wait']);
    const retried = await runJsonHere(['step', 'retry', 'steered/breaks', '--reason', 'again']);
    expect(retried.workflow.name).to.equal('workflows/steered');
    expect((await runHere(['workflow', 'wait', 'steered'])).code).to.equal(exitCodes.notSucceeded);
    await runJsonHere(['step', 'skip', 'steered/breaks', '--reason', 'not needed']);
    const history = await runHere(['workflow', 'history', 'steered']);
    expect(history.out)
      .to.match(/retry +breaks +again/)
      .and.to.match(/skip +breaks +not needed/);
    expect((await runHere(['workflow', 'wait', 'steered'])).code).to.equal(exitCodes.ok);
    expect((await runHere(['workflow', 'delete', 'steered'])).code).to.equal(exitCodes.ok);
    const gone = await runHere(['workflow', 'get', 'steered']);
    expect(gone.code).to.equal(exitCodes.notFound);
    expect(gone.err).to.contain('WORKFLOW_NOT_FOUND');

    for (const [id, ms] of [
      ['cancelled', 600_000],
      ['rolled', 1_000],
    ] as const) {
      await runJsonHere(['workflow', 'submit', '-f', await planFile(waiting(id, ms))]);
    }
    const claims = await runJsonHere<{ claims: { step: string }[] }>(['claim', 'list']);
    expect(claims.claims.map(({ step }) => step)).to.include('workflows/cancelled/steps/waits');
    const busy = await runHere(['workflow', 'delete', 'cancelled']);
    expect(busy.code, 'it has not ended').to.equal(exitCodes.refused);
    expect(busy.err).to.contain('ILLEGAL_TRANSITION');
    await runJsonHere(['workflow', 'suspend', 'cancelled', '--reason', 'lunch']);
    const late = await runHere(['workflow', 'wait', 'cancelled', '--for', '0ms']);
    expect(late.code).to.equal(exitCodes.timedOut);
    await runJsonHere(['workflow', 'cancel', 'cancelled', '--keep']);
    await runJsonHere(['workflow', 'rollback', 'rolled']);
    const [watched, waited] = await Promise.all([
      runHere(['workflow', 'watch', 'cancelled']),
      runHere(['workflow', 'wait', 'rolled']),
    ]);
    expect(watched.out).to.contain('workflows/cancelled: CANCELLED');
    expect(watched.code).to.equal(exitCodes.ok);
    expect(waited.code).to.equal(exitCodes.notSucceeded);
    expect(waited.out).to.contain('ROLLED_BACK');
  });

  it('lists and shows, for people and for programs, the same each time', async () => {
    const [list, again, nodes, queue, controllers, incidents, got, steps] = await Promise.all([
      runJsonHere<{ workflows: { name: string }[] }>(['workflow', 'list', '--state', 'SUCCEEDED']),
      runJsonHere<{ workflows: { name: string }[] }>(['workflow', 'list', '--state', 'SUCCEEDED']),
      runJsonHere<{ nodes: { name: string }[] }>(['node', 'list']),
      runJsonHere(['queue', 'list']),
      runHere(['controller', 'list']),
      runHere(['incident', 'list']),
      runHere(['workflow', 'get', 'ends-well']),
      runJsonHere<{ steps: { id: string }[] }>(['step', 'list', 'ends-well']),
    ]);
    expect(list).to.deep.equal(again);
    expect(list.workflows.map(({ name }) => name)).to.include('workflows/ends-well');
    expect(nodes.nodes.map(({ name }) => name)).to.deep.equal(['nodes/cli']);
    expect(queue).to.be.an('object');
    expect(controllers.out)
      .to.match(/^CONTROLLER/)
      .and.to.match(/^basic\s+in the nodes/m);
    expect(incidents.out).to.match(/^INCIDENT/);
    expect(got.out).to.contain('hello').and.to.not.contain(String.fromCharCode(27));
    expect(steps.steps.map(({ id }) => id)).to.deep.equal(['hello']);
  });

  it('names the place in a plan file, and says what is wrong with a command line', async () => {
    const [noMethod, badKey, noYaml, noCommand, noFile, away, help] = await Promise.all([
      run(['workflow', 'submit', '-f', '-'], echo('x', '  other:\n    call: basic/nothing\n')),
      run(['workflow', 'submit', '-f', '-'], echo('x', '    neds: [a]\n')),
      run(['workflow', 'submit', '-f', '-'], 'steps: [\n'),
      run(['wrkflow', 'list']),
      run(['workflow', 'submit', '-f', join(directory, 'absent.yaml')]),
      run(['node', 'list', '--server', '127.0.0.1:1', '--timeout', '500ms']),
      run(['workflow', 'submit', '--help']),
    ]);
    expect(noMethod.code, noMethod.err).to.equal(exitCodes.refused);
    expect(noMethod.err)
      .to.contain('INVALID_PLAN')
      .and.to.match(/-:7:5: /);
    expect(badKey.code, badKey.err).to.equal(exitCodes.usage);
    expect(badKey.err).to.match(/stdin:3:3: .*neds/);
    expect(noYaml.code).to.equal(exitCodes.usage);
    expect(noYaml.err).to.match(/stdin:\d+:\d+: /);
    expect(noCommand.code).to.equal(exitCodes.usage);
    expect(noCommand.err).to.contain("unknown command 'wrkflow'").and.to.contain('Did you mean workflow?');
    expect(noFile.code).to.equal(exitCodes.usage);
    expect(away.code).to.equal(exitCodes.unavailable);
    expect(away.out).to.equal('');
    expect(help.code).to.equal(exitCodes.ok);
    expect(help.out).to.contain('Usage: steplock workflow submit').and.to.contain('--wait');
  });
});
