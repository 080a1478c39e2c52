/**
 * Whatever bytes a caller sends, he is answered with one reason and the field that is wrong, nothing is left behind, and
 * the next caller is served: one request made to harm must never cost others their connection or their node.
 */
import { expect } from 'chai';
import type { WorkflowSettings } from '../../src/gen/wire/steplock/v1/workflow.js';
import {
  type SubmitWorkflowRequest,
  WorkflowServiceService as Service,
} from '../../src/gen/wire/steplock/v1/workflow_service.js';
import type { CallReason } from '../../src/errors/index.js';
import { rejection } from '../support/rejection.js';
import { chain, planOf, settings, step } from './support/plans.js';
import { callBytes, callRaw } from './support/raw-call.js';
import { asRefusal, metadataOf, placesOf, refused } from './support/refusal.js';
import { addition, creation, deletion, retry, submission, verb } from './support/requests.js';
import { startRig, stateOf, type Rig } from './support/rig.js';
import { brokenText, field, numberField } from './support/wire.js';

const someUuid = '5f0c3f4e-7c0a-4f6e-9d3e-0123456789ab';
const mebibyte = 1024 * 1024;

/** SubmitWorkflow in bytes: one step that calls test/free, with more fields for the request and the call. */
function submissionBytes(ofRequest: readonly Buffer[], ofCall: readonly Buffer[] = []): Buffer {
  const call = Buffer.concat([field(1, 'test'), field(2, 'free'), ...ofCall]);
  const plan = field(1, Buffer.concat([field(1, 'a'), field(5, call)]));
  return Buffer.concat([field(1, someUuid), ...ofRequest, field(4, plan)]);
}

/** Arguments with one member. */
function argument(key: string | Buffer, value: Buffer): Buffer {
  return field(4, field(1, Buffer.concat([field(1, key), field(2, value)])));
}

const text = (content: string | Buffer): Buffer => field(3, content);
const object = (key: string, value: Buffer): Buffer =>
  field(5, field(1, Buffer.concat([field(1, key), field(2, value)])));

function nested(levels: number): Buffer {
  let value = text('at the bottom');
  for (let level = 0; level < levels; level++) value = object('in', value);
  return value;
}

const bytesRefused: readonly (readonly [title: string, reason: CallReason, field: string, bytes: Buffer])[] =
  [
    ['text that is not UTF-8', 'INVALID_ENCODING', 'actor', submissionBytes([field(5, brokenText)])],
    [
      'an argument that is not UTF-8',
      'INVALID_ENCODING',
      'plan.steps[0].call.arguments.name',
      submissionBytes([], [argument('name', text(brokenText))]),
    ],
    [
      'the name of an argument that is not UTF-8',
      'INVALID_ENCODING',
      'plan.steps[0].call.arguments (a key of it)',
      submissionBytes([], [argument(brokenText, text('x'))]),
    ],
    [
      'an argument named __proto__',
      'INVALID_FIELD',
      'plan.steps[0].call.arguments (a key of it)',
      submissionBytes([], [argument('__proto__', text('evil'))]),
    ],
    [
      'an argument named __proto__ within another',
      'INVALID_FIELD',
      'plan.steps[0].call.arguments.deep (a key of it)',
      submissionBytes([], [argument('deep', object('__proto__', object('x', text('evil'))))]),
    ],
    [
      'arguments nested too deep',
      'INVALID_PLAN',
      'plan.steps[0].call.arguments',
      submissionBytes([], [argument('a', nested(25))]),
    ],
    [
      'arguments nested a hundred deep',
      'INVALID_ENCODING',
      '',
      submissionBytes([], [argument('a', nested(100))]),
    ],
    ['bytes that are no message', 'INVALID_ENCODING', '', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['half a message', 'INVALID_ENCODING', '', submissionBytes([]).subarray(0, -5)],
    [
      'a start time of 10^15 seconds',
      'INVALID_FIELD',
      'settings.start_time',
      submissionBytes([field(3, field(4, numberField(1, 1e15)))]),
    ],
  ];

const fieldsRefused: readonly (readonly [field: string, more: Partial<SubmitWorkflowRequest>])[] = [
  ['request_id', { requestId: '' }],
  ['request_id', { requestId: 'not-a-uuid' }],
  ['workflow_id', { workflowId: 'No Id' }],
  ['workflow_id', { workflowId: '../../etc' }],
  ['workflow_id', { workflowId: 'x'.repeat(100_000) }],
  ['actor', { actor: 'x'.repeat(129) }],
  ...(
    [
      ['settings.start_time', { startTime: new Date(-1_000) }],
      ['settings.deadline', { deadline: { seconds: '0', nanos: 1 } }],
      ['settings.deadline', { deadline: { seconds: '99999999999', nanos: 0 } }],
      ['settings.priority', { priority: 10 }],
      ['settings.tenant', { tenant: 'No Tenant' }],
      ['settings.description', { description: 'x'.repeat(257) }],
      ['settings.deadline_action', { deadlineAction: 2 }],
      ['settings.labels["No Key"]', { labels: { 'No Key': 'x' } }],
      ['settings.labels["key"]', { labels: { key: 'x'.repeat(129) } }],
      [
        'settings.labels',
        { labels: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, ''])) },
      ],
    ] as [string, Partial<WorkflowSettings>][]
  ).map(([name, said]) => [name, { settings: settings(said) }] as const),
];

