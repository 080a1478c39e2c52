/**
 * Secrets that go through plans, outputs, errors and progress: the controller gets them in clear, and nobody else ever
 * does: not the store's files, not the log, no answer, no command line.
 */
import { expect } from 'chai';
import { runCli } from '../../src/cli/program.js';
import type { StoreSettings } from '../../src/config/settings.js';
import {
  done,
  failed,
  pending,
  type CallContext,
  type ExecuteResult,
  type JsonObject,
  type JsonValue,
} from '../../src/controller.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import { planOf, settings, step } from './support/plans.js';
import { requestId, startRig, storeKinds, type Rig } from './support/rig.js';
import { filesWith, findSpellings } from './support/spellings.js';
import { temporaryDirectory } from './support/temporary.js';

/** Each way in has its own, with what JSON, URLs and base64 spell otherwise. */
const secrets = {
  argument: 'arg"ument\\ 7f3a/&=+ä',
  output: 'out"put\\ 91bc/&=+ö',
  env: 'env"ironment\\ 22de/&=+ü',
  draft: 'dra"ft\\ 4a0b/&=+ß',
  skip: 'ski"pped\\ 5c1d/&=+é',
};
const marker = 'marker-63aa0f';

/** A text with the secret in each of the spellings that libraries put into their errors. */
function loud(secret: JsonValue | undefined): string {
  const text = typeof secret === 'string' ? secret : '';
  return `refused ${text}, ${JSON.stringify({ text })}, https://host/?p=${encodeURIComponent(text)}`;
}

const typed = (password: JsonObject): JsonObject => ({ name: marker, password });

/** Runs workflows in which secrets go every way; gives their names. */
async function runAll(rig: Rig): Promise<string[]> {
  const { script, client } = rig;
  const make = async (context: CallContext, { password }: JsonObject): Promise<ExecuteResult> => {
    const text = loud(password);
    context.progress(50, text);
    context.log.debug({ method: 'typed' }, 'made');
    return await Promise.resolve(done({ id: text, token: secrets.output }));
  };
  const clear = { $secret: { value: secrets.argument } };
  const token = { $output: { step: 'a', pointer: '/token' } };
  for (const id of ['a', 'b', 'c']) script.script('good', id, make);
  const good = await rig.submit(
    planOf(
      step('a', 'typed', { with: typed(clear) }),
      step('b', 'typed', { with: typed(token) }),
      step('c', 'typed', { with: typed({ $secret: { env: 'STEPLOCK_SECRET_IT' } }) }),
    ),
    { workflowId: 'good' },
  );
  await rig.restedAs(good.name, WorkflowState.SUCCEEDED);

  script.script('bad', 'a', make);
  script.script('bad', 'b', ({ attempt }, { password }) => {
    if (attempt === 1) throw new Error(loud(password), { cause: new Error(loud(password)) });
    return failed('Refused', loud(password), { retryable: false, effect: 'some' });
  });
  script.script('bad', 'undo.a', () => {
    throw new Error('it stays');
  });
  const bad = await rig.submit(
    planOf(step('a', 'typed', { with: typed(clear) }), step('b', 'typed', { with: typed(token) })),
    { workflowId: 'bad' },
  );
  await rig.restedAs(bad.name, WorkflowState.ROLLBACK_BLOCKED);

  script.script('draft', 'a', {
    execute: (_context, { password }) => ({ ...pending('task', 20), progressMessage: loud(password) }),
    poll: (context) =>
      failed('Refused', loud(script.callsOf(context.workflow, 'a')[0]?.args['password']), {
        retryable: false,
        effect: 'none',
      }),
  });
  const draft = await client.workflows.createWorkflow({
    requestId: requestId(),
    workflowId: 'draft',
    settings: settings({ onFailure: OnFailure.SUSPEND }),
    actor: '',
  });
  const name = draft.workflow?.name ?? '';
  script.script('draft', 'b', make);
  const steps = [
    step('a', 'typed', { with: typed({ $secret: { value: secrets.draft } }) }),
    step('b', 'typed', { with: typed(token) }),
  ];
  await client.workflows.addSteps({ name, requestId: requestId(), steps, groups: [], etag: '' });
  await client.workflows.startWorkflow({ name, requestId: requestId(), planHash: '', etag: '' });
  await rig.restedAs(name, WorkflowState.SUSPENDED);
  const output = { id: 'skipped', token: secrets.skip };
  const skip = { name: `${name}/steps/a`, requestId: requestId(), actor: 'test', reason: 'skipped', output };
  await client.workflows.skipStep(skip);
  await client.workflows.resumeWorkflow({ name, requestId: requestId(), actor: 'test', reason: '' });
  await rig.restedAs(name, WorkflowState.SUCCEEDED);
  return [good.name, bad.name, name];
}

