/**
 * The TypeScript type of what a JSON Schema describes, so that an author writes the schema once. It reads `type`, `enum`,
 * `const`, `properties`, `required`, `items`, `additionalProperties`, `anyOf` and `oneOf`; what else a schema says is
 * checked when it runs (docs/adr/0018-types-from-schemas.md says why not with a library).
 */
import type { JsonObject, JsonValue } from '../base/json.js';

/** A JSON Schema as it is written in TypeScript. */
export type Schema = Readonly<Record<string, unknown>>;

/** What fits the schema; of one that says nothing that is read here, any JSON. */
export type ValueOf<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly anyOf: readonly (infer Each)[] }
      ? ValueOf<Each>
      : S extends { readonly oneOf: readonly (infer Each)[] }
        ? ValueOf<Each>
        : S extends { readonly type: infer Type }
          ? OfType<Type extends readonly (infer Each)[] ? Each : Type, S>
          : JsonValue;

/** The same of the arguments or the output of a method, which are objects. */
export type ObjectOf<S> = S extends { readonly type: 'object' } ? OfObject<S> : JsonObject;

type OfType<Type, S> = Type extends 'string'
  ? string
  : Type extends 'integer' | 'number'
    ? number
    : Type extends 'boolean'
      ? boolean
      : Type extends 'null'
        ? null
        : Type extends 'array'
          ? OfItems<S>[]
          : Type extends 'object'
            ? OfObject<S>
            : JsonValue;

type OfItems<S> = S extends { readonly items: infer Items } ? ValueOf<Items> : JsonValue;

type OfObject<S> = S extends { readonly properties: infer Properties }
  ? S extends { readonly additionalProperties: true | Schema }
    ? OfProperties<Properties, RequiredOf<S>> & { [name: string]: unknown }
    : OfProperties<Properties, RequiredOf<S>>
  : S extends { readonly additionalProperties: infer Each extends Schema }
    ? { [name: string]: ValueOf<Each> }
    : JsonObject;

type RequiredOf<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;

/** A name that the schema does not have is taken for a slip of the pen, unless the schema says that others are welcome. */
type OfProperties<Properties, Required> = Flat<
  { [Name in keyof Properties as Name extends Required ? Name : never]: ValueOf<Properties[Name]> } & {
    [Name in keyof Properties as Name extends Required ? never : Name]?: ValueOf<Properties[Name]>;
  }
>;

type Flat<T> = { [Name in keyof T]: T[Name] };
