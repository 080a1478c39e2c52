/**
 * An iSCSI initiator for tests and the demo: libiscsi's tools to look, qemu-io to read and write. Secrets go
 * through the environment or a pipe, never onto a command line.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import {
  childEnvironment,
  runChild,
  tiedToParent,
  type ChildResult,
  type RunChild,
} from './child-process.js';

/** Who it is and where it looks. */
export interface InitiatorOptions {
  /** Its iSCSI name. */
  readonly name: string;
  /** The target's `host:port`. */
  readonly portal: string;
  /** The account that it logs in with. */
  readonly chap?: { readonly username: string; readonly secret: string };
  /** Ends what it does. */
  readonly signal?: AbortSignal;
  /** @default {@link runChild} */
  readonly run?: RunChild;
}

/** A logical unit of a target. */
export interface UnitAddress {
  readonly target: string;
  readonly lun: number;
}

/** An open session. */
export interface IoSession {
  /**
   * Runs one command of qemu-io, e.g. `write -P 0xab 0 1M` or `read -P 0xab 0 1M`.
   *
   * @throws Error if it failed, or read other bytes than the pattern.
   */
  command(text: string): Promise<string>;
  /** Logs out. */
  close(): Promise<void>;
  /** Ends at once, without logging out. */
  abandon(): void;
}

/** See the file's head. */
export interface Initiator {
  /** Names of the targets that it is shown. */
  discover(): Promise<string[]>;
  /** Size in bytes, by READ CAPACITY (16). */
  capacity(unit: UnitAddress): Promise<number>;
  /** What the unit says of itself: vendor, product and serial number. */
  identify(unit: UnitAddress): Promise<{ vendor: string; product: string; serial: string }>;
  /**
   * Logs in and opens the unit.
   *
   * @throws Error with the reason, e.g. `Authentication failure(513)`.
   */
  open(unit: UnitAddress): Promise<IoSession>;
  /** Opens the unit, runs the commands and logs out. */
  io(unit: UnitAddress, ...commands: readonly string[]): Promise<void>;
}

type Shell = ChildProcessByStdio<Writable, Readable, Readable>;

/** Makes one. */
export function createInitiator(options: InitiatorOptions): Initiator {
  const { name, portal, chap, run = runChild, signal = new AbortController().signal } = options;
  const environment =
    chap === undefined ? {} : { LIBISCSI_CHAP_USERNAME: chap.username, LIBISCSI_CHAP_PASSWORD: chap.secret };
  const tool = async (command: string, ...args: readonly string[]): Promise<ChildResult> =>
    await run(command, args, { signal, environment });
  const urlOf = ({ target, lun }: UnitAddress): string => `iscsi://${portal}/${target}/${lun}`;
  const open = async (unit: UnitAddress): Promise<IoSession> => await openSession(options, unit);
  return {
    open,
    discover: async () => {
      const { output, errorOutput } = await tool('iscsi-ls', '-i', name, `iscsi://${portal}/`);
      if (errorOutput.includes('failed')) throw new Error(`iscsi-ls: ${errorOutput.trim()}`);
      return [...output.matchAll(/^Target:(\S+)/gm)].map(([, target = '']) => target);
    },
    capacity: async (unit) => {
      const { output, errorOutput } = await tool('iscsi-readcapacity16', '-i', name, '-s', urlOf(unit));
      if (!/^[0-9]+\s*$/.test(output)) throw new Error(`iscsi-readcapacity16: ${output}${errorOutput}`);
      return Number(output);
    },
    identify: async (unit) => {
      const standard = await tool('iscsi-inq', '-i', name, urlOf(unit));
      const page = await tool('iscsi-inq', '-i', name, '-e', '1', '-c', '128', urlOf(unit));
      const field = (text: string, label: RegExp): string => label.exec(text)?.[1]?.trim() ?? '';
      return {
        vendor: field(standard.output, /^Vendor:(.*)$/m),
        product: field(standard.output, /^Product:(.*)$/m),
        serial: field(page.output, /^Unit Serial Number:\[?\s*([^\]\n]*)/m),
      };
    },
    io: async (unit, ...commands) => {
      const session = await open(unit);
      try {
        for (const command of commands) await session.command(command);
      } finally {
        await session.close();
      }
    },
  };
}

async function openSession(options: InitiatorOptions, unit: UnitAddress): Promise<IoSession> {
  const { name, portal, chap, signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const image = [
    ...['driver=iscsi', 'transport=tcp', `portal=${portal}`, `target=${unit.target}`, `lun=${unit.lun}`],
    `initiator-name=${name}`,
    ...(chap === undefined ? [] : [`user=${chap.username}`, 'password-secret=chap']),
  ];
  const secret = chap === undefined ? [] : ['--object', 'secret,id=chap,file=/dev/fd/3'];
  const [file, line] = tiedToParent('qemu-io', [...secret, '--image-opts', image.join(',')]);
  const secretFile = chap === undefined ? undefined : keepInMemory(chap.secret);
  const child = spawn(file, line, {
    stdio: ['pipe', 'pipe', 'pipe', ...(secretFile === undefined ? [] : [secretFile])],
    env: childEnvironment,
  }) as Shell;
  if (secretFile !== undefined) closeSync(secretFile);
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  child.once('exit', () => {
    signal.removeEventListener('abort', kill);
  });
  const shell = createShell(child);
  const greeting = await shell.read();
  if (greeting.hasEnded) throw new Error(`qemu-io: ${shell.complaints().trim()}`);
  return {
    command: async (text) => {
      const { text: answer, hasEnded } = await shell.ask(text);
      if (hasEnded || /failed/i.test(answer)) {
        throw new Error(`qemu-io ${text}: ${answer.trim()} ${shell.complaints().trim()}`);
      }
      return answer;
    },
    close: async () => {
      await shell.ask('quit');
      await shell.ended;
    },
    abandon: kill,
  };
}

const complaintsSizeMax = 4_096;

/** A descriptor of a file in memory that has no name any more: qemu reads secrets from files alone. */
function keepInMemory(secret: string): number {
  const path = `/dev/shm/steplock-${randomBytes(16).toString('hex')}`;
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  writeSync(file, secret);
  return file;
}

interface Answer {
  readonly text: string;
  /** The child is gone; nothing more comes. */
  readonly hasEnded: boolean;
}

/** Reads what the child writes up to its next prompt. */
function createShell(child: Shell): {
  read(): Promise<Answer>;
  ask(command: string): Promise<Answer>;
  readonly ended: Promise<void>;
  /** What it wrote to its error output so far. */
  complaints(): string;
} {
  const prompt = 'qemu-io> ';
  let text = '';
  let hasEnded = false;
  let wake = (): void => undefined;
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    wake();
  });
  // Notices too, such as a unit attention after a reconnection: they fail nothing.
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    complaints = (complaints + part).slice(-complaintsSizeMax);
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      complaints += error.message;
      child.emit('close');
    });
    child.once('close', () => {
      hasEnded = true;
      wake();
      resolve();
    });
  });
  const read = async (): Promise<Answer> => {
    for (;;) {
      const end = text.indexOf(prompt);
      if (end >= 0) {
        const answer = text.slice(0, end);
        text = text.slice(end + prompt.length);
        return { text: answer, hasEnded: false };
      }
      if (hasEnded) return { text, hasEnded };
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const ask = async (command: string): Promise<Answer> => {
    if (!hasEnded) child.stdin.write(`${command}\n`);
    return await read();
  };
  return { read, ask, ended, complaints: () => complaints };
}
