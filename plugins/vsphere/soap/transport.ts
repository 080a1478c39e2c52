/** HTTPS to one vCenter: few connections that are kept, each to the certificate that was agreed on. */
import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { buildConnector, Pool } from 'undici';
import { systemClock, type Clock } from '../../../src/controller.js';
import { LostAnswer } from './faults.js';

/** How the server proves who it is. */
export type Trust =
  /** By a certificate whose SHA-256 fingerprint is this: 64 hex digits, colons allowed. */
  | { readonly sha256: string }
  /** By a certificate that one of these authorities signed: a PEM file. */
  | { readonly caFile: string }
  /** By a certificate that one of the system's authorities signed. */
  | 'system';

/** A server. */
export interface TransportOptions {
  /** `https://host[:port]`. */
  readonly origin: string;
  readonly trust: Trust;
  /** Connections at once. @default 8 */
  readonly connectionsMax?: number;
  /** The longest answer, in bytes. @default 64 MiB */
  readonly answerBytesMax?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

/** One exchange. */
export interface Exchange {
  /** e.g. `/sdk`. */
  readonly path: string;
  /** For messages of errors. */
  readonly method: string;
  readonly soapAction: string;
  readonly body: string;
  /** `name=value` of the session's cookie; a secret. */
  readonly cookie?: string;
  /** Connects the call with the server's log. */
  readonly operationId: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** `name=value` of a session's cookie that the server set. */
  readonly cookie: string | undefined;
}

const connectTimeoutMs = 10_000;
const mebibyte = 1024 * 1024;
const sessionCookie = 'vmware_soap_session';

/** See the head of this file. */
export class Transport {
  readonly #pool: Pool;
  readonly #clock: Clock;

  /** @throws TypeError naming the option that breaks its rule; what reading `caFile` throws. */
  constructor(options: TransportOptions) {
    const {
      origin,
      trust,
      connectionsMax = 8,
      answerBytesMax = 64 * mebibyte,
      clock = systemClock,
    } = options;
    this.#clock = clock;
    if (new URL(origin).protocol !== 'https:') throw new TypeError(`origin: ${origin} is not https`);
    this.#pool = new Pool(origin, {
      connections: connectionsMax,
      connect: connectorOf(trust),
      maxResponseSize: answerBytesMax,
    });
  }

  /** @throws LostAnswer */
  async exchange(exchange: Exchange): Promise<HttpAnswer> {
    const { method, timeoutMs } = exchange;
    // A deadline for all of it, the wait for a free connection included.
    const deadline = new AbortController();
    let cancelTimer: () => void = () => undefined;
    // Waited for by itself too: a request that is not connected yet is not ended by its signal.
    const expiry = new Promise<never>((_, reject) => {
      cancelTimer = this.#clock.setTimer(timeoutMs, () => {
        const error = new Error(`no answer within ${timeoutMs} ms`);
        deadline.abort(error);
        reject(error);
      });
    });
    expiry.catch(() => undefined);
    try {
      return await Promise.race([this.#send(exchange, deadline.signal), expiry]);
    } catch (error) {
      throw new LostAnswer(method, !isBeforeSending(error), error);
    } finally {
      cancelTimer();
    }
  }

  async #send({ path, cookie, signal, ...exchange }: Exchange, deadline: AbortSignal): Promise<HttpAnswer> {
    const answer = await this.#pool.request({
      path,
      method: 'POST',
      body: exchange.body,
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      // One deadline is enough.
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        'content-type': 'text/xml; charset=utf-8',
        soapaction: exchange.soapAction,
        'vmware-api-operation-id': exchange.operationId,
        ...(cookie === undefined ? {} : { cookie }),
      },
    });
    return {
      status: answer.statusCode,
      text: await answer.body.text(),
      cookie: cookieOf(answer.headers['set-cookie']),
    };
  }

  /** Ends what is under way, and closes. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Errors of a connection that never came to be. */
function isBeforeSending(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code;
  const never = [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
    pinRefused,
  ];
  return typeof code === 'string' && (never.includes(code) || /CERT|SELF_SIGNED/.test(code));
}

const pinRefused = 'ERR_STEPLOCK_PIN';

/** The certificate differs from the one that was agreed on. */
class PinError extends Error {
  readonly code = pinRefused;

  constructor(found: string) {
    super(`the server's certificate has another SHA-256 fingerprint: ${found}`);
  }
}

function connectorOf(trust: Trust): buildConnector.connector {
  const timeouts = { timeout: connectTimeoutMs, keepAlive: true };
  if (trust === 'system') return buildConnector(timeouts);
  if ('caFile' in trust) return buildConnector({ ...timeouts, ca: readFileSync(trust.caFile, 'utf8') });
  const pin = normalPin(trust.sha256);
  // The pin takes the authorities' place; it is compared before the socket is handed out, so before any byte of a request.
  // No session is resumed: a resumed one shows no certificate.
  const connect = buildConnector({ ...timeouts, rejectUnauthorized: false, maxCachedSessions: 0 });
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const found = normalPin((socket as TLSSocket).getPeerCertificate().fingerprint256);
      if (found === pin) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(new PinError(found), null);
    });
  };
}

function normalPin(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new TypeError('trust.sha256: must be 64 hex digits');
  return digits;
}

function cookieOf(header: string | string[] | undefined): string | undefined {
  const lines = header === undefined ? [] : [header].flat();
  return lines.map((line) => line.split(';')[0] ?? '').find((pair) => pair.startsWith(`${sessionCookie}=`));
}
