/** Values to elements: in the schema's order, whatever order the object's keys are in. */
import type { AnyType, Field, Fields, MoRef, ScalarName, Shape } from './types.js';
import { append, namespaces, type Element } from './xml.js';

/** A value that does not fit its description: a defect of whoever made it. */
export class EncodeError extends TypeError {
  override readonly name = 'EncodeError';
}

/**
 * Writes the fields of a value below an element.
 *
 * @throws EncodeError naming the field, with the way to it, and the rule.
 */
export function encodeFields(parent: Element, fields: Fields, value: object, path: string): void {
  const given = value as Readonly<Record<string, unknown>>;
  const unknownKey = Object.keys(given).find((key) => key !== '$type' && !(key in fields));
  if (unknownKey !== undefined) throw new EncodeError(`${path}.${unknownKey}: there is no such field`);
  for (const [name, field] of Object.entries(fields)) {
    encodeField(parent, name, field, given[name], `${path}.${name}`);
  }
}

function encodeField(
  parent: Element,
  name: string,
  { type, count }: Field<unknown>,
  value: unknown,
  path: string,
): void {
  if (count === 'many') {
    if (value !== undefined && !Array.isArray(value)) throw new EncodeError(`${path}: must be a list`);
    for (const [at, item] of ((value ?? []) as unknown[]).entries())
      encodeElement(parent, name, type, item, `${path}[${at}]`);
    return;
  }
  if (value === undefined) {
    if (count === 'one') throw new EncodeError(`${path}: is required`);
    return;
  }
  encodeElement(parent, name, type, value, path);
}

function encodeElement(parent: Element, name: string, type: AnyType, value: unknown, path: string): void {
  const element = append(parent, parent.namespaceURI, name);
  encodeValue(element, type.shape, value, path);
}

function encodeValue(element: Element, shape: Shape, value: unknown, path: string): void {
  switch (shape.kind) {
    case 'scalar':
      element.textContent = scalarText(shape.scalar, value, path);
      return;
    case 'ref': {
      const { type, value: id } = objectOf(value, path) as unknown as MoRef;
      element.setAttribute('type', type);
      element.textContent = id;
      return;
    }
    case 'complex':
      encodeFields(element, shape.fields, objectOf(value, path), path);
      return;
    case 'poly': {
      const object = objectOf(value, path) as { readonly $type?: string };
      const actual = [shape.base, ...shape.subtypes].find(({ name }) => name === object.$type);
      if (actual === undefined) throw new EncodeError(`${path}.$type: is none of ${shape.base.name}'s types`);
      element.setAttributeNS(namespaces.xsi, 'xsi:type', actual.name);
      encodeValue(element, actual.shape, value, path);
      return;
    }
    case 'any':
      encodeAny(element, value, path);
      return;
  }
}

/** What is set through the API without a description of its own is simple: option values. */
function encodeAny(element: Element, value: unknown, path: string): void {
  const scalar = { string: 'string', boolean: 'boolean', number: 'int', bigint: 'long' }[
    typeof value as string
  ] as ScalarName | undefined;
  if (scalar === undefined) throw new EncodeError(`${path}: only simple values can be written here`);
  element.setAttributeNS(namespaces.xsi, 'xsi:type', `xsd:${scalar}`);
  // The prefix stands in a value, where no writer of XML looks for it.
  element.setAttribute('xmlns:xsd', namespaces.xsd);
  element.textContent = scalarText(scalar, value, path);
}

function objectOf(value: unknown, path: string): object {
  if (typeof value !== 'object' || value === null) throw new EncodeError(`${path}: must be an object`);
  return value;
}

const jsTypes: Readonly<Record<ScalarName, string>> = {
  string: 'string',
  boolean: 'boolean',
  int: 'number',
  long: 'bigint',
  double: 'number',
  dateTime: 'string',
  base64Binary: 'string',
};
/** What XML 1.0 cannot hold, even escaped. */
const notXml = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function scalarText(scalar: ScalarName, value: unknown, path: string): string {
  if (typeof value !== jsTypes[scalar]) throw new EncodeError(`${path}: must be a ${jsTypes[scalar]}`);
  if (scalar === 'int' && !Number.isSafeInteger(value))
    throw new EncodeError(`${path}: must be a whole number`);
  const text = String(value);
  if (notXml.test(text)) throw new EncodeError(`${path}: has a character that XML cannot hold`);
  return text;
}
