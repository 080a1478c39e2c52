/**
 * What a controller has to hold, one check each: the words of controller_service.proto, made calls. A check says what it
 * saw; what it could not look at it does not call passed.
 */
import { sleep } from '../base/clock.js';
import { canonicalJson, isJsonObject, type JsonObject } from '../base/json.js';
import type { MethodDescription } from '../contract/contract.js';
import type { MethodSample } from './samples.js';
import { say, Trial, type Bench } from './trial.js';
import { withUnique } from './unique.js';

/** What came of a check. */
export type Verdict =
  { readonly status: 'passed' } | { readonly status: 'failed' | 'skipped'; readonly why: string };

/** A method under check. */
export interface Subject {
  readonly bench: Bench;
  readonly method: MethodDescription;
  readonly sample: MethodSample;
}

/** A check of one method. */
export interface Check {
  readonly name: string;
  /** One line for people: what holds when it passes. */
  readonly says: string;
  /** Why it does not apply; undefined if it does. */
  readonly skips: (subject: Subject) => string | undefined;
  /** Makes a trial of its own unless it is given one. */
  readonly run: (subject: Subject, trial: Trial) => Promise<Verdict>;
}

const passed: Verdict = { status: 'passed' };
const failed = (why: string): Verdict => ({ status: 'failed', why });

const ifWrites = ({ sample }: Subject): string | undefined =>
  sample.reads ? 'it only reads: the sample says so, or it has neither a sample nor an undo' : undefined;
const ifProbes = ({ method }: Subject): string | undefined =>
  method.canProbe ? undefined : 'it says that it cannot be probed';
const ifSeen = ({ sample, method }: Subject): string | undefined =>
  sample.observe !== undefined || method.canProbe
    ? undefined
    : 'what it did cannot be seen: the sample has no "observe", and it cannot be probed';
const ifUndone = ({ method: { undo } }: Subject): string | undefined => {
  if (typeof undo === 'object') return undefined;
  return undo === undefined ? 'it declares no undo' : `its undo is declared "${undo}"`;
};
const all =
  (...reasons: readonly Check['skips'][]): Check['skips'] =>
  (subject) =>
    reasons.map((reason) => reason(subject)).find((why) => why !== undefined);

const execute: Check = {
  name: 'execute',
  says: 'Execute with the sample does it',
  skips: () => undefined,
  run: async (_subject, trial) => {
    const end = await trial.execute();
    return end.kind === 'done' ? passed : failed(say(end));
  },
};

const output: Check = {
  name: 'output',
  says: 'what it returns fits its own output schema',
  skips: ({ method }) => (method.outputSchema === undefined ? 'it has no output schema' : undefined),
  run: async ({ bench, method }, trial) => {
    const end = await trial.execute();
    if (end.kind !== 'done') return failed(say(end));
    const [violation] = bench.checker.check(JSON.stringify(method.outputSchema), end.output);
    return violation === undefined ? passed : failed(`the output${violation.at} ${violation.description}`);
  },
};

const badArguments: Check = {
  name: 'bad-arguments',
  says: 'arguments that its schema does not allow are answered with Failed, not retryable, without effect',
  skips: ({ method, sample, bench }) =>
    spoilt(method, sample, bench) === undefined ? 'its schema allows anything' : undefined,
  run: async ({ bench, method, sample }) => {
    const args = spoilt(method, sample, bench) ?? {};
    const wrong = new Trial(bench, method, { ...sample, arguments: args });
    const end = await wrong.execute();
    if (end.kind === 'done') await wrong.clear();
    if (end.kind === 'error') return failed(`${say(end)}: a step would be in doubt; answer Failed`);
    if (end.kind !== 'failed') return failed(`${say(end)} for ${canonicalJson(args)}`);
    if (end.retryable) return failed('it says that trying again may help');
    return end.effect === 'none' ? passed : failed(`it says that its effect is "${end.effect}"`);
  },
};

