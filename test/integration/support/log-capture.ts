/** A node's log, caught line by line. */
import { createLogger, type Logger } from '../../../src/log/log.js';

/** One line. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const levels = { debug: 20, info: 30, warn: 40, error: 50 } as const;

/** See above. */
export class LogCapture {
  readonly logger: Logger;
  #text = '';

  constructor(level: keyof typeof levels = 'debug') {
    this.logger = createLogger(level, {
      write: (line: string) => {
        this.#text += line;
      },
    });
  }

  /** All of it as it was written. */
  get text(): string {
    return this.#text;
  }

  /** All lines. */
  get lines(): LogLine[] {
    return this.#text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** The lines that tell of a defect. */
  get errors(): LogLine[] {
    return this.lines.filter((line) => line.level >= levels.error);
  }

  /** The lines with this message. */
  with(message: string): LogLine[] {
    return this.lines.filter((line) => line.msg === message);
  }
}
