/** What the command line's exit codes mean; docs/cli.md lists them. They do not change. */
import type { CodeName } from '../errors/index.js';

/** See above. */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** It failed for a reason that has no code of its own. */
  failed: 1,
  /** The command line, a setting or a file is wrong; nothing was sent. */
  usage: 2,
  /** With --wait: the workflow ended, or rests, other than succeeded. Of `controller check`: a check failed. */
  notSucceeded: 3,
  /** The server refused what was asked: a plan, a field, a state. */
  refused: 4,
  /** It is not there. */
  notFound: 5,
  /** No answer: the node, or its store. */
  unavailable: 6,
  /** With --wait or --timeout: the time was up. */
  timedOut: 7,
  /** A defect of Steplock. */
  defect: 70,
} as const;

/** The exit code for an error of the server. */
export function exitCodeOf(code: CodeName): number {
  switch (code) {
    case 'INVALID_ARGUMENT':
    case 'ALREADY_EXISTS':
    case 'FAILED_PRECONDITION':
    case 'ABORTED':
    case 'OUT_OF_RANGE':
    case 'UNIMPLEMENTED':
    case 'RESOURCE_EXHAUSTED':
      return exitCodes.refused;
    case 'NOT_FOUND':
      return exitCodes.notFound;
    case 'UNAVAILABLE':
    case 'UNKNOWN':
      return exitCodes.unavailable;
    case 'DEADLINE_EXCEEDED':
      return exitCodes.timedOut;
    case 'INTERNAL':
      return exitCodes.defect;
    case 'CANCELLED':
      return exitCodes.failed;
  }
}