const repeat: Check = {
  name: 'repeat',
  says: 'Execute repeated with one key has one effect and the same answer',
  skips: all(ifWrites, ({ method }) =>
    method.idempotent ? undefined : 'it says that it cannot be repeated',
  ),
  run: async (_subject, trial) => {
    const first = await trial.execute();
    const once = await trial.observe();
    const second = await trial.execute();
    if (first.kind !== 'done' || second.kind !== 'done')
      return failed(`first ${say(first)}; repeated ${say(second)}`);
    const twice = await trial.observe();
    if (once !== twice) return failed(`there was ${once ?? ''}; after the repetition ${twice ?? ''}`);
    const isSame = canonicalJson(first.output) === canonicalJson(second.output);
    return isSame ? passed : failed(`first ${say(first)}; repeated ${say(second)}`);
  },
};

const probeBefore: Check = {
  name: 'probe-before',
  says: 'Probe of a step that was never executed says that it is not done',
  skips: ifProbes,
  run: async (_subject, trial) => {
    const found = await trial.probe();
    return found.kind === 'not-done' ? passed : failed(say(found));
  },
};

const probeAfter: Check = {
  name: 'probe-after',
  says: 'Probe of a step that was executed says done, with the same output',
  skips: ifProbes,
  run: async (_subject, trial) => {
    const end = await trial.execute();
    const found = await trial.probe();
    if (end.kind !== 'done' || found.kind !== 'done')
      return failed(`executed ${say(end)}; probed ${say(found)}`);
    const isSame = canonicalJson(end.output) === canonicalJson(found.output);
    return isSame ? passed : failed(`executed ${say(end)}; probed ${say(found)}`);
  },
};

const fence: Check = {
  name: 'fence',
  says: 'Execute with an older fencing token than one seen for the step is refused with FENCED',
  skips: ifWrites,
  run: async ({ bench }, trial) => {
    const older = bench.nextRevision();
    const end = await trial.execute();
    if (end.kind !== 'done') return failed(say(end));
    return isFenced(await trial.execute({ revision: older }));
  },
};

const fenceAfterProbe: Check = {
  name: 'fence-after-probe',
  says: 'after a Probe, an Execute with an older token is refused with FENCED: "not done" stays true',
  skips: all(ifWrites, ifProbes),
  run: async ({ bench }, trial) => {
    const older = bench.nextRevision();
    await trial.probe();
    return isFenced(await trial.execute({ revision: older }));
  },
};

const deadline: Check = {
  name: 'deadline',
  says: 'a call whose deadline has passed does nothing',
  skips: all(ifWrites, ifSeen),
  run: async ({ bench }, trial) => {
    const before = await trial.observe();
    const end = await trial.execute({ deadlineMs: bench.clock.nowMs() - 1_000 });
    if (end.kind === 'done') return failed('it did it, a second after the deadline');
    return (await trial.isThere(before)) ? failed(`it answered ${say(end)}, and did it`) : passed;
  },
};

const cancel: Check = {
  name: 'cancel',
  says: 'a call, or its task, that is cancelled stops, and has no effect afterwards',
  skips: all(ifWrites, ifSeen, ({ sample }) =>
    sample.slow === undefined ? 'the sample has no "slow" call that could be cancelled' : undefined,
  ),
  run: runCancel,
};

const undo: Check = {
  name: 'undo',
  says: 'its undo takes away what it made',
  skips: all(ifWrites, ifUndone, ifSeen),
  run: async (_subject, trial) => {
    const before = await trial.observe();
    const end = await trial.execute();
    if (end.kind !== 'done') return failed(say(end));
    const undone = await trial.undo();
    if (undone.kind !== 'done') return failed(say(undone));
    return (await trial.isThere(before)) ? failed('it answered done, and what was made is there') : passed;
  },
};