/** Everything that the API and the command line say of these workflows. */
async function everythingSaid(rig: Rig, names: readonly string[]): Promise<string> {
  const { workflows, incidents, dispatcher } = rig.client;
  const page = { pageSize: 1_000, pageToken: '' };
  const said: unknown[] = [
    await workflows.listWorkflows({ ...page, filter: undefined }),
    await incidents.listIncidents({ ...page, includeResolved: true }),
    await dispatcher.listQueue(page),
    await dispatcher.listClaims(page),
    await cli(rig, 'incident', 'list'),
  ];
  for (const name of names) {
    const { steps } = await workflows.listSteps({ ...page, parent: name, states: [] });
    said.push(steps, await workflows.getWorkflow({ name }));
    for (const { name: stepName } of steps) said.push(await workflows.getStep({ name: stepName }));
    for await (const event of workflows.watchWorkflow({ name, startRevision: '0' })) {
      said.push(event);
      if (event.workflow?.endTime === undefined) break;
    }
    said.push(await cli(rig, 'workflow', 'get', name), await cli(rig, 'step', 'list', name));
    said.push(await cli(rig, 'step', 'list', name, '-o', 'json'));
  }
  // Texts in the answers are spelled as JSON here; the search knows that spelling.
  return said.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join('\n');
}

/** What a command prints. */
async function cli(rig: Rig, ...args: readonly string[]): Promise<string> {
  let printed = '';
  const print = (text: string): void => {
    printed += text;
  };
  await runCli([...args, '--server', rig.node.address], {
    terminal: { out: print, err: print, isTty: false, columns: 200, rows: 0 },
    env: {},
    signal: new AbortController().signal,
    nowMs: () => Date.now(),
    setExitCode: (code) => {
      expect(code, printed).to.equal(0);
    },
  });
  return printed;
}

describe('The search for secrets', () => {
  it('finds each spelling wherever it stands', () => {
    const bytes = Buffer.from(secrets.argument);
    for (const before of ['', 'a', 'ab']) {
      const around = Buffer.concat([Buffer.from(before), bytes, Buffer.from('tail')]);
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        expect(findSpellings(secrets.argument, around.toString(encoding)), encoding).to.not.have.length(0);
      }
    }
    for (const text of loud(secrets.argument).split(', ')) {
      expect(findSpellings(secrets.argument, text), text).to.not.have.length(0);
    }
    expect(findSpellings(secrets.argument, 'argument 7f3a')).to.deep.equal([]);
  });
});

for (const kind of storeKinds) {
  describe(`Secrets: ${kind}`, function () {
    this.timeout(60_000);
    let etcd: EtcdProcess | undefined;
    let directory: string;
    let rig: Rig;
    let said: string;

    before(async () => {
      directory = await temporaryDirectory();
      let store: StoreSettings = { kind: 'embedded', dataDir: directory, quotaBytes: undefined };
      if (kind === 'etcd') {
        etcd = await startEtcd();
        ({ directory } = etcd);
        store = { kind, endpoints: [etcd.url], prefix: '/secrets/', quotaBytes: undefined };
      }
      rig = await startRig({ store, env: { STEPLOCK_SECRET_IT: secrets.env }, logLevel: 'debug' });
      said = await everythingSaid(rig, await runAll(rig));
      await rig.close();
    });
    after(async () => {
      await etcd?.stop();
    });

    it('reach the controller in clear', () => {
      const passwords = (workflow: string): unknown[] =>
        rig.script
          .callsOf(workflow)
          .flatMap(({ kind, args }) => (kind === 'execute' ? [args['password']] : []));
      expect(passwords('good')).to.have.members([secrets.argument, secrets.output, secrets.env]);
      expect(passwords('draft')).to.have.members([secrets.draft, secrets.skip]);
    });

    it('are in no file of the store, in whatever spelling', async () => {
      expect(await filesWith(directory, marker), 'what is no secret is found').to.not.have.length(0);
      for (const secret of Object.values(secrets)) {
        expect(await filesWith(directory, secret), secret).to.deep.equal([]);
      }
    });

    it('are not in the log', () => {
      expect(findSpellings('outcome of call not known', rig.log.text), 'the log was looked at').to.not.be
        .empty;
      for (const secret of Object.values(secrets)) {
        expect(findSpellings(secret, rig.log.text), secret).to.deep.equal([]);
      }
    });

    it('are in no answer and in nothing that commands print', () => {
      expect(findSpellings(marker, said), 'what is no secret is found').to.not.be.empty;
      expect(said).to.contain('refused [redacted]');
      for (const secret of Object.values(secrets)) {
        expect(findSpellings(secret, said), secret).to.deep.equal([]);
      }
    });
  });
}
