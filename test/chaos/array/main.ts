/** The model array as a process: `main.ts PORT LOGFILE`. Each line of its log is on the disk before it answers. */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { parseLog } from './log.js';
import { ModelArray, type ArrayCall } from './model-array.js';

const [port = '0', file = ''] = process.argv.slice(2);
const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
const log = openSync(file, 'a');
// A kill in the middle of a line: that effect was never answered for, and has not happened.
ftruncateSync(log, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)));
const array = new ModelArray({
  write: (entry) => {
    writeSync(log, `${JSON.stringify(entry)}\n`);
    fdatasyncSync(log);
  },
  nowMs: () => Date.now(),
  after: (ms, action) => void setTimeout(action, ms),
  history: parseLog(text),
});

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const answer = array.handle(JSON.parse(Buffer.concat(parts).toString()) as ArrayCall);
    response.end(JSON.stringify(answer));
  });
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('array listens\n'));
process.once('SIGTERM', () => {
  closeSync(log);
  process.exit(0);
});
