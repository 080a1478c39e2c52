/** Looks for a text in files and answers, however it may be spelled. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The text as it is, and as JSON, URLs, base64 (wherever it begins in a group of three) and hexadecimal spell it. */
export function spellingsOf(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const shifted = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and the last group also hold bits of their neighbours.
    return encoded.slice(before === 0 ? 0 : 4, encoded.length - (encoded.length % 4));
  });
  const inUrl = encodeURIComponent(text);
  const json = JSON.stringify(text).slice(1, -1);
  const spellings = [text, json, JSON.stringify(json).slice(1, -1), inUrl, hex, hex.toUpperCase()];
  const base64 = shifted.flatMap((part) => [part, part.replaceAll('+', '-').replaceAll('/', '_')]);
  return [...new Set([...spellings, ...base64])].map((spelling) => Buffer.from(spelling));
}

/** The spellings of the text that the bytes hold. */
export function findSpellings(text: string, bytes: Uint8Array | string): string[] {
  const where = Buffer.from(bytes);
  return spellingsOf(text)
    .filter((spelling) => where.includes(spelling))
    .map(String);
}

/** The files below the directory that hold the text in any spelling. */
export async function filesWith(directory: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    if (findSpellings(text, await readFile(file)).length > 0) found.push(file);
  }
  return found;
}
