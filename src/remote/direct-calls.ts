/**
 * Calls of a controller as they go over the wire, for whoever wants to see how it takes them: the time of the connection
 * is not the time that the context names, and nothing is made of an answer that breaks the contract.
 */
import type { Clock } from '../base/clock.js';
import type { JsonObject } from '../base/json.js';
import type { ExecuteResult, PollResult, ProbeResult } from '../contract/contract.js';
import {
  ControllerServiceClient,
  type CancelResponse,
  type DescribeResponse,
  type ExecuteResponse,
  type PollResponse,
  type ProbeResponse,
} from '../gen/wire/steplock/v1/controller_service.js';
import { clientOptions, insecure } from '../grpc/channel.js';
import {
  fromWirePollResult,
  fromWireProbeResult,
  fromWireResult,
  toWireContext,
  type SentContext,
} from './call-codec.js';
import { connect, connectMsMax, invoke, type Start } from './remote-call.js';

/** See above. Each call throws SteplockError with what the controller, or the transport, said. */
export class DirectCalls {
  readonly #client: ControllerServiceClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  private constructor(client: ControllerServiceClient, clock: Clock, timeoutMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Connects.
   *
   * @throws SteplockError CONTROLLER_UNAVAILABLE
   */
  static async connect(endpoint: string, clock: Clock, timeoutMs: number): Promise<DirectCalls> {
    const client = new ControllerServiceClient(endpoint, insecure(), clientOptions(true));
    try {
      await connect(client, endpoint, clock.nowMs() + connectMsMax);
    } catch (error) {
      client.close();
      throw error;
    }
    return new DirectCalls(client, clock, timeoutMs);
  }

  /** See ControllerService. */
  async describe(): Promise<DescribeResponse> {
    return await this.#call<DescribeResponse>((metadata, options, callback) =>
      this.#client.describe({}, metadata, options, callback),
    );
  }

  /** Undefined for an answer that says nothing. Aborting the signal cancels the call. */
  async execute(
    context: SentContext,
    method: string,
    args: JsonObject,
    signal?: AbortSignal,
  ): Promise<ExecuteResult | undefined> {
    const request = { context: toWireContext(context), method, arguments: args };
    const start: Start<ExecuteResponse> = (metadata, options, callback) =>
      this.#client.execute(request, metadata, options, callback);
    return fromWireResult(await this.#call(start, signal));
  }

  /** See ControllerService. */
  async poll(context: SentContext, method: string, task: string, args: JsonObject): Promise<PollResult> {
    const request = { context: toWireContext(context), method, task, arguments: args };
    const start: Start<PollResponse> = (metadata, options, callback) =>
      this.#client.poll(request, metadata, options, callback);
    return fromWirePollResult(await this.#call(start));
  }

  /** See ControllerService. */
  async probe(context: SentContext, method: string, args: JsonObject): Promise<ProbeResult> {
    const request = { context: toWireContext(context), method, arguments: args };
    const start: Start<ProbeResponse> = (metadata, options, callback) =>
      this.#client.probe(request, metadata, options, callback);
    return fromWireProbeResult(await this.#call(start));
  }

  /** See ControllerService. */
  async cancel(context: SentContext, method: string, task: string): Promise<void> {
    const request = { context: toWireContext(context), method, task };
    const start: Start<CancelResponse> = (metadata, options, callback) =>
      this.#client.cancel(request, metadata, options, callback);
    await this.#call(start);
  }

  /** Lets go of the connection. */
  close(): void {
    this.#client.close();
  }

  async #call<T>(start: Start<T>, signal?: AbortSignal): Promise<T> {
    return await invoke(start, this.#clock.nowMs() + this.#timeoutMs, signal);
  }
}
