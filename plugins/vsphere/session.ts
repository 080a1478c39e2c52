/**
 * A session with one vCenter. It logs in once for all who ask, and again when the server has forgotten it; what hangs
 * on a session (views, filters) belongs to its epoch and is made anew in the next one.
 */
import type { Clock } from '../../src/controller.js';
import { systemClock } from '../../src/controller.js';
import { typeTable, type TypeTable } from './soap/decode.js';
import { isFault, LostAnswer, VimFault } from './soap/faults.js';
import { decodeAnswer, encodeCall, type Method } from './soap/method.js';
import { Transport, type Trust } from './soap/transport.js';
import type { AnyType, Fields, MoRef, ValueOf } from './soap/types.js';
import { XmlError } from './soap/xml.js';
import { service, serviceInstance, type ServiceContent } from './vim/service.js';

/** Which vCenter, and as whom. */
export interface SessionOptions {
  /** `https://host[:port]`. */
  readonly origin: string;
  readonly trust: Trust;
  readonly userName: string;
  /** Looked up when it is needed, so that a new one in its file is used at the next login. */
  readonly password: () => Promise<string>;
  /** Types that answers may name by themselves. */
  readonly types: readonly AnyType[];
  /** How long a call may take. @default 60 s */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** How one call is to be made. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default the session's */
  readonly timeoutMs?: number;
  /** Connects the call with the server's log, e.g. `workflow/step`. */
  readonly operationId?: string | undefined;
}

/** What the session has come to know. */
export interface SessionState {
  readonly content: ServiceContent;
  /** One higher after each login. */
  readonly epoch: number;
}

/** The server is none that can be worked with. */
export class UnsupportedServer extends Error {
  override readonly name = 'UnsupportedServer';
}

const path = '/sdk';
const namespace = 'urn:vim25';
/** The newest version whose fields are described here; older servers name theirs, and get that. */
const soapAction = 'urn:vim25/6.7';
const readTriesMax = 3;
/** A wrong password tried again and again locks the account. */
const refusalMs = 60_000;

/** See the head of this file. */
export class VimSession {
  readonly #options: SessionOptions;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #table: TypeTable;
  #cookie: string | undefined;
  #epoch = 0;
  #login: Promise<SessionState> | undefined;
  #refusal: { readonly error: Error; readonly untilMs: number } | undefined;

  /** @throws TypeError naming the option that breaks its rule. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#transport = new Transport({ origin: options.origin, trust: options.trust, clock: this.#clock });
    this.#table = typeTable(options.types);
  }

  /**
   * Logs in, if that has not been done.
   *
   * @throws VimFault `InvalidLogin`, for a minute without asking again; UnsupportedServer; LostAnswer.
   */
  async state(): Promise<SessionState> {
    if (this.#login === undefined) {
      const login = this.#logIn();
      this.#login = login;
      login.catch(() => {
        if (this.#login === login) this.#login = undefined;
      });
    }
    return await this.#login;
  }

  /**
   * Calls a method. A read whose answer is lost is sent again. What ended because the session had ended is sent again
   * after a new login, a change too: a server that answers so has done nothing.
   *
   * @throws VimFault: the server refused it. LostAnswer: nobody knows, unless it says that it was not sent.
   */
  async call<P extends Fields, R>(
    self: MoRef,
    method: Method<P, R>,
    args: ValueOf<P>,
    options: CallOptions = {},
  ): Promise<R> {
    for (let tries = 1; ; tries++) {
      const { epoch } = await this.state();
      try {
        return await this.#send(self, method, args, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (isFault(error, 'NotAuthenticated') && tries < readTriesMax) {
          this.#forget(epoch);
          continue;
        }
        if (error instanceof LostAnswer && method.isRead && tries < readTriesMax) continue;
        throw error;
      }
    }
  }

  /** Logs out, so that no idle session stays, and closes. */
  async close(): Promise<void> {
    const { sessionManager } = (await this.#login?.catch(() => undefined))?.content ?? {};
    if (sessionManager !== undefined)
      await this.#send(sessionManager, service.logout, {}, { timeoutMs: 5_000 }).catch(() => undefined);
    await this.#transport.close();
  }

  /** Only whoever still has that session makes it be forgotten: of fifty refused calls one logs in anew. */
  #forget(epoch: number): void {
    if (this.#epoch === epoch) this.#login = undefined;
  }

  async #logIn(): Promise<SessionState> {
    if (this.#refusal !== undefined && this.#clock.monotonicMs() < this.#refusal.untilMs)
      throw this.#refusal.error;
    const { userName } = this.#options;
    this.#cookie = undefined;
    const content = await this.#send(serviceInstance, service.retrieveContent, {}, {});
    const { about, sessionManager } = content;
    // An ESXi host by itself has other managers, and its ids are not unique.
    if (about.apiType !== 'VirtualCenter' || sessionManager === undefined)
      throw new UnsupportedServer(
        `${this.#options.origin} is ${about.fullName}, not a vCenter: give the vCenter that manages the host`,
      );
    const password = await this.#options.password();
    try {
      await this.#send(sessionManager, service.login, { userName, password }, {});
    } catch (error) {
      if (isFault(error, 'InvalidLogin'))
        this.#refusal = { error, untilMs: this.#clock.monotonicMs() + refusalMs };
      throw error;
    }
    this.#refusal = undefined;
    this.#epoch += 1;
    return { content, epoch: this.#epoch };
  }

  async #send<P extends Fields, R>(
    self: MoRef,
    method: Method<P, R>,
    args: ValueOf<P>,
    { signal, timeoutMs = this.#options.timeoutMs ?? 60_000, operationId = 'steplock' }: CallOptions,
  ): Promise<R> {
    const answer = await this.#transport.exchange({
      path,
      method: method.name,
      soapAction,
      body: encodeCall({ namespace }, self, method, args),
      ...(this.#cookie === undefined ? {} : { cookie: this.#cookie }),
      operationId,
      timeoutMs,
      signal,
    });
    // A fault comes with 500; anything else but 200 comes from somebody in between, and tells nothing of the call.
    if (answer.status !== 200 && answer.status !== 500)
      throw new LostAnswer(method.name, true, new Error(`HTTP status ${answer.status}`));
    if (answer.cookie !== undefined) this.#cookie = answer.cookie;
    let read;
    try {
      read = decodeAnswer(this.#table, method, answer.text);
    } catch (error) {
      // An empty answer, or a page of a proxy.
      if (error instanceof XmlError) throw new LostAnswer(method.name, true, error);
      throw error;
    }
    if ('fault' in read) throw new VimFault(method.name, read.fault);
    return read.result as R;
  }
}
