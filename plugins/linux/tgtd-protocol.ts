/**
 * What tgtadm and tgtd say to each other over tgtd's management socket: one request, one answer, then the
 * connection ends. Pure: bytes in, bytes out.
 *
 * Why not run tgtadm: it takes CHAP secrets on its command line, where every user of the host can read them,
 * and it ends with 0 and an empty listing when tgtd dies under it. The layout is that of `usr/tgtadm.h`, the
 * same from tgt 1.0.30 (2012) to 1.0.97 (2025); docs/adr/0010-chap-secret-at-the-linux-system.md.
 */
import { endianness } from 'node:os';

const operations = { new: 0, delete: 1, show: 2, bind: 3, unbind: 4, update: 5 } as const;
const modes = { system: 0, target: 1, logicalunit: 2, portal: 3, connection: 6, account: 7 } as const;

/** A request, as tgtadm's options have it. */
export interface TgtdRequest {
  readonly mode: keyof typeof modes;
  readonly operation: keyof typeof operations;
  /** Target; left out for all. */
  readonly tid?: number;
  /** Session of a target. */
  readonly sid?: number;
  /** Connection of a session. */
  readonly cid?: number;
  readonly lun?: number;
  /** Also if it is in use. */
  readonly force?: boolean;
  /** `name=value` pairs, with commas between them. */
  readonly parameters?: string;
}

/** What tgtd answered. */
export interface TgtdAnswer {
  /** `success`, or one of {@link tgtdErrors}. */
  readonly error: TgtdErrorName;
  /** What it shows. */
  readonly text: string;
}

/** tgtd's errors by number. */
export const tgtdErrors = [
  ...['success', 'unknown error', 'out of memory', 'no driver', 'no target', 'no logical unit', 'no session'],
  ...['no connection', 'no binding', 'target exists', 'logical unit exists', 'binding exists', 'acl exists'],
  ...['no acl', 'account exists', 'no account', 'too many accounts', 'invalid request', 'outgoing exists'],
  ...['target active', 'logical unit active', 'driver active', 'unsupported operation', 'unknown parameter'],
  'removal prevented',
] as const;

/** One of {@link tgtdErrors}. */
export type TgtdErrorName = (typeof tgtdErrors)[number];

const headSize = 120;
const answerHeadSize = 8;
/** tgtd refuses a request with more parameters by closing the connection. */
const parametersSizeMax = 8 * 1024;

/** Bytes of a request, sent in one write: tgtd has it whole or not at all. */
export function encodeRequest(request: TgtdRequest): Buffer {
  const parameters = request.parameters === undefined ? '' : `${request.parameters}\0`;
  const size = headSize + Buffer.byteLength(parameters);
  if (size > headSize + parametersSizeMax) throw new RangeError('Too many parameters for tgtd');
  const bytes = Buffer.alloc(size);
  const put32 = endianness() === 'LE' ? bytes.writeInt32LE.bind(bytes) : bytes.writeInt32BE.bind(bytes);
  const put64 =
    endianness() === 'LE' ? bytes.writeBigUInt64LE.bind(bytes) : bytes.writeBigUInt64BE.bind(bytes);
  put32(modes[request.mode], 0);
  put32(operations[request.operation], 4);
  bytes.write('iscsi', 8, 'latin1');
  put32(size, 72);
  put32(request.tid ?? -1, 76);
  put64(BigInt(request.sid ?? 0), 80);
  put64(request.lun === undefined ? 0xffff_ffff_ffff_ffffn : BigInt(request.lun), 88);
  put32(request.cid ?? 0, 96);
  put32(request.force === true ? 1 : 0, 116);
  bytes.write(parameters, headSize, 'utf8');
  return bytes;
}

/**
 * Reads a whole answer.
 *
 * @throws Error when it is cut short: then it is not known whether the request was carried out.
 */
export function decodeAnswer(bytes: Buffer): TgtdAnswer {
  const cut = new Error(`tgtd closed its management socket after ${bytes.length} bytes of an answer`);
  if (bytes.length < answerHeadSize) throw cut;
  const little = endianness() === 'LE';
  const [code, size] = little
    ? [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
    : [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  if (bytes.length < size) throw cut;
  const text = bytes.toString('utf8', answerHeadSize, size);
  return { error: tgtdErrors[code] ?? 'unknown error', text: text.replace(/\0+$/, '') };
}
