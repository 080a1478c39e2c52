/** What a check works with: a storage system of its own behind its controller, and ways to look and reach behind it. */
import { expect } from 'chai';
import {
  sleep,
  systemClock,
  type ControllerPort,
  type JsonObject,
  type PollResult,
} from '../../src/controller.js';
import { eventually } from '../support/eventually.js';
import { contextOf, mebibyte, nextToken, type CallData } from '../plugins/linux/support.js';

/** Where in its effect a call dies. */
export type Instant = 'before' | 'midway' | 'after';
/** How: its process is gone, or it is told to stop. */
export type Death = 'kill' | 'abort';

/** What there is, as the system itself shows it, without asking the controller. */
export interface Objects {
  /** Sizes by name; foreign ones too. */
  readonly volumes: Readonly<Record<string, number>>;
  readonly snapshots: Readonly<Record<string, number>>;
  /** Who may use which volume, in order. */
  readonly exports: Readonly<Record<string, readonly string[]>>;
  /** Names of what is half made. */
  readonly stray: readonly string[];
}

/** A new storage system, and what is needed to try it. */
export interface Bench {
  readonly port: ControllerPort;
  /** What there is. */
  objects(): Promise<Objects>;
  /** Writes a text at the beginning of a volume, as a host would. */
  write(volume: string, text: string): Promise<void>;
  /** The beginning of a volume, as long as that text. */
  read(volume: string, like: string): Promise<string>;
  /** Gives a volume another size behind the controller's back. */
  setSize(volume: string, sizeBytes: number): Promise<void>;
  /** Makes something that no workflow made. */
  addForeign(kind: 'volume' | 'snapshot', name: string): Promise<void>;
  /** Begins a call that dies there. Undefined if the system has no such instant. */
  interrupt(call: Interrupted): Promise<void>;
  /** Takes everything away. */
  remove(): Promise<void>;
}

/** A call that is to die. */
export interface Interrupted {
  readonly data: CallData;
  readonly method: string;
  readonly args: JsonObject;
  readonly at: Instant;
  readonly by: Death;
}

/** A kind of system under test. */
export interface Subject {
  readonly name: string;
  /** How calls can die there; where each death is slow, fewer of them. */
  readonly deaths: readonly { readonly at: Instant; readonly by: Death }[];
  /** Makes a system, with a defect for tests of these tests. */
  open(defect?: Defect): Promise<Bench>;
  /** Ends what all its benches share. */
  close(): Promise<void>;
}

/** What an adapter's author may do wrong. */
export type Defect = 'wrong-size' | 'create-without-look-up' | 'delete-of-a-foreign-object';

/** One thing that an adapter has to do. */
export interface Check {
  readonly name: string;
  readonly run: (bench: Bench, subject: Subject) => Promise<void>;
}

/** Sizes of most volumes here. */
export const smallBytes = 2 * mebibyte;
/** No pool here can promise so much: 2 TiB. */
export const hugeBytes = 2 * 1024 ** 4;

/** What a call came to in the end, with all its polls. */
export async function settle(
  bench: Bench,
  data: CallData,
  method: string,
  args: JsonObject,
): Promise<PollResult> {
  let result: PollResult = await bench.port.execute(contextOf(data), method, args);
  for (;;) {
    if (result.kind !== 'pending') return result;
    await sleep(systemClock, result.pollAfterMs);
    result = await bench.port.poll(contextOf(data), method, result.task, args);
  }
}

/** As {@link settle}, and gives the output. */
export async function must(
  bench: Bench,
  data: CallData,
  method: string,
  args: JsonObject,
): Promise<JsonObject> {
  const result = await settle(bench, data, method, args);
  if (result.kind !== 'done') throw new Error(`${method}: ${JSON.stringify(result)}`);
  return result.output;
}

/** Asks for a refusal with one of the reasons, which leaves everything as it is and says so. */
export async function refused(
  bench: Bench,
  data: CallData,
  call: readonly [method: string, args: JsonObject],
  ...reasons: readonly string[]
): Promise<void> {
  const before = await bench.objects();
  const result = await settle(bench, data, ...call);
  const said = result.kind === 'failed' ? result.reason : JSON.stringify(result);
  expect(said, call[0]).to.be.oneOf([...reasons]);
  // A later attempt cannot know what earlier ones left.
  if (result.kind === 'failed' && data.attempt === 1)
    expect(result.effect, `${call[0]}: effect`).to.equal('none');
  expect(await bench.objects(), `${call[0]}: after it was refused as ${said}`).to.deep.equal(before);
}

/** What a probe says once nothing goes on any more. */
export async function probed(
  bench: Bench,
  data: CallData,
  method: string,
  args: JsonObject,
): Promise<string> {
  return await eventually(async () => {
    const token = { ...data, fencingToken: nextToken() };
    const result = await bench.port.probe(contextOf(token), method, args);
    if (result.kind === 'pending') throw new Error(`${method} is still going on`);
    return result.kind === 'not-done' ? `not-done, ${result.effect}` : result.kind;
  }, 20_000);
}

/** The same step's next attempt. */
export function again(data: CallData): CallData {
  return { ...data, attempt: data.attempt + 1, fencingToken: nextToken() };
}

/** Makes a volume in a step `make-NAME` and gives its serial. */
export async function makeVolume(bench: Bench, data: CallData, volume: string): Promise<string> {
  const { serial } = await must(bench, data, 'create-volume', { volume, size_bytes: smallBytes });
  return serial as string;
}