describe('A request that is wrong', function () {
  this.timeout(20_000);
  let rig: Rig;
  let keysBefore: string[];

  before(async () => {
    rig = await startRig({ logLevel: 'info' });
    keysBefore = await rig.keys();
  });

  after(async () => {
    await rig.close();
  });

  afterEach(async () => {
    expect(await rig.keys()).to.deep.equal(keysBefore);
  });

  for (const [title, reason, name, bytes] of bytesRefused) {
    it(`is refused with its field named: ${title}`, async () => {
      const refusal = asRefusal(await callBytes(rig.raw, Service.submitWorkflow, bytes), reason);
      expect(metadataOf(refusal)['field'], refusal.details).to.equal(name);
    });
  }

  for (const [name, more] of fieldsRefused) {
    it(`is refused with its field named: ${name} = ${JSON.stringify(more).slice(0, 50)}`, async () => {
      const refusal = await refused(
        rig,
        Service.submitWorkflow,
        submission(chain('a'), more),
        'INVALID_FIELD',
      );
      expect(metadataOf(refusal)).to.include({ field: name });
      expect(metadataOf(refusal)['rule']).to.not.equal('');
    });
  }

  it('is answered whatever it wants repeated: a property name of 100 kB, ids of emoji', async () => {
    const long = planOf(step('a', 'typed', { with: { name: 'x', ['k'.repeat(100_000)]: 1 } }));
    const emoji = planOf(step(`a${'😀'.repeat(50)}`), step('😀'.repeat(5_000)));
    const [ofLong, ofEmoji] = await Promise.all([
      refused(rig, Service.submitWorkflow, submission(long), 'INVALID_PLAN'),
      refused(rig, Service.submitWorkflow, submission(emoji), 'INVALID_PLAN'),
    ]);
    expect(placesOf(ofLong)).to.deep.equal(['INVALID_ARGUMENTS plan.steps[0].call.arguments']);
    expect(placesOf(ofEmoji)).to.include.members([
      'INVALID_ID plan.steps[0].id',
      'INVALID_ID plan.steps[1].id',
    ]);
  });

  it('over 4 MiB is refused by the transport, and told to come in parts', async () => {
    const large = submission(
      planOf(
        ...Array.from({ length: 5 }, (_, n) =>
          step(`s${n}`, 'free', { with: { x: 'x'.repeat(mebibyte - 20) } }),
        ),
      ),
    );
    const answer = await callRaw(rig.raw, Service.submitWorkflow, large);
    expect(answer.ok ? 'OK' : answer.refusal.code).to.equal('RESOURCE_EXHAUSTED');
    expect(await rejection(rig.client.workflows.submitWorkflow(large))).to.include({
      reason: 'MESSAGE_TOO_LARGE',
    });
  });

  it('is refused by every method for a name that is none', async () => {
    const { raw } = rig;
    const bad = 'workflows/No Name';
    const answers = {
      addSteps: await callRaw(raw, Service.addSteps, addition(bad, chain('a'))),
      getWorkflow: await callRaw(raw, Service.getWorkflow, { name: bad }),
      waitWorkflow: await callRaw(raw, Service.waitWorkflow, { name: bad, timeout: undefined }),
      suspendWorkflow: await callRaw(raw, Service.suspendWorkflow, verb(bad)),
      retryStep: await callRaw(raw, Service.retryStep, retry(bad, 'a')),
      deleteWorkflow: await callRaw(raw, Service.deleteWorkflow, deletion(bad)),
    };
    for (const [method, answer] of Object.entries(answers)) {
      expect(metadataOf(asRefusal(answer, 'INVALID_FIELD')), method).to.include({ field: 'name' });
    }
    const listed = await callRaw(raw, Service.listSteps, {
      parent: 'workflows/',
      pageSize: 0,
      pageToken: '',
      states: [],
    });
    expect(metadataOf(asRefusal(listed, 'INVALID_FIELD'))).to.include({ field: 'parent' });
  });

  it('for a draft is held to the same rules', async () => {
    for (const more of [{ requestId: 'x' }, { workflowId: 'X' }, { actor: 'x'.repeat(129) }]) {
      await refused(rig, Service.createWorkflow, creation(more), 'INVALID_FIELD');
    }
  });

  it('keeps nobody from being served right after, a hundred of them at once included', async () => {
    const good = submission(chain('a', 'b'));
    const bytes = bytesRefused.map(([, , , hostile]) => hostile);
    const answers = await Promise.all(
      Array.from(
        { length: 100 },
        async (_, n) => await callBytes(rig.raw, Service.submitWorkflow, bytes[n % bytes.length]!),
      ),
    );
    expect(answers.filter(({ ok }) => ok)).to.deep.equal([]);
    const answer = await callRaw(rig.raw, Service.submitWorkflow, good);
    if (!answer.ok) throw new Error(answer.refusal.details);
    const { name } = await rig.rested(answer.response.workflow?.name ?? '');
    expect(stateOf(await rig.get(name))).to.equal('SUCCEEDED');
    expect(rig.log.errors).to.deep.equal([]);
    keysBefore = await rig.keys();
  });
});
