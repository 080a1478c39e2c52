/** etcd's own counters, as it serves them to Prometheus. */

/** Counters by name, labels included as they are written. */
export type Counters = ReadonlyMap<string, number>;

/** Reads them. */
export async function readCounters(url: string): Promise<Counters> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** How much a counter grew. */
export function growth(before: Counters, after: Counters, name: string): number {
  return (after.get(name) ?? 0) - (before.get(name) ?? 0);
}

/** How many transactions raft has committed: each costs one write to disk that is waited for. */
export const commits = 'etcd_server_proposals_committed_total';

/** How many calls of a method etcd has answered. */
export function callsOf(service: string, method: string): string {
  const type = method === 'Watch' || method === 'LeaseKeepAlive' ? 'bidi_stream' : 'unary';
  return `grpc_server_handled_total{grpc_code="OK",grpc_method="${method}",grpc_service="etcdserverpb.${service}",grpc_type="${type}"}`;
}
