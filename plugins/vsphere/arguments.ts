/** Reads the arguments of steps; their schemas have been checked before, so what is wrong here is a defect. */
import type { JsonObject } from '../../src/controller.js';
import { Refusal } from './refusal.js';

/** A text. */
export function text(args: JsonObject, name: string): string {
  const value = args[name];
  if (typeof value !== 'string') throw new Refusal('InvalidArguments', `${name} must be a text`);
  return value;
}

/** A list of texts. */
export function texts(args: JsonObject, name: string): string[] {
  const value = args[name];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw new Refusal('InvalidArguments', `${name} must be a list of texts`);
  return value;
}

/** A size in bytes. */
export function bytes(args: JsonObject, name: string): bigint {
  const value = args[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Refusal('InvalidArguments', `${name} must be a number of bytes`);
  return BigInt(value);
}