const undoRepeat: Check = {
  name: 'undo-repeat',
  says: 'its undo can be repeated',
  skips: all(ifWrites, ifUndone),
  run: async (_subject, trial) => {
    const end = await trial.execute();
    if (end.kind !== 'done') return failed(say(end));
    const first = await trial.undo();
    const second = await trial.undo();
    return first.kind === 'done' && second.kind === 'done'
      ? passed
      : failed(`first ${say(first)}; repeated ${say(second)}`);
  },
};

const undoOfNothing: Check = {
  name: 'undo-of-nothing',
  says: 'its undo of a step that never happened is done, and does nothing',
  skips: all(ifWrites, ifUndone),
  run: async (_subject, trial) => {
    const before = await trial.observe();
    const end = await trial.undo();
    if (end.kind !== 'done') return failed(say(end));
    return (await trial.observe()) === before ? passed : failed('it changed something');
  },
};

const undoOwn: Check = {
  name: 'undo-own',
  says: 'the undo of another step leaves alone what this one made',
  skips: all(ifWrites, ifUndone, ifSeen),
  run: async (_subject, trial) => {
    const before = await trial.observe();
    const end = await trial.execute();
    if (end.kind !== 'done') return failed(say(end));
    await trial.undo(`${trial.key}-of-another`);
    return (await trial.isThere(before)) ? passed : failed("it took away what another step's key made");
  },
};

/** How much longer than it takes to wait before looking whether it was done all the same; and for one that was told to stop. */
const slackMs = 1_000;
const settleMs = 10_000;

async function runCancel({ bench, sample }: Subject, trial: Trial): Promise<Verdict> {
  const { clock } = bench;
  const takesMs = sample.slow?.takesMs ?? 0;
  const before = await trial.observe();
  const abort = new AbortController();
  const startedMs = clock.monotonicMs();
  const cancelTimer = clock.setTimer(takesMs / 4, () => {
    abort.abort();
  });
  const begun = await trial.begin(abort.signal);
  cancelTimer();
  if (begun.kind === 'done')
    return { status: 'skipped', why: `the "slow" call was done before ${takesMs / 4} ms: nothing to cancel` };
  const isCut = begun.kind === 'error' && begun.reason === 'CANCELLED';
  if (begun.kind !== 'pending' && !isCut) return failed(say(begun));
  if (begun.kind === 'pending') {
    await sleep(clock, takesMs / 4);
    await trial.cancel(begun.task);
    const end = await trial.pollToEnd(begun.task, 0);
    if (clock.monotonicMs() - startedMs > takesMs + settleMs)
      return failed(`cancelled, it went on: ${say(end)}`);
  }
  await sleep(clock, Math.max(0, startedMs + takesMs + slackMs - clock.monotonicMs()));
  return (await trial.isThere(before)) ? failed('it was cancelled, and did it all the same') : passed;
}

function isFenced(end: Awaited<ReturnType<Trial['execute']>>): Verdict {
  if (end.kind === 'error' && end.reason === 'FENCED') return passed;
  return failed(`${say(end)}, in place of FENCED`);
}

/** The sample's arguments made wrong: a required one left out, else one of another type; undefined if nothing is wrong. */
function spoilt(
  { argumentsSchema }: MethodDescription,
  { arguments: args }: MethodSample,
  { checker }: Bench,
): JsonObject | undefined {
  const names = Object.keys(args);
  const without = names.map((name) =>
    Object.fromEntries(Object.entries(args).filter(([key]) => key !== name)),
  );
  const mistyped = names.map((name) => ({ ...args, [name]: isJsonObject(args[name]) ? 1 : { wrong: true } }));
  const schema = JSON.stringify(argumentsSchema);
  return [...without, ...mistyped].find((each) => checker.check(schema, withUnique(each, 'c0')).length > 0);
}

/** All checks of a method, in the order in which they are run. `execute` comes first: without it there is nothing to see. */
export const checks: readonly Check[] = [
  execute,
  output,
  badArguments,
  repeat,
  probeBefore,
  probeAfter,
  fence,
  fenceAfterProbe,
  deadline,
  cancel,
  undo,
  undoRepeat,
  undoOfNothing,
  undoOwn,
];
