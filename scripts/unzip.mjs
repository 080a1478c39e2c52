// Reads a zip file as Go modules come in: no encryption, no parts, less than 4 GiB.
import { inflateRawSync } from 'node:zlib';

const endSignature = 0x06054b50;

/** The files of the zip, each with its name and a function that gives its content. */
export function* unzip(zip) {
  // The end record is the last, with a comment behind it at most.
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== endSignature) end--;
  if (end < 0) throw new Error('This is no zip file');
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    const method = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 20);
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameSize);
    at += 46 + nameSize + extraSize + commentSize;
    if (name.endsWith('/')) continue;
    const content = () => {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const packed = zip.subarray(start, start + size);
      return method === 0 ? packed : inflateRawSync(packed);
    };
    yield { name, content };
  }
}
