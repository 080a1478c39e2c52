/** A process that runs the seeds that it is sent, one after the other, and answers each with what came of it. */
import type { GivenSize } from './sizes.js';
import { sizeOf } from './sizes.js';
import { runSeed, type RunResult } from './world.js';

/** What it is asked. */
export interface SeedRequest {
  readonly seed: number;
  readonly given: GivenSize;
}

/** What it answers; `trace`: of a broken run, the last lines. */
export interface SeedAnswer {
  readonly result: RunResult;
  readonly trace: readonly string[];
}

const traceMax = 60;

/** Runs it; once more, with the trace, if something broke. */
export async function answerSeed({ seed, given }: SeedRequest): Promise<SeedAnswer> {
  const size = sizeOf(seed, given);
  const result = await runSeed({ seed, ...size });
  const trace: string[] = [];
  if (result.failure === undefined) return { result, trace };
  let isOver = false;
  const onTrace = (line: string): void => {
    if (isOver) return;
    trace.push(line);
    if (trace.length > traceMax) trace.shift();
    // What follows only tells of the end of the run.
    isOver = line.includes('BROKEN: ');
  };
  await runSeed({ seed, ...size, onTrace });
  return { result, trace };
}

if (process.send !== undefined && import.meta.url === `file://${process.argv[1] ?? ''}`) {
  process.on('message', (request: SeedRequest) => {
    void answerSeed(request).then((answer) => process.send?.(answer));
  });
  // Whoever asked has gone.
  process.on('disconnect', () => {
    process.exit();
  });
}
