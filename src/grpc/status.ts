/** Errors as the wire carries them: `google.rpc.Status` with exactly one ErrorInfo, and back. */
import { Metadata, status as grpcStatus, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { msToDuration, durationToMs } from '../base/duration.js';
import { callReasons, errorDomain, SteplockError, type CallReason, type Violation } from '../errors/index.js';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/wire/google/rpc/error_details.js';
import { Status } from '../gen/wire/google/rpc/status.js';
import type { Any } from '../gen/wire/google/protobuf/any.js';

const detailsKey = 'grpc-status-details-bin';
const typePrefix = 'type.googleapis.com/google.rpc.';
/** Headers of an HTTP/2 peer end at 16 KiB by default; what is longer would fail the whole answer. */
const detailsBytesMax = 6 * 1024;
/** The same for the message, which goes percent-encoded. */
const messageBytesMax = 4 * 1024;
/** What a caller sent is shown, not repeated: in metadata, and in a violation, which may name a cycle. */
const metadataCharsMax = 512;
const violationCharsMax = 1_536;

/** The error as grpc-js sends it. */
export function toStatus(error: SteplockError): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const code = grpcStatus[error.code];
  const metadata = new Metadata();
  const message = sendableMessage(error.message);
  metadata.set(detailsKey, Buffer.from(encodeDetails(error, code, message)));
  return { code, details: message, metadata };
}

/**
 * The message as it fits into a header. Half of a surrogate pair, which cutting may leave, would make grpc-js throw
 * where it encodes the header, and the caller would never be answered.
 */
function sendableMessage(text: string): string {
  let message = wellFormed(text.slice(0, messageBytesMax));
  while (encodeURI(message).length > messageBytesMax) {
    message = wellFormed(`${message.slice(0, message.length / 2)}…`);
  }
  return message;
}

function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function shorten(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}…`;
}

function encodeDetails(error: SteplockError, code: number, message: string): Uint8Array {
  for (let shown = error.violations.length; ; shown = Math.floor(shown / 2)) {
    const details = [infoOf(error), ...retryOf(error), ...violationsOf(error.violations.slice(0, shown))];
    const bytes = Status.encode({ code, message: message.slice(0, 1_024), details }).finish();
    if (bytes.length <= detailsBytesMax || shown === 0) return bytes;
  }
}

function infoOf(error: SteplockError): Any {
  const value = ErrorInfo.encode({
    reason: error.reason,
    domain: errorDomain,
    metadata: Object.fromEntries(
      Object.entries(error.metadata).map(([key, value]) => [key, shorten(value, metadataCharsMax)]),
    ),
  }).finish();
  return { typeUrl: `${typePrefix}ErrorInfo`, value: Buffer.from(value) };
}

function retryOf({ retryAfterMs }: SteplockError): Any[] {
  if (retryAfterMs === undefined) return [];
  const value = RetryInfo.encode({ retryDelay: msToDuration(retryAfterMs) }).finish();
  return [{ typeUrl: `${typePrefix}RetryInfo`, value: Buffer.from(value) }];
}

function violationsOf(violations: readonly Violation[]): Any[] {
  if (violations.length === 0) return [];
  const fieldViolations = violations.map(({ field, rule, description }) => ({
    field: shorten(field, violationCharsMax),
    description: shorten(description, violationCharsMax),
    reason: rule,
    localizedMessage: undefined,
  }));
  const value = BadRequest.encode({ fieldViolations }).finish();
  return [{ typeUrl: `${typePrefix}BadRequest`, value: Buffer.from(value) }];
}

const reasonsByCode = new Map<number, CallReason>([
  [grpcStatus.CANCELLED, 'CANCELLED'],
  [grpcStatus.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
  [grpcStatus.UNAVAILABLE, 'STORE_UNAVAILABLE'],
  [grpcStatus.UNIMPLEMENTED, 'CAPABILITY_UNSUPPORTED'],
  [grpcStatus.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
]);

/** The error that a peer sent; errors without details, of the transport itself, get the nearest reason. */
export function fromServiceError(error: ServiceError): SteplockError {
  const details = readDetails(error);
  const info = details.find(({ typeUrl }) => typeUrl === `${typePrefix}ErrorInfo`);
  if (info === undefined) {
    const reason = reasonsByCode.get(error.code) ?? 'INTERNAL';
    return new SteplockError(reason, error.details === '' ? error.message : error.details, { cause: error });
  }
  const { reason, metadata } = ErrorInfo.decode(info.value);
  const known = reason in callReasons ? (reason as CallReason) : 'INTERNAL';
  return new SteplockError(known, error.details, {
    metadata,
    violations: readViolations(details),
    ...readRetry(details),
  });
}

function readDetails(error: ServiceError): Any[] {
  const [bytes] = error.metadata.get(detailsKey);
  if (!Buffer.isBuffer(bytes)) return [];
  try {
    return Status.decode(bytes).details;
  } catch {
    // Whatever a peer put there, its code and message still count.
    return [];
  }
}

function readViolations(details: readonly Any[]): Violation[] {
  const found = details.find(({ typeUrl }) => typeUrl === `${typePrefix}BadRequest`);
  if (found === undefined) return [];
  return BadRequest.decode(found.value).fieldViolations.map(({ field, description, reason }) => ({
    field,
    description,
    rule: reason,
  }));
}

function readRetry(details: readonly Any[]): { retryAfterMs?: number } {
  const found = details.find(({ typeUrl }) => typeUrl === `${typePrefix}RetryInfo`);
  const delay = found === undefined ? undefined : RetryInfo.decode(found.value).retryDelay;
  return delay === undefined ? {} : { retryAfterMs: durationToMs(delay) };
}
