/**
 * The members of the cluster and which of them is talked to: one until it fails, then the next. Each has a client of
 * its own, because etcd3 picks hosts at random. When a call fails etcd3 replaces all channels of its host; what is under
 * way on the old ones, watches too, goes on.
 */
import { noop } from 'cockatiel';
import type { IOptions } from 'etcd3';
import type { ChannelOptions } from '@grpc/grpc-js';
import { present } from '../../base/assert.js';
import { CallTracker } from './call-tracker.js';
import { EtcdClient } from './etcd-client.js';
import type { EtcdSettings } from './options.js';

/** A member. */
export interface Endpoint {
  /** Its URL. */
  readonly url: string;
  /** Talks to it alone. */
  readonly client: EtcdClient;
}

/** See the head of this file. */
export class Endpoints {
  /** All of them. */
  readonly all: readonly Endpoint[];
  readonly #tracker = new CallTracker();
  #current = 0;

  constructor(settings: EtcdSettings) {
    this.all = settings.endpoints.map((url) => ({ url, client: this.#createClient(settings, url) }));
  }

  /** The one to talk to. */
  get current(): Endpoint {
    return present(this.all[this.#current], 'endpoint');
  }

  /** Turns to the next one, unless somebody else already has. */
  turnFrom(endpoint: Endpoint): void {
    if (endpoint === this.current) this.#current = (this.#current + 1) % this.all.length;
  }

  /** Ends what is under way and closes the channels. */
  close(): void {
    this.#tracker.cancelAll();
    for (const { client } of this.all) client.close();
  }

  #createClient({ tls, auth, clock, callTimeoutMs, keepaliveMs }: EtcdSettings, url: string): EtcdClient {
    const tracker = this.#tracker;
    const options: IOptions = {
      hosts: url,
      grpcOptions: channelOptions(keepaliveMs),
      // By default etcd3 sends a put whose answer was lost three times, and one expired deadline makes it refuse all
      // calls for five seconds. What may be repeated is decided here, not there.
      faultHandling: { host: () => noop, global: noop },
      defaultCallOptions: ({ isStream }) =>
        isStream
          ? { interceptors: [tracker.stream] }
          : { interceptors: [tracker.unary], deadline: clock.nowMs() + callTimeoutMs },
      ...(auth === undefined ? {} : { auth: { ...auth } }),
      ...(tls === undefined ? {} : { credentials: credentialsOf(tls) }),
    };
    return new EtcdClient(options, tracker.unary);
  }
}

function credentialsOf({
  ca,
  cert,
  key,
}: NonNullable<EtcdSettings['tls']>): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: ca,
    ...(cert === undefined ? {} : { certChain: cert }),
    ...(key === undefined ? {} : { privateKey: key }),
  };
}

/** What grpc-js knows by name. A misspelt option passes silently there, here it does not compile. */
type KnownChannelOptions = {
  [Name in keyof ChannelOptions as string extends Name ? never : Name]?: ChannelOptions[Name];
};

/** A list or a watch may be answered in one message of any size; this is what we are ready to hold. */
const receiveBytesMax = 512 * 1024 * 1024;

function channelOptions(keepaliveMs: number): ChannelOptions {
  const options: KnownChannelOptions = {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': 5_000,
    // etcd takes pings without a call for an attack.
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.max_receive_message_length': receiveBytesMax,
    // A connection attempt has no timeout in grpc-js (grpc/grpc-node#2785): when the peer accepts and stays silent
    // it never ends. etcd3 makes a new channel after a call on the old one failed, which helps only if the new one
    // does not share the stuck attempt.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
  };
  return options;
}
