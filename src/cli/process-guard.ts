/**
 * What a node's process does with failures that nobody handles. They come from local controllers, which share it: a
 * promise that is rejected after its call was answered spoils nothing else and is only logged; after an exception
 * nobody knows what was left half done, so that the process ends, as after a crash, with a code that says so.
 */
import type { FatalLogger } from '../log/log.js';

/** See above; gives what takes the guard away again. */
export function guardProcess(log: FatalLogger, exit: () => void): () => void {
  const onRejection = (reason: unknown): void => {
    log.error({ err: toError(reason) }, 'a promise was rejected and nobody cared');
  };
  const onException = (error: unknown): void => {
    log.fatal({ err: toError(error) }, 'an exception was thrown and nobody caught it, the node ends');
    exit();
  };
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return () => {
    process.off('unhandledRejection', onRejection);
    process.off('uncaughtException', onException);
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
