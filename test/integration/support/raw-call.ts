/** Calls as bytes, and answers with all that the wire carries: for what the typed client would never send, or hide. */
import { Client, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../../src/gen/wire/google/rpc/error_details.js';
import { Status } from '../../../src/gen/wire/google/rpc/status.js';
import { insecure } from '../../../src/grpc/channel.js';

/** A refusal as it came over the wire. */
export interface RawRefusal {
  readonly code: keyof typeof status;
  readonly details: string;
  /** Every ErrorInfo of its details. */
  readonly infos: readonly ErrorInfo[];
  readonly violations: readonly {
    readonly field: string;
    readonly reason: string;
    readonly description: string;
  }[];
  readonly hasRetryInfo: boolean;
}

/** How a call ended. */
export type RawAnswer<T> =
  { readonly ok: true; readonly response: T } | { readonly ok: false; readonly refusal: RawRefusal };

/** A connection without limits of its own. */
export function rawClient(endpoint: string): Client {
  return new Client(endpoint, insecure(), {
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** Sends these bytes as a request of the method. */
export async function callBytes<Response>(
  client: Client,
  { path, responseDeserialize }: Pick<MethodDefinition<never, Response>, 'path' | 'responseDeserialize'>,
  bytes: Buffer,
  timeoutMs = 20_000,
): Promise<RawAnswer<Response>> {
  return await new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      (request: Buffer) => request,
      responseDeserialize,
      bytes,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        if (error === null) resolve({ ok: true, response: response as Response });
        else resolve({ ok: false, refusal: readRefusal(error) });
      },
    );
  });
}

/** Sends a request of the method. */
export async function callRaw<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
  timeoutMs?: number,
): Promise<RawAnswer<Response>> {
  return await callBytes(client, method, method.requestSerialize(request), timeoutMs);
}

/** What an error of grpc-js carries. */
export function readRefusal(error: ServiceError): RawRefusal {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = Buffer.isBuffer(bytes) ? Status.decode(bytes).details : [];
  const named = (name: string): Buffer[] =>
    details
      .filter(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)
      .map(({ value }) => value);
  return {
    code: status[error.code] as keyof typeof status,
    details: error.details,
    infos: named('ErrorInfo').map((value) => ErrorInfo.decode(value)),
    violations: named('BadRequest').flatMap((value) => BadRequest.decode(value).fieldViolations),
    hasRetryInfo: named('RetryInfo').some((value) => RetryInfo.decode(value).retryDelay !== undefined),
  };
}
