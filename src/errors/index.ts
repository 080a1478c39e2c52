export { callReasons, stepReasons } from './reasons.js';
export type { CallReason, CodeName, RetryAdvice, StepReason } from './reasons.js';
export {
  errorDomain,
  errorText,
  invalidField,
  isReason,
  SteplockError,
  workflowNotFound,
} from './steplock-error.js';
export type { ErrorDetail, Violation } from './steplock-error.js';
