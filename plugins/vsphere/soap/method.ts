/** Methods of managed objects, and the envelopes of their calls and answers. */
import { Decoder, type TypeTable } from './decode.js';
import { encodeFields } from './encode.js';
import type { AnyType, Fields, MoRef, ValueOf, XmlType } from './types.js';
import {
  append,
  child,
  children,
  createXml,
  namespaces,
  parseXml,
  textOf,
  writeXml,
  XmlError,
  xsiType,
} from './xml.js';
import type { Element } from './xml.js';

/** What a method returns: nothing, a value, one that may be absent, or a list. */
export type Returns = { readonly count: 'none' | 'one' | 'optional' | 'many'; readonly type: AnyType };

/** A method: its parameters in the order of the schema, and whether it changes anything. */
export interface Method<P extends Fields, R> {
  readonly name: string;
  readonly parameters: P;
  readonly returns: Returns;
  /** A read may be sent again when its answer is lost. */
  readonly isRead: boolean;
  /** Only for TypeScript. */
  readonly result?: R;
}

/** A fault as the server tells it. */
export interface SoapFault {
  /** The fault's class, e.g. `ResourceInUse`; empty if the answer names none. */
  readonly type: string;
  /** For people. Nothing is decided by it: it is translated. */
  readonly message: string;
  /** The fault's own fields, decoded if they are described. */
  readonly detail: unknown;
}

/** The answer to a call. */
export type Answer = { readonly fault: SoapFault } | { readonly result: unknown };

const none: AnyType = { name: '', shape: { kind: 'any' } };

/** Describes a method that returns nothing. */
export function command<const P extends Fields>(name: string, parameters: P): Method<P, undefined> {
  return { name, parameters, returns: { count: 'none', type: none }, isRead: false };
}

/** Describes a method that changes something and returns a value. */
export function action<const P extends Fields, V>(
  name: string,
  parameters: P,
  returns: XmlType<V>,
): Method<P, V> {
  return { name, parameters, returns: { count: 'one', type: returns }, isRead: false };
}

/** Describes a method that reads, and returns a value. */
export function query<const P extends Fields, V>(
  name: string,
  parameters: P,
  returns: XmlType<V>,
): Method<P, V> {
  return { name, parameters, returns: { count: 'one', type: returns }, isRead: true };
}

/** Describes a method that reads, and may return nothing. */
export function queryOptional<const P extends Fields, V>(
  name: string,
  parameters: P,
  returns: XmlType<V>,
): Method<P, V | undefined> {
  return { name, parameters, returns: { count: 'optional', type: returns }, isRead: true };
}

/** Describes a method that reads, and returns a list. */
export function queryList<const P extends Fields, V>(
  name: string,
  parameters: P,
  returns: XmlType<V>,
): Method<P, readonly V[]> {
  return { name, parameters, returns: { count: 'many', type: returns }, isRead: true };
}

/** What goes with every envelope. */
export interface EnvelopeOptions {
  /** e.g. `urn:vim25`. */
  readonly namespace: string;
  /** Of a session at a derived endpoint; a secret. */
  readonly sessionCookie?: string;
}

/**
 * The envelope of a call.
 *
 * @throws EncodeError naming the argument that does not fit.
 */
export function encodeCall<P extends Fields>(
  options: EnvelopeOptions,
  self: MoRef,
  method: Method<P, unknown>,
  args: ValueOf<P>,
): string {
  const { document, root } = createXml(namespaces.soap, 'soapenv:Envelope');
  if (options.sessionCookie !== undefined) {
    const header = append(root, namespaces.soap, 'soapenv:Header');
    append(header, options.namespace, 'vcSessionCookie').textContent = options.sessionCookie;
  }
  const call = append(append(root, namespaces.soap, 'soapenv:Body'), options.namespace, method.name);
  const target = append(call, options.namespace, '_this');
  target.setAttribute('type', self.type);
  target.textContent = self.value;
  encodeFields(call, method.parameters, args, method.name);
  return writeXml(document);
}

/**
 * Reads the answer to a call.
 *
 * @throws XmlError when it is none.
 */
export function decodeAnswer(table: TypeTable, method: Method<Fields, unknown>, text: string): Answer {
  const body = child(parseXml(text), 'Body');
  const [content] = body === undefined ? [] : children(body);
  if (content === undefined) throw new XmlError(`${method.name}: the answer has no content`);
  const decoder = new Decoder(table);
  if (content.localName === 'Fault') return { fault: readFault(decoder, content) };
  if (content.localName !== `${method.name}Response`)
    throw new XmlError(`${method.name}: the answer is a ${content.localName ?? '?'}`);
  return { result: readResult(decoder, method, content) };
}

function readResult(decoder: Decoder, { name, returns }: Method<Fields, unknown>, content: Element): unknown {
  const { count, type } = returns;
  const values = children(content).filter(({ localName }) => localName === 'returnval');
  const [first] = values;
  switch (count) {
    case 'none':
      return undefined;
    case 'many':
      return values.map((one, at) => decoder.value(one, type, `${name}.returnval[${at}]`));
    case 'one':
    case 'optional':
      if (first !== undefined) return decoder.value(first, type, `${name}.returnval`);
      if (count === 'one') throw new XmlError(`${name}: the answer has no value`);
      return undefined;
  }
}

function readFault(decoder: Decoder, content: Element): SoapFault {
  const message = child(content, 'faultstring');
  const detail = child(content, 'detail');
  const [cause] = detail === undefined ? [] : children(detail);
  // Without xsi:type the element's name is the class with `Fault` behind it.
  const type = cause === undefined ? '' : (xsiType(cause) ?? (cause.localName ?? '').replace(/Fault$/, ''));
  return {
    type,
    message: message === undefined ? '' : textOf(message),
    detail: cause === undefined ? undefined : decoder.value(cause, none, 'detail'),
  };
}
