import { expect } from 'chai';
import type { NodeId } from '../../../src/base/ids.js';
import type { Member } from '../../../src/cluster/members.js';
import { NodeRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { claimDelayMs, eligibleNodes, type Placed } from '../../../src/queue/eligible.js';

const remote = (): boolean => true;
const local = (): boolean => false;

function member(nodeId: string, patch: Partial<NodeRecord> = {}): Member {
  return {
    nodeId: nodeId as NodeId,
    session: 1,
    record: { ...NodeRecord.fromPartial({ nodeId, controllers: ['linux'] }), ...patch },
  };
}

function placed(patch: Partial<Placed> = {}): Placed {
  return { controller: 'linux', neighborhood: '', nodeLabels: {}, ...patch };
}

const ids = (members: readonly Member[]): string[] => members.map(({ nodeId }) => nodeId);

describe('eligibleNodes()', () => {
  const members = [
    member('a', { neighborhood: 'east', labels: { disk: 'nvme', rack: '1' } }),
    member('b', { neighborhood: 'west', labels: { disk: 'nvme' } }),
    member('c', { neighborhood: 'west', controllers: [] }),
  ];

  it('asks for the controller where it is local', () => {
    expect(ids(eligibleNodes(placed(), members, local))).to.deep.equal(['a', 'b']);
  });

  it('takes any node for a remote controller', () => {
    expect(ids(eligibleNodes(placed(), members, remote))).to.deep.equal(['a', 'b', 'c']);
  });

  it('keeps to the neighborhood and to every label', () => {
    expect(ids(eligibleNodes(placed({ neighborhood: 'west' }), members, remote))).to.deep.equal(['b', 'c']);
    const both = { disk: 'nvme', rack: '1' };
    expect(ids(eligibleNodes(placed({ nodeLabels: both }), members, remote))).to.deep.equal(['a']);
    expect(eligibleNodes(placed({ neighborhood: 'north' }), members, remote)).to.deep.equal([]);
  });

  it('lets any that fits find out that nobody has the controller', () => {
    const item = placed({ controller: 'gone', neighborhood: 'west' });
    expect(ids(eligibleNodes(item, members, local))).to.deep.equal(['b', 'c']);
  });
});

describe('claimDelayMs()', () => {
  const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => member(id));

  it('lets one node go first, and the others follow one by one', () => {
    const delays = members.map(({ nodeId }) => claimDelayMs('queue/000/wf/s', nodeId, members));
    expect([...delays].sort((left, right) => (left ?? 0) - (right ?? 0))).to.deep.equal([
      0, 50, 100, 150, 200, 200, 200,
    ]);
  });

  it('spreads different steps over the nodes', () => {
    const first = new Set<string>();
    for (let step = 0; step < 100; step++) {
      for (const { nodeId } of members) {
        if (claimDelayMs(`queue/000/wf/s${step}`, nodeId, members) === 0) first.add(nodeId);
      }
    }
    expect(first.size).to.equal(members.length);
  });

  it('keeps out a node that may not run the step', () => {
    expect(claimDelayMs('key', 'z' as NodeId, members)).to.equal(undefined);
  });
});
