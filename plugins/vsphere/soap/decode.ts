/** Elements to values, by the same descriptions. What an answer has in addition is passed over: newer servers add. */
import type { AnyType, Field, Fields, MoRef, Opaque, ScalarName, Shape } from './types.js';
import { children, namespaces, textOf, XmlError, xsiType, type Element } from './xml.js';

/** Types by name, for what a document itself has to tell: property values, faults. */
export type TypeTable = ReadonlyMap<string, AnyType>;

/** A table of these. */
export function typeTable(types: readonly AnyType[]): TypeTable {
  return new Map(types.map((type) => [type.name, type]));
}

/** Reads what stands in an element. */
export class Decoder {
  readonly #table: TypeTable;

  constructor(table: TypeTable) {
    this.#table = table;
  }

  /**
   * The fields of a data object.
   *
   * @throws XmlError naming a field that must be there and is not, or whose text is none of its type.
   */
  fields(element: Element, fields: Fields, path: string): Record<string, unknown> {
    const byName = new Map<string, Element[]>();
    for (const one of children(element)) {
      const name = one.localName ?? '';
      byName.set(name, [...(byName.get(name) ?? []), one]);
    }
    const value: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const found = this.#field(byName.get(name) ?? [], field, `${path}.${name}`);
      if (found !== undefined) value[name] = found;
    }
    return value;
  }

  /** One value. */
  value(element: Element, type: AnyType, path: string): unknown {
    return this.#shape(element, type.shape, path);
  }

  #field(elements: readonly Element[], { type, count }: Field<unknown>, path: string): unknown {
    if (count === 'many') return elements.map((one, at) => this.value(one, type, `${path}[${at}]`));
    const [element] = elements;
    if (element === undefined || isNil(element)) {
      if (count === 'one') throw new XmlError(`${path} is missing`);
      return undefined;
    }
    return this.value(element, type, path);
  }

  #shape(element: Element, shape: Shape, path: string): unknown {
    switch (shape.kind) {
      case 'scalar':
        return parseScalar(shape.scalar, textOf(element), path);
      case 'ref':
        return readRef(element);
      case 'complex':
        return this.fields(element, shape.fields, path);
      case 'poly': {
        const name = xsiType(element) ?? shape.base.name;
        const type = shape.subtypes.find((one) => one.name === name) ?? this.#table.get(name) ?? shape.base;
        // An extension that is not described keeps its name; what the base has can be read all the same.
        return { $type: name, ...(this.#shape(element, type.shape, path) as object) };
      }
      case 'any':
        return this.#any(element, path);
    }
  }

  #any(element: Element, path: string): unknown {
    const name = xsiType(element);
    if (name === undefined) return children(element).length === 0 ? textOf(element) : readOpaque(element, '');
    if (name === 'ManagedObjectReference') return readRef(element);
    if (name.startsWith('ArrayOf'))
      return children(element).map((one, at) => this.#item(one, name, `${path}[${at}]`));
    const scalar = simpleTypes[name];
    if (scalar !== undefined) return parseScalar(scalar, textOf(element), path);
    const type = this.#table.get(name);
    // What has text and no elements is a value of an enumeration.
    if (type === undefined && children(element).length === 0 && textOf(element) !== '')
      return textOf(element);
    if (type === undefined) return readOpaque(element, name);
    return { $type: name, ...(this.#shape(element, type.shape, path) as object) };
  }

  /** The items of an array name a type only where it is an extension of the array's. */
  #item(element: Element, arrayName: string, path: string): unknown {
    const name = xsiType(element) ?? arrayName.slice('ArrayOf'.length);
    if (name === 'ManagedObjectReference') return readRef(element);
    const scalar = simpleTypes[name.toLowerCase()];
    if (scalar !== undefined) return parseScalar(scalar, textOf(element), path);
    const type = this.#table.get(name);
    return type === undefined
      ? readOpaque(element, name)
      : { $type: name, ...(this.#shape(element, type.shape, path) as object) };
  }
}

const simpleTypes: Readonly<Record<string, ScalarName>> = {
  string: 'string',
  boolean: 'boolean',
  byte: 'int',
  short: 'int',
  int: 'int',
  long: 'long',
  float: 'double',
  double: 'double',
  datetime: 'dateTime',
  dateTime: 'dateTime',
  base64Binary: 'base64Binary',
};

/** Of a property's value `xsi:type` says that it is a reference, and `type` says of what. */
function readRef(element: Element): MoRef {
  return { type: element.getAttributeNS(null, 'type') ?? '', value: textOf(element) };
}

function readOpaque(element: Element, name: string): Opaque {
  const fields = children(element).map((one): readonly [string, string | Opaque] => {
    const isText = children(one).length === 0;
    return [one.localName ?? '', isText ? textOf(one) : readOpaque(one, xsiType(one) ?? '')];
  });
  return { $type: name, $fields: fields };
}

function isNil(element: Element): boolean {
  return ['true', '1'].includes(element.getAttributeNS(namespaces.xsi, 'nil') ?? '');
}

function parseScalar(scalar: ScalarName, text: string, path: string): unknown {
  switch (scalar) {
    case 'boolean': {
      const found = { true: true, '1': true, false: false, '0': false }[text.trim()];
      if (found === undefined) throw new XmlError(`${path}: "${text}" is no boolean`);
      return found;
    }
    case 'int':
    case 'double': {
      const number = Number(text.trim());
      if (text.trim() === '' || Number.isNaN(number)) throw new XmlError(`${path}: "${text}" is no number`);
      return number;
    }
    case 'long':
      if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new XmlError(`${path}: "${text}" is no whole number`);
      return BigInt(text.trim());
    case 'string':
    case 'dateTime':
    case 'base64Binary':
      return text;
  }
}
