/** The few things that the codec asks of XML. Names are compared by namespace: prefixes differ between servers. */
import {
  DOMImplementation,
  DOMParser,
  onErrorStopParsing,
  XMLSerializer,
  type Document,
  type Element,
} from '@xmldom/xmldom';

export type { Document, Element };

/** Namespaces of an envelope. */
export const namespaces = {
  soap: 'http://schemas.xmlsoap.org/soap/envelope/',
  xsd: 'http://www.w3.org/2001/XMLSchema',
  xsi: 'http://www.w3.org/2001/XMLSchema-instance',
} as const;

/** Not XML, or not of the shape that an answer has. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
}

/**
 * Reads a document. A document type declaration is refused, and with it all entities but XML's own five.
 *
 * @throws XmlError
 */
export function parseXml(text: string): Element {
  if (/<!DOCTYPE/i.test(text)) throw new XmlError('A document type declaration is not taken');
  try {
    const document = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml');
    if (document.documentElement === null) throw new XmlError('The document is empty');
    return document.documentElement;
  } catch (error) {
    throw error instanceof XmlError ? error : new XmlError(`Not XML: ${String(error)}`);
  }
}

/** An empty document with that root. */
export function createXml(namespace: string, qualifiedName: string): { document: Document; root: Element } {
  const document = new DOMImplementation().createDocument(namespace, qualifiedName);
  return { document, root: document.documentElement as Element };
}

/** As text. */
export function writeXml(document: Document): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(document)}`;
}

/** Adds an element, and gives it. */
export function append(parent: Element, namespace: string | null, name: string): Element {
  const child = (parent.ownerDocument as Document).createElementNS(namespace, name);
  parent.appendChild(child);
  return child;
}

/** Elements directly below. */
export function children(element: Element): Element[] {
  const found: Element[] = [];
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType === 1) found.push(node as Element);
  }
  return found;
}

/** The only one directly below of that local name. */
export function child(element: Element, localName: string): Element | undefined {
  return children(element).find((one) => one.localName === localName);
}

/** All text. */
export function textOf(element: Element): string {
  return element.textContent ?? '';
}

/** The type that `xsi:type` names, without its prefix. */
export function xsiType(element: Element): string | undefined {
  const type = element.getAttributeNS(namespaces.xsi, 'type');
  if (type === null || type === '') return undefined;
  return type.slice(type.indexOf(':') + 1).trim();
}
