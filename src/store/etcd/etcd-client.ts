/**
 * etcd3's client with a way to send a transaction that is in bytes already. It goes over etcd3's own channel, with its
 * credentials and its handling of failures.
 */
import type { Interceptor } from '@grpc/grpc-js';
import { castGrpcError, Etcd3, EtcdInvalidAuthTokenError, type IOptions } from 'etcd3';
import { present } from '../../base/assert.js';

const txnPath = '/etcdserverpb.KV/Txn';
const asIs = (bytes: Buffer): Buffer => bytes;

/** See above. */
export class EtcdClient extends Etcd3 {
  readonly #interceptor: Interceptor;

  /** `interceptor` is put into the calls that are not made by etcd3, which puts it into its own. */
  constructor(options: IOptions, interceptor: Interceptor) {
    super(options);
    this.#interceptor = interceptor;
  }

  /** Sends a TxnRequest; gives the TxnResponse. Errors are those of etcd3's other calls. */
  async sendTxn(request: Buffer, options: { readonly deadline: number }): Promise<Buffer> {
    try {
      return await this.#sendTxn(request, options);
    } catch (error) {
      if (!(error instanceof EtcdInvalidAuthTokenError)) throw error;
      // Refused before anything was applied. Any call of etcd3's own gets a new token when it is refused like that.
      await this.kv.range({ key: Buffer.from('\0'), keys_only: true }, options).catch(() => undefined);
      return await this.#sendTxn(request, options);
    }
  }

  async #sendTxn(request: Buffer, { deadline }: { readonly deadline: number }): Promise<Buffer> {
    const callOptions = { deadline, interceptors: [this.#interceptor] };
    return await this.pool.withConnection('KV', async ({ client, metadata }) => {
      return await new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest(txnPath, asIs, asIs, request, metadata, callOptions, (error, answer) => {
          // etcd3 looks at the kind of error to see whether its channel must be replaced.
          if (error !== null) reject(castGrpcError(error));
          else resolve(present(answer, 'answer'));
        });
      });
    });
  }
}
