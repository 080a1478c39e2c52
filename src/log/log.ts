/**
 * Logging. Constant messages, what varies in fields with the words of docs/glossary.md; one line per event,
 * written where it is handled and nowhere on the way. Secrets are taken out by model/secret before they
 * get here; the paths below are the second net.
 */
import pretty from 'pino-pretty';
import { pino, type DestinationStream, type LevelWithSilent } from 'pino';

/** What a component writes to. */
export interface Logger {
  /** For following one workflow step by step. */
  debug(fields: object, message: string): void;
  /** What an operator wants to see of a healthy node. */
  info(fields: object, message: string): void;
  /** What heals by itself. */
  warn(fields: object, message: string): void;
  /** What needs a person. */
  error(fields: object, message: string): void;
  /** A logger that adds these fields to each line. */
  child(fields: object): Logger;
}

/** The logger of a process. */
export interface FatalLogger extends Logger {
  /** What ends the process. */
  fatal(fields: object, message: string): void;
}

/** Names of fields that are never shown, wherever they stand in the first two levels. */
const secretNames = ['password', 'secret', 'secretKey', 'authorization', 'token_secret', 'chapSecret'];

/** Where the lines of a node go: for people at a terminal, JSON for everything else. */
export function logDestination(isTerminal: boolean): DestinationStream {
  return isTerminal
    ? pretty({ destination: 1, colorize: true, translateTime: 'HH:MM:ss.l', singleLine: true })
    : pino.destination(1);
}

/** The node's logger: JSON lines, as the destination shows them. */
export function createLogger(level: LevelWithSilent, destination?: DestinationStream): FatalLogger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { err: pino.stdSerializers.err },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** As {@link Logger.child}, made when it is first needed: most steps write no line. */
export function lazyChild(log: Logger, fields: object): Logger {
  let made: Logger | undefined;
  const child = (): Logger => (made ??= log.child(fields));
  return {
    // Mostly it is not wanted at all, which the parent knows.
    debug: (more, message) => {
      log.debug({ ...fields, ...more }, message);
    },
    info: (more, message) => {
      child().info(more, message);
    },
    warn: (more, message) => {
      child().warn(more, message);
    },
    error: (more, message) => {
      child().error(more, message);
    },
    child: (more) => child().child(more),
  };
}

/** Writes nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
