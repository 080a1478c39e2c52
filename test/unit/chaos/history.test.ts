/** What the chaos run judges from the store's changes, and how it measures restarts: each rule can fail. */
import { expect } from 'chai';
import type { Revision } from '../../../src/base/ids.js';
import { NodeRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { OutcomeState, QueueItem, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, WorkflowHead } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { encodeRecord } from '../../../src/store/records.js';
import type { StoreEvent } from '../../../src/store/store.js';
import { StoreHistory } from '../../chaos/history.js';
import { percentile, Restarts } from '../../chaos/restarts.js';
import { queueItem, stepRecord, workflowHead } from '../../support/records.js';

const put = (key: string, value: Uint8Array, revision: number, created = revision): StoreEvent => ({
  type: 'put',
  kv: {
    key,
    value: Buffer.from(value),
    lease: undefined,
    createRevision: created as Revision,
    modRevision: revision as Revision,
  },
});
const joins = (node: string, revision: number): StoreEvent =>
  put(`node/${node}`, encodeRecord(NodeRecord, NodeRecord.create({ nodeId: node })), revision);
const gone = (key: string, revision: number): StoreEvent => ({
  type: 'delete',
  key,
  revision: revision as Revision,
});
const claims = (item: string, node: string, session: number, revision: number): StoreEvent =>
  put(
    `queue/000/w/${item}`,
    encodeRecord(QueueItem, queueItem({ claim: { node, session, timeMs: revision } })),
    revision,
  );
const head = (state: HeadState, revision: number): StoreEvent =>
  put('head/000/w', encodeRecord(WorkflowHead, workflowHead({ state })), revision);
const outcome = (state: OutcomeState, revision: number, node = '', session = 0): StoreEvent => {
  const claim = node === '' ? undefined : { node, session, timeMs: 0 };
  return put('step/000/w/s', encodeRecord(StepRecord, stepRecord('s', state, { claim })), revision);
};

describe("the store's history in the chaos run", () => {
  let history: StoreHistory;
  beforeEach(() => {
    history = new StoreHistory();
  });
  const expectOne = (pattern: RegExp): void => {
    expect(history.broken).to.have.length(1);
    expect(history.broken[0]).to.match(pattern);
  };

  it('finds nothing in claims within the lives of their nodes', () => {
    history.take([joins('n1', 1), claims('a', 'n1', 1, 2), gone('node/n1', 3)]);
    history.take([joins('n1', 4), claims('a', 'n1', 4, 5), gone('queue/000/w/a', 6)]);
    expect(history.broken).to.deep.equal([]);
    expect(history.claims).to.equal(2);
    expect(history.sessionOf('n1')).to.equal(4);
  });

  it('finds a claim under a session that had ended, or never was (10)', () => {
    history.take([joins('n1', 1), gone('node/n1', 3), joins('n1', 4), claims('a', 'n1', 1, 5)]);
    expectOne(/session had ended at 3/);
    history = new StoreHistory();
    history.take([claims('a', 'n1', 1, 5)]);
    expectOne(/never was/);
  });

  it('finds an accepted outcome that is changed or taken away (2), and lets a failure be retried', () => {
    history.take([outcome(OutcomeState.FAILED, 1), outcome(OutcomeState.SUCCEEDED, 2)]);
    expect(history.broken).to.deep.equal([]);
    history.take([outcome(OutcomeState.FAILED, 3)]);
    expectOne(/accepted outcome/);
  });

  it('finds an outcome that was accepted of a node whose session had ended (10)', () => {
    history.take([joins('n1', 1), outcome(OutcomeState.FAILED, 2, 'n1', 1), gone('node/n1', 3)]);
    expect(history.broken).to.deep.equal([]);
    history.take([outcome(OutcomeState.SUCCEEDED, 4, 'n1', 1)]);
    expectOne(/an outcome of n1 was accepted at revision 4, its session had ended at 3/);
  });

  it('finds a final state that is left, and a move that there is not (9)', () => {
    history.take([head(HeadState.RUNNING, 1), head(HeadState.ROLLED_BACK, 2)]);
    expect(history.broken).to.deep.equal([]);
    history.take([head(HeadState.RUNNING, 3)]);
    expectOne(/left its final state/);
    history = new StoreHistory();
    history.take([head(HeadState.ROLLING_BACK, 1), head(HeadState.RUNNING, 2)]);
    expectOne(/moved from/);
  });

  it('measures how long a lost step waits for another claim, and leaves out one that ended', () => {
    let nowMs = 100;
    const restarts = new Restarts(history, () => nowMs);
    const take = (...events: StoreEvent[]): void => {
      for (const event of events) {
        history.take([event]);
        restarts.look();
      }
    };
    take(
      joins('n1', 1),
      joins('n2', 2),
      claims('a', 'n1', 1, 3),
      claims('b', 'n1', 1, 4),
      claims('c', 'n2', 2, 5),
    );
    const loss = restarts.onGone('node killed', 'n1', 7);
    nowMs = 350;
    take(gone('queue/000/w/b', 6), gone('node/n1', 7), claims('c', 'n2', 2, 8));
    nowMs = 400;
    take(claims('a', 'n2', 2, 9));
    expect(loss?.restartsMs).to.deep.equal([300]);
    expect(loss?.waiting.size).to.equal(0);
    expect(restarts.onGone('node killed', 'n1', 7), 'one that is gone already').to.equal(undefined);
  });

  it('knows percentiles', () => {
    const numbers = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0.5, 0.99, 1].map((share) => percentile(numbers, share))).to.deep.equal([50, 99, 100]);
    expect(percentile([], 0.5)).to.equal(0);
  });
});
