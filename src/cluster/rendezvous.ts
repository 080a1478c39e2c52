/**
 * Who of several nodes comes first for a key: highest random weight (Thaler and Ravishankar, "A Name-Based Mapping
 * Scheme for Rendezvous", 1996). All nodes that see the same members agree without asking each other, and a node that
 * comes or goes moves only what it gets or had. Pure.
 */

/** How well a node suits a key: FNV-1a of both, mixed as in MurmurHash3 so that names that differ little are far apart. */
export function weightOf(key: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const text of [key, '\0', node]) {
    for (let index = 0; index < text.length; index++) {
      hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The nodes, the one that suits the key best first. */
export function rankNodes<Node extends string>(key: string, nodes: readonly Node[]): Node[] {
  return nodes
    .map((node) => ({ node, weight: weightOf(key, node) }))
    .sort((left, right) => right.weight - left.weight || (left.node < right.node ? -1 : 1))
    .map(({ node }) => node);
}

/**
 * Which node is to own each shard, by index: the best one that is not full, where full is an equal share, rounded up.
 * Empty without nodes.
 */
export function placeShards<Node extends string>(shards: number, nodes: readonly Node[]): Node[] {
  const share = Math.ceil(shards / Math.max(1, nodes.length));
  const counts = new Map<Node, number>();
  const placed: Node[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const node = rankNodes(`shard/${shard}`, nodes).find((each) => (counts.get(each) ?? 0) < share);
    if (node === undefined) return [];
    counts.set(node, (counts.get(node) ?? 0) + 1);
    placed.push(node);
  }
  return placed;
}
