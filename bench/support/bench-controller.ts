/**
 * The controller of the benches. What it does is seen in a journal, a file to which each call appends a line when it
 * begins and when it ends: an effect in the world, which no record of Steplock's is needed to tell.
 */
import { appendFileSync } from 'node:fs';
import { sleep, systemClock } from '../../src/base/clock.js';
import {
  defineController,
  done,
  pending,
  type CallContext,
  type ControllerPort,
} from '../../src/controller.js';

/** What happened. */
export type JournalKind = 'begin' | 'end' | 'poll';

/** One clock for all processes of a machine, in milliseconds. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const idempotent = { idempotent: true, undo: 'none-needed' } as const;
const argumentsSchema = { type: 'object' };

/** See the head of this file. */
export function createBenchController(node: string, journal: string): ControllerPort {
  const note = (kind: JournalKind, { workflow, step }: CallContext): void => {
    appendFileSync(journal, `${kind} ${node} ${workflow}/${step} ${machineMs()}\n`);
  };
  return defineController({
    kind: 'bench',
    version: '1',
    description: 'Steps of benches',
    methods: {
      noop: {
        ...idempotent,
        description: 'Does nothing',
        argumentsSchema,
        execute: async () => await Promise.resolve(done()),
      },
      hold: {
        ...idempotent,
        description: 'Takes a while',
        argumentsSchema,
        execute: async (context, args) => {
          note('begin', context);
          await sleep(systemClock, Number(args['ms']), context.signal);
          note('end', context);
          return done();
        },
      },
      task: {
        ...idempotent,
        description: 'Goes on outside until its time is over',
        argumentsSchema,
        execute: async (context, args) => {
          note('begin', context);
          return await Promise.resolve(pending(String(machineMs() + Number(args['ms'])), 100));
        },
        poll: async (context, task) => {
          note('poll', context);
          return await Promise.resolve(machineMs() < Number(task) ? pending(task, 100) : done());
        },
      },
    },
  });
}
