/**
 * Types of the vSphere API as values: from one description come the TypeScript type, the order in which the fields are
 * written, and how an answer is read. Field order is the schema's, which a vCenter insists on.
 *
 * Source: the vSphere Web Services API reference, one description for each data object that is used.
 */

/** A managed object: what it is, and which. Values are opaque. */
export interface MoRef {
  readonly type: string;
  readonly value: string;
}

/** What a field of type `xsd:anyType` may hold when its own type is not described here. */
export interface Opaque {
  /** The type's name, without its prefix. */
  readonly $type: string;
  /** Elements by name, each as text or as `Opaque`, in the order of the answer. */
  readonly $fields: readonly (readonly [name: string, value: string | Opaque])[];
}

/** The simple types. `long` is a bigint: FC port names take all 64 bits. */
export type ScalarName = 'string' | 'boolean' | 'int' | 'long' | 'double' | 'dateTime' | 'base64Binary';

/** A description whose values are of the TypeScript type V. */
export interface XmlType<V> {
  /** The name in the schema. */
  readonly name: string;
  readonly shape: Shape;
  /** Only for TypeScript: carries V. */
  readonly value?: V;
}

/** How a value is written and read. */
export type Shape =
  | { readonly kind: 'scalar'; readonly scalar: ScalarName }
  | { readonly kind: 'ref' }
  | { readonly kind: 'any' }
  | { readonly kind: 'complex'; readonly fields: Fields }
  | { readonly kind: 'poly'; readonly base: AnyType; readonly subtypes: readonly AnyType[] };

/** A description of anything. */
export type AnyType = XmlType<unknown>;

/** A field: what it holds, and how often. */
export interface Field<V, C extends Count = Count> {
  readonly type: XmlType<V>;
  readonly count: C;
}
/** Exactly once, at most once, any number of times. */
export type Count = 'one' | 'optional' | 'many';

/** Fields in the order of the schema. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

type Single<F> = F extends Field<infer V> ? V : never;
type KeysOf<F extends Fields, C extends Count> = {
  [K in keyof F]: F[K] extends Field<unknown, C> ? K : never;
}[keyof F];

/** The TypeScript type of fields. A list that is empty is an empty array, never absent. */
export type ValueOf<F extends Fields> = {
  readonly [K in KeysOf<F, 'one'>]: Single<F[K]>;
} & {
  readonly [K in KeysOf<F, 'optional'>]?: Single<F[K]>;
} & {
  readonly [K in KeysOf<F, 'many'>]: readonly Single<F[K]>[];
};

/** The TypeScript type that a description stands for. */
export type Value<T> = T extends XmlType<infer V> ? V : never;

function scalar<V>(name: ScalarName): XmlType<V> {
  return { name, shape: { kind: 'scalar', scalar: name } };
}

/** `xsd:string`, enumerations included: a later version may add values. */
export const string = scalar<string>('string');
/** `xsd:boolean`. */
export const boolean = scalar<boolean>('boolean');
/** `xsd:int`, `xsd:short` and `xsd:byte`. */
export const int = scalar<number>('int');
/** `xsd:long`. */
export const long = scalar<bigint>('long');
/** `xsd:double` and `xsd:float`. */
export const double = scalar<number>('double');
/** `xsd:dateTime`, as text: up to nanoseconds. */
export const dateTime = scalar<string>('dateTime');
/** `xsd:base64Binary`, as text. */
export const base64 = scalar<string>('base64Binary');
/** A reference to a managed object. */
export const ref: XmlType<MoRef> = { name: 'ManagedObjectReference', shape: { kind: 'ref' } };
/** `xsd:anyType`: what it is stands in the document. */
export const any: XmlType<unknown> = { name: 'anyType', shape: { kind: 'any' } };

/** A field that must be there. */
export function one<V>(type: XmlType<V>): Field<V, 'one'> {
  return { type, count: 'one' };
}
/** A field that may be absent. */
export function optional<V>(type: XmlType<V>): Field<V, 'optional'> {
  return { type, count: 'optional' };
}
/** A list. */
export function many<V>(type: XmlType<V>): Field<V, 'many'> {
  return { type, count: 'many' };
}

/** The description of a data object. Those that extend it begin with its fields, as a schema does. */
export interface ComplexType<F extends Fields> extends XmlType<ValueOf<F>> {
  readonly fields: F;
}

/** A data object. */
export function complex<const F extends Fields>(name: string, fields: F): ComplexType<F> {
  return { name, shape: { kind: 'complex', fields }, fields };
}

type Tagged<T> = T extends XmlType<infer V> ? V & { readonly $type: string } : never;

/**
 * A field that holds the base or one of its extensions. `$type` names which; it is always written, and what is read
 * with a name that is not among them is read as the base.
 */
export function poly<B, const S extends readonly AnyType[]>(
  base: XmlType<B>,
  subtypes: S,
): XmlType<Tagged<XmlType<B>> | Tagged<S[number]>> {
  return { name: base.name, shape: { kind: 'poly', base, subtypes } };
}
