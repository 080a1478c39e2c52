/** Runs many seeds at once, each in one of several processes: a run of the simulation uses one core. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GivenSize } from './sizes.js';
import { answerSeed, type SeedAnswer } from './worker.js';

/** What to run. */
export interface PoolOptions {
  readonly from: number;
  readonly seeds: number;
  readonly given: GivenSize;
  /** How many processes; with one, everything runs in this one. */
  readonly jobs: number;
  /** Called with each answer as it comes; true ends the rest. */
  readonly onAnswer: (answer: SeedAnswer) => boolean;
}

/** See the head of this file. Rejects when a process ends by itself. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const { from, seeds, given, jobs, onAnswer } = options;
  let next = from;
  let isOver = false;
  const take = (): number | undefined => (isOver || next >= from + seeds ? undefined : next++);
  if (jobs <= 1) {
    for (let seed = take(); seed !== undefined; seed = take())
      isOver = onAnswer(await answerSeed({ seed, given }));
    return;
  }
  const drive = async (): Promise<void> => {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
    });
    try {
      for (let seed = take(); seed !== undefined; seed = take()) {
        const answer = await ask(child, seed, given);
        if (!isOver) isOver = onAnswer(answer);
      }
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, drive));
}

async function ask(child: ChildProcess, seed: number, given: GivenSize): Promise<SeedAnswer> {
  return await new Promise<SeedAnswer>((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`The process that ran seed ${seed} ended with ${code ?? 'a signal'}`));
    };
    child.once('exit', onExit);
    child.once('message', (answer: SeedAnswer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
    child.send({ seed, given });
  });
}
