/**
 * A small controller that keeps its contract, and the ways in which it can be made to break it, one at a time. What it
 * makes are names in a map, with the key of the step that made each.
 */
import { sleep, systemClock } from '../../../src/base/clock.js';
import {
  defineController,
  done,
  failed,
  notDone,
  SteplockError,
  type CallContext,
  type ControllerPort,
  type Done,
  type ExecuteResult,
  type JsonObject,
  type ProbeResult,
} from '../../../src/controller.js';

/** What is wrong with it. */
export type Flaw =
  | 'none'
  /** Names an undo that it does not have. */
  | 'undo-is-missing'
  /** Returns what its own schema does not allow. */
  | 'output-does-not-fit'
  /** Throws at arguments that it does not like. */
  | 'throws-at-arguments'
  /** Makes another one each time. */
  | 'makes-two'
  /** Says that everything is done. */
  | 'probe-says-done'
  /** Says that nothing is done. */
  | 'probe-says-not-done'
  /** Compares no token. */
  | 'no-fence'
  /** Raises the fence at Execute, and not at Probe. */
  | 'probe-raises-no-fence'
  /** Does not look at the deadline. */
  | 'no-deadline'
  /** Carries on when its caller has gone. */
  | 'no-cancel'
  /** Its undo does nothing. */
  | 'undo-does-nothing'
  /** Its undo fails when there is nothing left to undo, of a step that was done. */
  | 'undo-only-once'
  /** Its undo fails when the step had not been done. */
  | 'undo-needs-something'
  /** Its undo removes whatever has the name. */
  | 'undo-takes-all'
  /** Answers calls of methods that it does not have. */
  | 'does-anything';

const name = { type: 'string', minLength: 1 };
/** How long a slow call takes. */
export const slowMs = 1_500;

/** One with that flaw. */
export function createFlawedController(flaw: Flaw): ControllerPort {
  const made = new Map<string, string>();
  const graves = new Set<string>();
  const fences = new Map<string, number>();
  const passFence = ({ workflowUid, direction, fencingToken }: CallContext, raises = true): void => {
    const step = `${workflowUid}/${direction}`;
    const seen = fences.get(step) ?? 0;
    if (flaw !== 'no-fence' && fencingToken.revision < seen) throw new SteplockError('FENCED', 'too old');
    if (raises) fences.set(step, Math.max(seen, fencingToken.revision));
  };
  const output = (of: JsonObject): Done => {
    const fits = done({ name: of['name'] as string });
    return flaw === 'output-does-not-fit' ? done({ name: 1 }) : fits;
  };

  async function make(context: CallContext, args: JsonObject): Promise<ExecuteResult> {
    if (typeof args['name'] !== 'string') {
      if (flaw === 'throws-at-arguments') throw new Error('no name');
      return failed('InvalidArguments', 'name', { retryable: false, effect: 'none' });
    }
    passFence(context);
    if (args['slow'] === true) await sleep(systemClock, slowMs).catch(() => undefined);
    if (flaw !== 'no-cancel' && context.signal.aborted) throw new Error('stopped');
    if (flaw !== 'no-deadline' && context.deadlineMs < Date.now())
      return failed('TooLate', 'the deadline has passed', { retryable: false, effect: 'none' });
    const isThere = made.get(args['name']) === context.idempotencyKey;
    if (isThere && flaw === 'makes-two') made.set(`${args['name']}-again`, context.idempotencyKey);
    else made.set(args['name'], context.idempotencyKey);
    return output(args);
  }

  async function probe(context: CallContext, args: JsonObject): Promise<ProbeResult> {
    passFence(context, flaw !== 'probe-raises-no-fence');
    const isThere = made.get(args['name'] as string) === context.idempotencyKey;
    if (flaw === 'probe-says-done') return await Promise.resolve(output(args));
    if (flaw === 'probe-says-not-done') return notDone('none');
    return isThere ? output(args) : notDone('none');
  }

  async function unmake(context: CallContext, args: JsonObject): Promise<ExecuteResult> {
    await Promise.resolve();
    const { undone } = context;
    if (undone === undefined) return failed('UndoOnly', 'no step', { retryable: false, effect: 'none' });
    passFence(context);
    const of = args['name'] as string;
    const isNothing = failed('NotFound', of, { retryable: false, effect: 'none' });
    if (graves.has(undone.idempotencyKey) && flaw === 'undo-only-once') return isNothing;
    if (!made.has(of) && undone.state === 'unknown' && flaw === 'undo-needs-something') return isNothing;
    const isIts = made.get(of) === undone.idempotencyKey;
    if (flaw !== 'undo-does-nothing' && (isIts || flaw === 'undo-takes-all')) made.delete(of);
    graves.add(undone.idempotencyKey);
    return done();
  }

  const port = defineController({
    ...{ kind: 'flawed', version: '1', description: 'For tests' },
    methods: {
      make: {
        description: 'Makes one',
        argumentsSchema: {
          ...{ type: 'object', properties: { name, slow: { type: 'boolean' } }, required: ['name'] },
        },
        outputSchema: { type: 'object', properties: { name }, required: ['name'] },
        undo: { method: 'unmake', arguments: { name: { $args: '/name' } } },
        idempotent: true,
        ...{ execute: make, probe },
      },
      unmake: {
        ...{ description: 'Undoes make', argumentsSchema: { type: 'object' }, undo: 'none-needed' },
        ...{ idempotent: true, execute: unmake },
      },
      list: {
        ...{ description: 'Lists them', argumentsSchema: { type: 'object' }, undo: 'none-needed' },
        idempotent: true,
        execute: async (_context, { prefix = '' }) => {
          const names = [...made.keys()].filter((each) => each.startsWith(prefix as string));
          return await Promise.resolve(done({ names: names.sort() }));
        },
      },
    },
  });
  return flawed(port, flaw);
}

/** Flaws of the controller as a whole. */
function flawed(port: ControllerPort, flaw: Flaw): ControllerPort {
  if (flaw === 'does-anything') {
    const known = port.description.methods.map((method) => method.name);
    return {
      ...port,
      execute: async (context, method, args) =>
        known.includes(method) ? await port.execute(context, method, args) : done(),
    };
  }
  if (flaw !== 'undo-is-missing') return port;
  const methods = port.description.methods.map((method) =>
    method.name === 'list' ? { ...method, undo: { method: 'unlist' } } : method,
  );
  return { ...port, description: { ...port.description, methods } };
}
