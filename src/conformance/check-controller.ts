/** Checks a controller against its contract, whatever it is written in. It makes effects: on what the samples name. */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { ControllerDescription, MethodDescription } from '../contract/contract.js';
import { errorText, isReason } from '../errors/index.js';
import type { DescribeResponse } from '../gen/wire/steplock/v1/controller_service.js';
import { createSchemaChecker, type SchemaChecker } from '../model/schema.js';
import { parseDescription } from '../remote/description-codec.js';
import { DirectCalls } from '../remote/direct-calls.js';
import { checks, type Check, type Subject, type Verdict } from './checks.js';
import { sampleOf, type Samples } from './samples.js';
import { NotReadyError, say, Trial, type Bench } from './trial.js';

/** What came of a check. */
export interface CheckResult {
  readonly check: string;
  /** Empty for the controller as a whole. */
  readonly method: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Why it failed, or was skipped. */
  readonly why: string;
}

/** What was checked. */
export interface ControllerReport {
  readonly endpoint: string;
  readonly kind: string;
  readonly version: string;
  readonly results: readonly CheckResult[];
  /** What could not be taken away again. */
  readonly left: readonly string[];
}

/** How to check. */
export interface CheckOptions {
  readonly endpoint: string;
  readonly samples: Samples;
  /** Only these methods; empty for all. */
  readonly methods: readonly string[];
  /** How long a call, its external task included, may take. */
  readonly timeoutMs: number;
  /** The first fencing token's revision: above what the controller has seen, if it keeps a floor. */
  readonly firstRevision: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of each result as it comes. */
  readonly onResult?: (result: CheckResult) => void;
}

/**
 * Checks it.
 *
 * @throws SteplockError CONTROLLER_UNAVAILABLE when nobody answers, or whatever Describe ends with.
 */
export async function checkController(options: CheckOptions): Promise<ControllerReport> {
  const { endpoint, clock, timeoutMs, samples, random, onResult } = options;
  const calls = await DirectCalls.connect(endpoint, clock, timeoutMs);
  const results: CheckResult[] = [];
  const note = (check: string, method: string, verdict: Verdict): void => {
    const result = { check, method, status: verdict.status, why: 'why' in verdict ? verdict.why : '' };
    results.push(result);
    onResult?.(result);
  };
  try {
    const checker = createSchemaChecker();
    const described = await calls.describe();
    const description = describedBy(described, checker, (verdict) => {
      note('describe', '', verdict);
    });
    let revision = options.firstRevision;
    const nextRevision = (): number => revision++;
    const { system } = samples;
    const bench: Bench = { calls, description, system, clock, random, checker, timeoutMs, nextRevision };
    note('unknown-method', '', await checkUnknownMethod(bench));
    const left: string[] = [];
    for (const method of description.methods) {
      if (options.methods.length > 0 && !options.methods.includes(method.name)) continue;
      left.push(...(await checkMethod(bench, method, samples, note)));
    }
    return { endpoint, kind: description.kind, version: description.version, results, left };
  } finally {
    calls.close();
  }
}

type Note = (check: string, method: string, verdict: Verdict) => void;

/** As a node takes it; or, when a node would not, all of it that is sound. */
function describedBy(
  described: DescribeResponse,
  checker: SchemaChecker,
  tell: (verdict: Verdict) => void,
): ControllerDescription {
  try {
    const description = parseDescription(described, checker);
    const silent = description.methods.find(({ undo }) => undo === undefined);
    if (description.methods.length === 0) tell({ status: 'failed', why: 'it describes no method' });
    else if (description.kind === '') tell({ status: 'failed', why: 'it does not say its kind' });
    else if (silent !== undefined)
      tell({ status: 'failed', why: `method ${silent.name} does not say how it is undone` });
    else tell({ status: 'passed' });
    return description;
  } catch (error) {
    if (!isReason(error, 'INVALID_FIELD')) throw error;
    tell({ status: 'failed', why: errorText(error) });
  }
  const methods: MethodDescription[] = [];
  for (const method of described.methods) {
    // Alone, a method whose undo is missing is unsound: it is tried without one.
    for (const undo of [method.undo, undefined]) {
      try {
        const others =
          undo?.$case === 'undoMethod'
            ? described.methods.filter(({ name }) => name === undo.value.name)
            : [];
        const [sound] = parseDescription(
          { ...described, methods: [{ ...method, undo }, ...others] },
          checker,
        ).methods;
        if (sound !== undefined) methods.push(sound);
        break;
      } catch (error) {
        if (!isReason(error, 'INVALID_FIELD')) throw error;
      }
    }
  }
  return { kind: described.kind, version: described.version, description: described.description, methods };
}

async function checkUnknownMethod(bench: Bench): Promise<Verdict> {
  const method: MethodDescription = {
    ...{ name: 'no-such-method', description: '', argumentsSchema: {}, outputSchema: undefined },
    ...{ undo: 'none-needed', limitClass: '', timeoutMs: 0, canProbe: false, idempotent: false },
    retry: { maxAttempts: 1, initialBackoffMs: 0, maxBackoffMs: 0, multiplier: 1 },
  };
  const sample = { arguments: {}, before: [], observe: undefined, slow: undefined, reads: true };
  const end = await new Trial(bench, method, sample).execute();
  const isRefused =
    end.kind === 'error' ? end.reason === 'CAPABILITY_UNSUPPORTED' : end.kind === 'failed' && !end.retryable;
  if (isRefused) return { status: 'passed' };
  return { status: 'failed', why: `${say(end)}; answer UNIMPLEMENTED, or Failed and not retryable` };
}

/** All checks of one method. Gives what was left behind. */
async function checkMethod(
  bench: Bench,
  method: MethodDescription,
  samples: Samples,
  note: Note,
): Promise<string[]> {
  const skipAll = (why: string): string[] => {
    for (const { name } of checks) note(name, method.name, { status: 'skipped', why });
    return [];
  };
  const undoOf = bench.description.methods.find(
    ({ undo }) => typeof undo === 'object' && undo.method === method.name,
  );
  if (undoOf !== undefined && !samples.methods.has(method.name))
    return skipAll(`there is no sample; it is called as the undo of ${undoOf.name}`);
  const sample = sampleOf(method, samples, bench.checker);
  if (sample === undefined) return skipAll('there is no sample, and none could be made from its schema');
  const subject = { bench, method, sample };
  const left: string[] = [];
  let isUsable = true;
  for (const check of checks) {
    const why = isUsable ? check.skips(subject) : 'Execute failed';
    if (why !== undefined) {
      note(check.name, method.name, { status: 'skipped', why });
      continue;
    }
    const verdict = await runCheck(check, subject, left);
    note(check.name, method.name, verdict);
    if (check.name === 'execute' && verdict.status !== 'passed') isUsable = false;
  }
  return left;
}

async function runCheck(check: Check, subject: Subject, left: string[]): Promise<Verdict> {
  const { bench, method, sample } = subject;
  const trial = new Trial(bench, method, sample, check.name === 'cancel' ? sample.slow : undefined);
  try {
    await trial.prepare();
    return await check.run(subject, trial);
  } catch (error) {
    if (error instanceof NotReadyError) return { status: 'skipped', why: error.message };
    if (isReason(error, 'CONTROLLER_UNAVAILABLE')) throw error;
    return { status: 'failed', why: errorText(error) };
  } finally {
    left.push(...(await trial.clear()));
  }
}
