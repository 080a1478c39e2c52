/**
 * References within arguments, typed: to a step's output, and to secrets. An argument of a type takes a value of that
 * type, or a reference to an output of that type; anything else does not compile.
 */
import { childPointer, isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';

declare const referred: unique symbol;
declare const hidden: unique symbol;
const target = Symbol('target');

/** Stands for a value of type `T` that a step will have returned. */
export interface Ref<out T> {
  readonly [referred]: T;
}

/** A step's output, or a part of it, before there is one: its properties are references too. */
export type OutputRef<T> = Ref<T> &
  (T extends readonly unknown[]
    ? unknown
    : T extends object
      ? string extends keyof T
        ? unknown
        : { readonly [Name in keyof T]-?: OutputRef<Exclude<T[Name], undefined>> }
      : unknown);

/** Stands for a text that nobody is to see. */
export interface Secret {
  readonly [hidden]: true;
}

/** What may stand where a method wants `T`. */
export type Arg<T> = [JsonValue] extends [T]
  ? AnyArg
  : Ref<T> | PlainArg<T> | (string extends T ? Secret : never);

/** The same without a reference in place of the whole. */
export type PlainArg<T> = T extends readonly (infer Item)[]
  ? readonly Arg<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]: Arg<Exclude<T[Name], undefined>> }
    : T;

type AnyArg = string | number | boolean | null | Ref<unknown> | Secret | readonly AnyArg[] | AnyArgs;

interface AnyArgs {
  readonly [name: string]: AnyArg;
}

/** What comes of `T` once its references are resolved. */
export type Resolved<T> =
  T extends Ref<infer Value>
    ? Value
    : T extends Secret
      ? string
      : T extends readonly (infer Item)[]
        ? Resolved<Item>[]
        : T extends object
          ? { [Name in keyof T]: Resolved<T[Name]> }
          : T;

interface Target {
  readonly step: string;
  readonly pointer: string;
}

/** The whole output of the step. */
export function outputRef<T>(step: string, pointer = ''): OutputRef<T> {
  const own = { [target]: { step, pointer } };
  return new Proxy(own, {
    get: (_own, name) => {
      if (name === target) return own[target];
      // Whoever awaits it by mistake is not to find a promise.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return outputRef(step, childPointer(pointer, name));
    },
  }) as unknown as OutputRef<T>;
}

/** What secrets can be: looked up in the environment or a file where the controller runs, or a text to be sealed. */
export type SecretSource = { readonly env: string } | { readonly file: string } | { readonly value: string };

/** A secret as an argument. */
export function secret(source: SecretSource): Secret {
  return { $secret: { ...source } } as unknown as Secret;
}

/** The steps that a value refers to, and the value as the wire has it. */
export function toWireJson(value: unknown, onStep: (step: string) => void): JsonValue {
  const place = targetOf(value);
  if (place !== undefined) {
    onStep(place.step);
    return { $output: { ...place } };
  }
  if (Array.isArray(value)) return value.map((item: unknown) => toWireJson(item, onStep));
  if (!isJsonObject(value)) return value as JsonValue;
  return toWireObject(value, onStep);
}

/** The same of an object; properties without a value are left out. */
export function toWireObject(value: object, onStep: (step: string) => void): JsonObject {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([name, item]) => [name, toWireJson(item, onStep)]));
}

function targetOf(value: unknown): Target | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { readonly [target]?: Target })[target];
}
