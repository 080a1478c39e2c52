/** The schedule of the chaos run: every kind in every round, and the same for the same seed. */
import { expect } from 'chai';
import { etcdFaults, insideFaults, nodeFaults, rounds, soloFaults, type Round } from '../../chaos/deck.js';

const firstOf = (seed: number, hasInside = true): Round[] => {
  const drawn: Round[] = [];
  for (const round of rounds(seed, hasInside)) {
    drawn.push(round);
    if (drawn.length === 2) break;
  }
  return drawn;
};

describe('the deck of faults', () => {
  it('has every kind once in each round', () => {
    for (const { nodes, etcd, solo } of firstOf(1)) {
      expect(nodes).to.have.members(nodeFaults);
      expect(etcd).to.have.members([...etcdFaults, ...insideFaults]);
      expect(solo).to.deep.equal(soloFaults);
    }
    expect(firstOf(1, false)[0]?.etcd).to.have.members(etcdFaults);
  });

  it('is the same for the same seed, and another for another', () => {
    expect(firstOf(5)).to.deep.equal(firstOf(5));
    expect(firstOf(5)).to.not.deep.equal(firstOf(6));
  });
});
