import { expect } from 'chai';
import { placeShards, rankNodes } from '../../../src/cluster/rendezvous.js';

const shards = 64;
const nodesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index + 1}`);
const moved = (before: readonly string[], after: readonly string[]): number =>
  before.filter((node, shard) => node !== after[shard]).length;

describe('rankNodes()', () => {
  it('gives every node the first place of about as many keys', () => {
    const nodes = nodesOf(5);
    const counts = new Map<string, number>();
    for (let key = 0; key < 5_000; key++) {
      const [first = ''] = rankNodes(`queue/000/wf-${key}/step`, nodes);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const node of nodes) expect(counts.get(node)).to.be.within(850, 1_150);
  });

  it('keeps the order of the others when a node goes', () => {
    const nodes = nodesOf(6);
    for (let key = 0; key < 100; key++) {
      const before = rankNodes(`key-${key}`, nodes).filter((node) => node !== 'node-3');
      expect(
        rankNodes(
          `key-${key}`,
          nodes.filter((node) => node !== 'node-3'),
        ),
      ).to.deep.equal(before);
    }
  });
});

describe('placeShards()', () => {
  it('places none without nodes', () => {
    expect(placeShards(shards, [])).to.deep.equal([]);
  });

  it('gives no node more than an equal share, rounded up', () => {
    for (let count = 1; count <= 70; count++) {
      const placed = placeShards(shards, nodesOf(count));
      expect(placed).to.have.length(shards);
      for (const node of nodesOf(count)) {
        expect(placed.filter((each) => each === node).length).to.be.at.most(Math.ceil(shards / count));
      }
    }
  });

  it('does not depend on the order in which the nodes are named', () => {
    expect(placeShards(shards, nodesOf(5).reverse())).to.deep.equal(placeShards(shards, nodesOf(5)));
  });

  it('moves little when a node comes: mostly what it gets, and where the share shrinks at most four times that', () => {
    let movedInAll = 0;
    let sharesInAll = 0;
    for (let count = 1; count <= 15; count++) {
      const share = Math.ceil(shards / (count + 1));
      const moves = moved(placeShards(shards, nodesOf(count)), placeShards(shards, nodesOf(count + 1)));
      expect(moves, `from ${count} nodes`).to.be.at.most(4 * share);
      movedInAll += moves;
      sharesInAll += share;
    }
    expect(movedInAll / sharesInAll).to.be.at.most(1.5);
  });

  it('moves what a node had when it goes, and little else', () => {
    for (let count = 3; count <= 15; count++) {
      const before = placeShards(shards, nodesOf(count));
      const left = nodesOf(count).filter((node) => node !== 'node-2');
      const after = placeShards(shards, left);
      expect(after.includes('node-2')).to.equal(false);
      expect(moved(before, after), `of ${count} nodes`).to.be.at.most(3 * Math.ceil(shards / count));
    }
  });
});
