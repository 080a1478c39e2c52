/** The layers of src/, as data: a part may import from parts on lower levels only, and from itself. */

/** A part of src/ (a folder, or a file at its top) by its level. */
export const levels: readonly (readonly string[])[] = [
  ['base', 'version.ts'],
  ['errors', 'log', 'telemetry'],
  ['contract'],
  ['model'],
  ['builder', 'config', 'grpc', 'storage', 'store'],
  ['cluster', 'inventory', 'lease', 'remote'],
  ['admission', 'conformance', 'lock', 'orchestrators', 'queue'],
  ['engine', 'intake'],
  ['dispatcher'],
  ['controllers', 'exporters', 'runtime'],
  ['rpc'],
  ['client', 'controller.ts', 'node-telemetry.ts', 'orchestrator.ts', 'storage-controller.ts'],
  ['node.ts'],
  ['testing'],
  ['cli', 'testing.ts'],
];

/** Who may know the messages of the wire (src/gen/wire): the edges. */
export const wireReaders: readonly string[] = [
  'src/builder/',
  'src/cli/',
  'src/client/',
  'src/conformance/',
  'src/controllers/',
  'src/grpc/',
  'src/intake/',
  'src/remote/',
  'src/rpc/',
  'src/testing/',
  // The door: from a request to a draft.
  'src/model/parse-plan.ts',
  'src/model/parse-locks.ts',
];

/** Who may know the records of the store (src/gen/store): what decides on them, and the API that shows them. */
export const recordReaders: readonly string[] = [
  'src/model/',
  'src/cluster/',
  'src/inventory/',
  'src/lease/',
  'src/orchestrators/',
  'src/admission/',
  'src/lock/',
  'src/queue/',
  'src/engine/',
  'src/intake/',
  'src/dispatcher/',
  'src/controllers/',
  'src/runtime/',
  'src/rpc/',
  'src/testing/',
];

/** Who may know etcd3, and nobody else. */
export const etcdReaders: readonly string[] = ['src/store/etcd/'];
