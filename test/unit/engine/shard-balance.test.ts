import { expect } from 'chai';
import type { NodeId } from '../../../src/base/ids.js';
import { placeShards } from '../../../src/cluster/rendezvous.js';
import { ShardBalance, type ShardPicture } from '../../../src/engine/shard-balance.js';

const shards = 8;
const one = 'n1' as NodeId;
const two = 'n2' as NodeId;
const placed = placeShards(shards, [one, two]);
const shardsOf = (node: NodeId): number[] => placed.flatMap((each, shard) => (each === node ? [shard] : []));

function picture(patch: Partial<ShardPicture>): ShardPicture {
  return { node: one, nodes: [one, two], shards, isOwn: () => false, isFree: () => true, nowMs: 0, ...patch };
}

describe('ShardBalance', () => {
  it('takes the free shards that are its own by placement, at once', () => {
    expect(new ShardBalance().next(picture({}))).to.deep.equal({ take: shardsOf(one), give: [] });
  });

  it('takes none that has an owner', () => {
    expect(new ShardBalance().next(picture({ isFree: () => false }))).to.deep.equal({ take: [], give: [] });
  });

  it('gives away what belongs to another node', () => {
    const { give } = new ShardBalance().next(picture({ isOwn: () => true, isFree: () => false }));
    expect(give).to.deep.equal(shardsOf(two));
  });

  it('takes in place of a node that does not, after a while, and keeps it until the nodes change', () => {
    const balance = new ShardBalance();
    expect(balance.next(picture({ nowMs: 0 })).take).to.deep.equal(shardsOf(one));
    expect(balance.next(picture({ nowMs: 1_900 })).take).to.deep.equal(shardsOf(one));
    expect(balance.next(picture({ nowMs: 2_100 })).take).to.have.members([
      ...shardsOf(one),
      ...shardsOf(two),
    ]);
    const owned = { isOwn: () => true, isFree: () => false };
    expect(balance.next(picture({ nowMs: 2_200, ...owned })).give).to.deep.equal([]);
    const three = 'n3' as NodeId;
    expect(
      balance.next(picture({ nowMs: 2_300, nodes: [one, two, three], ...owned })).give,
    ).to.not.deep.equal([]);
  });

  it('counts how long a shard is free from when it was freed last', () => {
    const balance = new ShardBalance();
    balance.next(picture({ nowMs: 0 }));
    balance.next(picture({ nowMs: 1_000, isFree: () => false }));
    expect(balance.next(picture({ nowMs: 2_500 })).take).to.deep.equal(shardsOf(one));
  });
});
