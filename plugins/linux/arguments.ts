/**
 * Reads the arguments of a call. The engine has checked them against the schemas, but a controller does not
 * rest on that: what comes in here names files and is sent to tgtd.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/controller.js';
import { Refusal } from './refusal.js';

/** What a volume's id looks like. */
export const volumePattern = '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$';
/** What an initiator's name looks like; tgtd compares it byte by byte, and initiators send it in lower case. */
export const initiatorPattern = '^iqn\\.[0-9]{4}-[0-9]{2}\\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$';
/** What a CHAP user name looks like: tgtd cuts its parameters at commas. */
export const usernamePattern = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$';
/** What a CHAP secret looks like: RFC 7143 asks for 96 bits, and initiators for text. */
export const secretPattern = '^[!-~]{12,64}$';

/** Initiators of one export. */
export const initiatorsMax = 64;
/** The longest name of an initiator (RFC 7143). */
export const initiatorLengthMax = 223;
/** A volume's size is a multiple of it: the blocks that initiators see. */
export const blockBytes = 512;
/** The smallest volume. */
export const sizeBytesMin = 1024 * 1024;

/** A CHAP account. */
export interface Chap {
  readonly username: string;
  readonly secret: string;
}

/** The volume that the call is about. */
export function readVolume(args: JsonObject): string {
  return readText(args, 'volume', new RegExp(volumePattern));
}

/** A size in bytes. */
export function readSize(args: JsonObject, name: string): number {
  const size = args[name];
  const rule = `must be a multiple of ${blockBytes} from ${sizeBytesMin}`;
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) throw invalid(name, rule);
  if (size < sizeBytesMin || size % blockBytes !== 0) {
    throw new Refusal('InvalidSize', `Argument ${name} ${rule}, and is ${size}`);
  }
  return size;
}

/** A boolean that is false when it is not given. */
export function readFlag(args: JsonObject, name: string): boolean {
  const flag = args[name] ?? false;
  if (typeof flag !== 'boolean') throw invalid(name, 'must be true or false');
  return flag;
}

/** Names of initiators, each once and in order; undefined if they are not given. */
export function readInitiators(args: JsonObject): readonly string[] | undefined {
  const { initiators } = args;
  if (initiators === undefined) return undefined;
  const rule = `must be 1 to ${initiatorsMax} iSCSI names in lower case, e.g. iqn.2026-11.com.example:host-1`;
  if (!Array.isArray(initiators)) throw invalid('initiators', rule);
  const pattern = new RegExp(initiatorPattern);
  const isName = (name: JsonValue): name is string =>
    typeof name === 'string' && name.length <= initiatorLengthMax && pattern.test(name);
  if (initiators.length === 0 || initiators.length > initiatorsMax || !initiators.every(isName)) {
    throw invalid('initiators', rule);
  }
  return [...new Set(initiators)].sort();
}

/** The CHAP account; undefined if it is not given. */
export function readChap(args: JsonObject): Chap | undefined {
  const { chap } = args;
  if (chap === undefined) return undefined;
  if (!isJsonObject(chap)) throw invalid('chap', 'must have a username and a secret');
  return {
    username: readText(chap, 'username', new RegExp(usernamePattern)),
    // The message names the rule and never the value.
    secret: readText(chap, 'secret', new RegExp(secretPattern)),
  };
}

function readText(args: JsonObject, name: string, pattern: RegExp): string {
  const text = args[name];
  if (typeof text !== 'string' || !pattern.test(text)) throw invalid(name, `must match ${pattern.source}`);
  return text;
}

function invalid(name: string, rule: string): Refusal {
  return new Refusal('InvalidArguments', `Argument ${name} ${rule}`);
}
