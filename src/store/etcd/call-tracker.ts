/** Knows the calls under way, so that closing the store ends them: etcd3 gives no handle of a unary call. */
import { InterceptingCall, status, type Interceptor } from '@grpc/grpc-js';

/** See above. */
export class CallTracker {
  readonly #calls = new Set<InterceptingCall>();

  /** For unary calls. */
  readonly unary: Interceptor = this.#interceptor(false);

  /**
   * For streams. Without this header a member that is cut off from the others keeps a watch open and silent; etcd3
   * does not set it.
   */
  readonly stream: Interceptor = this.#interceptor(true);

  /** Ends all calls under way with CANCELLED. */
  cancelAll(): void {
    for (const call of this.#calls) call.cancelWithStatus(status.CANCELLED, 'The store is closed');
    this.#calls.clear();
  }

  #interceptor(requiresLeader: boolean): Interceptor {
    return (options, nextCall) => {
      const call: InterceptingCall = new InterceptingCall(nextCall(options), {
        start: (metadata, _listener, next) => {
          if (requiresLeader) metadata.set('hasleader', 'true');
          this.#calls.add(call);
          next(metadata, {
            onReceiveStatus: (received, nextStatus) => {
              this.#calls.delete(call);
              nextStatus(received);
            },
          });
        },
      });
      return call;
    };
  }
}
