/** Transactions as etcd's requests and answers. */
import type { ICompare, IRequestOp, IResponseOp, ITxnRequest, ITxnResponse } from 'etcd3';
import { assert, present } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import { checkKey, type Compare, type Op, type OpResult, type Txn, type TxnResult } from '../store.js';
import { toRevision, type KeySpace } from './key-space.js';

const relations = { '=': 'Equal', '!=': 'NotEqual', '<': 'Less', '>': 'Greater' } as const;

/** @throws TxnRefusedError TOO_LARGE when a key is too long. */
export function toTxnRequest(keys: KeySpace, txn: Txn): ITxnRequest {
  return {
    compare: txn.compares.map((compare) => toCompare(keys, compare)),
    success: txn.then.map((op) => toRequestOp(keys, op)),
    failure: txn.otherwise.map((op) => toRequestOp(keys, op)),
  };
}

function toCompare(keys: KeySpace, { at, target, relation, revision }: Compare): ICompare {
  return {
    ...keys.toRange(at),
    result: relations[relation],
    ...(target === 'create'
      ? { target: 'Create', create_revision: revision }
      : { target: 'Mod', mod_revision: revision }),
  };
}

function toRequestOp(keys: KeySpace, op: Op): IRequestOp {
  switch (op.type) {
    case 'put': {
      checkKey(op.key);
      // protobufjs takes a Buffer only; this one shares the bytes.
      const value = Buffer.from(op.value.buffer, op.value.byteOffset, op.value.length);
      return { request_put: { key: keys.toKey(op.key), value, lease: op.lease ?? 0 } };
    }
    case 'delete':
      return { request_delete_range: keys.toRange(op.at) };
    case 'get':
      // For etcd a limit of 0 is none.
      return {
        request_range: { ...keys.toRange(op.at), keys_only: op.keysOnly ?? false, limit: op.limit ?? 0 },
      };
    case 'txn':
      return { request_txn: toTxnRequest(keys, op.txn) };
  }
}

/** The answer to a transaction. */
export function fromTxnResponse(keys: KeySpace, txn: Txn, response: ITxnResponse): TxnResult {
  return fromResponse(keys, txn, response, toRevision(response.header.revision));
}

/** Nested answers have no revision of their own in etcd: theirs is that of the whole. */
function fromResponse(keys: KeySpace, txn: Txn, response: ITxnResponse, revision: Revision): TxnResult {
  const ops = response.succeeded ? txn.then : txn.otherwise;
  assert(ops.length === response.responses.length, 'etcd answers each operation');
  const results = ops.map((op, index) => {
    return fromResponseOp(keys, op, present(response.responses[index], 'answer'), revision);
  });
  return { succeeded: response.succeeded, revision, results };
}

function fromResponseOp(keys: KeySpace, op: Op, response: IResponseOp, revision: Revision): OpResult {
  switch (op.type) {
    case 'put':
      return { type: 'put' };
    case 'delete':
      return { type: 'delete', deleted: Number(response.response_delete_range.deleted) };
    case 'get':
      return { type: 'get', kvs: response.response_range.kvs.map((kv) => keys.fromKeyValue(kv)) };
    case 'txn':
      return { type: 'txn', result: fromResponse(keys, op.txn, response.response_txn, revision) };
  }
}
