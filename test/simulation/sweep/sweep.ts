/**
 * Stops a node exactly before, within and exactly after each of its writes and calls, one run for each, and compares what
 * comes of it on another node with what came of it undisturbed.
 */
import type { NodeId } from '../../../src/base/ids.js';
import { isFinal, stateName } from '../../../src/model/workflow-state.js';
import type { Api } from '../../../src/rpc/context.js';
import { Mvcc } from '../../../src/store/embedded/index.js';
import { Checker } from '../checker.js';
import { Client } from '../client.js';
import { noFaults } from '../faults.js';
import { ModelArray } from '../model-array.js';
import { Operator } from '../operator.js';
import { Scheduler, SimProcess } from '../scheduler.js';
import { startSimNode } from '../sim-node.js';
import type { SimNetwork } from '../sim-store.js';
import type { Golden } from './goldens.js';

const shards = 4;
const endMs = 600_000;
/** What is seen as done is watched a little longer: something late may still come. */
const restMs = 12_000;
/** A write or a call, not what only reads or keeps the session alive. */
const points = /^(?:before|after|in) (?:txn|call|remote call|planning)/;

/** What came of a run. */
export interface SweepResult {
  /** States of all workflows and objects on the array, by their place in the tree: the same for the same end. */
  readonly end: string;
  /** At which it could have been stopped. */
  readonly points: readonly string[];
  readonly failure: string | undefined;
}

/** Runs it; `stopAt`: the point, counted from 0, at which the first node is stopped for good. */
export async function runGolden(
  golden: Golden,
  stopAt?: number,
  onTrace?: (line: string) => void,
): Promise<SweepResult> {
  return await new SweepRun(golden, stopAt, onTrace).run();
}

class SweepRun {
  readonly #golden: Golden;
  readonly #scheduler = new Scheduler(1);
  readonly #server = new Mvcc({ clock: { monotonicMs: () => this.#scheduler.nowMs } });
  readonly #checker: Checker;
  readonly #array: ModelArray;
  readonly #network: SimNetwork;
  readonly #client: Client;
  readonly #operator: Operator;
  readonly #trace: (line: string) => void;
  readonly #isTraced: boolean;
  readonly #points: string[] = [];
  #node: { readonly process: SimProcess; readonly api: Api } | undefined;
  #failure: string | undefined;

  constructor(golden: Golden, stopAt: number | undefined, onTrace: ((line: string) => void) | undefined) {
    this.#golden = golden;
    this.#isTraced = onTrace !== undefined;
    const scheduler = this.#scheduler;
    this.#trace = (line) => onTrace?.(`${scheduler.nowMs.toFixed(1).padStart(9)}  ${line}`);
    const fail = (message: string): void => {
      this.#trace(`BROKEN: ${message}`);
      this.#failure ??= message;
    };
    this.#checker = new Checker(this.#server, shards, fail);
    this.#array = new ModelArray(
      () => scheduler.nowMs,
      (effect) => {
        this.#trace(`array: ${effect.kind} ${effect.context.workflow}/${effect.context.step}`);
        this.#checker.onEffect(effect);
      },
    );
    this.#checker.array = this.#array;
    this.#network = {
      scheduler,
      server: this.#server,
      faults: noFaults,
      storeStalledUntilMs: 0,
      storeDownUntilMs: 0,
      writer: undefined,
      count: () => undefined,
      mayCrash: (process, point) => this.#mayStop(process, point, stopAt),
      trace: this.#trace,
    };
    this.#checker.owners.writer = () => this.#network.writer;
    const view = {
      scheduler,
      server: this.#server,
      checker: this.#checker,
      anyApi: () => (this.#node?.api.runtime.facts === undefined ? undefined : this.#node.api),
      trace: this.#trace,
      // A refusal is an answer, and what a dead node was asked is asked again.
      onError: (what: string, error: unknown) => {
        this.#trace(`${what}: ${String(error)}`);
      },
      count: () => undefined,
      mayBeGone: () => false,
      fail,
    };
    this.#client = new Client(view, 1);
    this.#operator = new Operator(view);
  }

  async run(): Promise<SweepResult> {
    this.#startNode('n1');
    this.#expireLeases();
    this.#operator.hasLimits = this.#golden.hasLimits === true;
    this.#operator.release();
    for (const [index, plan] of this.#golden.plans.entries())
      this.#client.send(plan, `w${index}`, 100 * index);
    this.#react();
    await this.#runUntil(() => this.#hasEnded(), endMs);
    if (!this.#hasEnded()) this.#failure ??= `it stands still: ${this.#end()}`;
    await this.#runUntil(() => false, this.#scheduler.nowMs + restMs);
    this.#checker.checkEnd([]);
    this.#node?.process.kill();
    return { end: this.#end(), points: this.#points, failure: this.#failure };
  }

  async #runUntil(isDone: () => boolean, untilMs: number): Promise<void> {
    await this.#scheduler.runUntil(
      () => this.#failure !== undefined || isDone(),
      untilMs,
      () => undefined,
    );
  }

  #hasEnded(): boolean {
    const ids = this.#checker.ids;
    return (
      this.#client.ids.length === this.#golden.plans.length &&
      ids.every((id) => isFinal(this.#checker.headOf(id)?.state ?? 0))
    );
  }

  #mayStop(process: SimProcess, point: string, stopAt: number | undefined): boolean {
    if (process.isDead) return true;
    if (!process.name.startsWith('n1') || !points.test(point)) return false;
    this.#points.push(point);
    if (stopAt !== this.#points.length - 1) return false;
    this.#trace(`${process.name} dies ${point}`);
    process.kill();
    this.#scheduler.after(0, () => {
      this.#startNode('n2');
    });
    return true;
  }

  #startNode(name: string): void {
    const process = new SimProcess(name, this.#scheduler, 0);
    const api = startSimNode({
      nodeId: name as NodeId,
      process,
      network: this.#network,
      array: this.#array,
      checker: this.#checker,
      shards,
      trace: this.#trace,
      isTraced: this.#isTraced,
      retentionMs: undefined,
      written: new Map(Object.entries(this.#golden.children ?? {})),
    });
    this.#node = { process, api };
  }

  #expireLeases(): void {
    this.#server.expireLeases();
    this.#scheduler.after(100, () => {
      this.#expireLeases();
    });
  }

  #react(): void {
    for (const reaction of this.#golden.reactions ?? []) reaction(this.#checker, this.#operator);
    this.#scheduler.after(500, () => {
      this.#react();
    });
  }

  /** Where the workflow stands in its tree: ids of children and uids differ from run to run. */
  #placeOf(id: string): string {
    const parent = this.#checker.headOf(id)?.parent;
    return parent === undefined ? id : `${this.#placeOf(parent.workflowId)}/${parent.step}`;
  }

  #end(): string {
    const lines: string[] = [];
    for (const id of this.#checker.ids) {
      const { state = 0, uid = '' } = this.#checker.headOf(id) ?? {};
      const place = this.#placeOf(id);
      lines.push(`${place} ${stateName(state)}`);
      for (const [object, { isWhole }] of this.#array.objects)
        if (object.startsWith(`${uid}/`))
          lines.push(`${place}${object.slice(uid.length)} ${isWhole ? 'whole' : 'half'}`);
    }
    return lines.sort().join('\n');
  }
}
