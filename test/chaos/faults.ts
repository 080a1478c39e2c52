/** How each kind of fault is brought about, and healed again. */
import { sleep, systemClock } from '../../src/base/clock.js';
import { randomBelow, type Random } from '../../src/base/random.js';
import type { EtcdMember } from '../support/etcd-cluster.js';
import { eventually } from '../support/eventually.js';
import type { FaultKind } from './deck.js';
import type { Observer } from './observer.js';
import type { Restarts } from './restarts.js';
import type { Stage, StageNode } from './stage.js';

/** What bringing faults about needs. */
export interface FaultOptions {
  readonly stage: Stage;
  readonly observer: Observer;
  readonly restarts: Restarts;
  readonly random: Random;
  readonly leaseTtlMs: number;
  readonly blockMs: number;
  /** One line for people. */
  readonly say: (text: string) => void;
}

/** A terminated node gets its drain timeout and a little. */
const politeMs = 15_000;
const panicMs = 8_000;

/** See the head of this file. */
export class Faults {
  /** How often each kind came. */
  readonly counts = new Map<FaultKind, number>();
  readonly #options: FaultOptions;

  constructor(options: FaultOptions) {
    this.#options = options;
  }

  /** Brings it about and heals it; the node is one of the three, drawn. */
  async run(kind: FaultKind): Promise<void> {
    const { stage, random, say } = this.#options;
    const node = stage.nodes[randomBelow(random, stage.nodes.length)];
    const member = stage.etcd.members[randomBelow(random, stage.etcd.members.length)];
    if (node === undefined || member === undefined) throw new Error('The stage is empty');
    const where = kind.startsWith('node') ? node.name : kind.startsWith('etcd member') ? member.name : '';
    say(`${kind} ${where}`);
    await this.#bring(kind, node, member);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  async #bring(kind: FaultKind, node: StageNode, member: EtcdMember): Promise<void> {
    const { stage, random, leaseTtlMs, blockMs } = this.#options;
    switch (kind) {
      case 'node killed':
        await this.#killNode(kind, node, undefined);
        return;
      case 'node killed, all else well':
      case "node and etcd's leader killed":
        await this.#killNodeAlone(kind, node);
        return;
      case 'node stopped past its lease':
        this.#gone(kind, node);
        node.process.signal('SIGSTOP');
        await this.#pause(leaseTtlMs * 1.5, 2_000);
        node.process.signal('SIGCONT');
        return;
      case "node's event loop blocked":
        this.#gone(kind, node);
        node.process.signal('SIGUSR2');
        await this.#pause(blockMs, 500);
        return;
      case 'node ended politely':
        await Promise.race([node.process.end('SIGTERM'), sleep(systemClock, politeMs)]);
        await node.process.end('SIGKILL');
        node.process.start();
        return;
      case 'node cut off from etcd':
        this.#gone(kind, node);
        for (const proxy of node.proxies) {
          proxy.isDeaf = true;
          proxy.cut();
        }
        await this.#pause(leaseTtlMs, 2_000);
        for (const proxy of node.proxies) {
          proxy.isDeaf = false;
          // Connections that were taken and never served.
          proxy.cut();
        }
        return;
      case 'node cannot reach etcd, hears it':
        await this.#oneWay(kind, node, 'toServer');
        return;
      case 'node reaches etcd, hears nothing':
        await this.#oneWay(kind, node, 'toClient');
        return;
      case 'remote controller killed': {
        const controller = stage.controllers[randomBelow(random, stage.controllers.length)];
        await controller?.process.end('SIGKILL');
        await this.#pause(300, 1_500);
        controller?.process.start();
        return;
      }
      case 'everything killed':
        await this.#killAll();
        return;
      default:
        await this.#bringToEtcd(kind, member);
    }
  }

  async #bringToEtcd(kind: Extract<FaultKind, `etcd ${string}`>, member: EtcdMember): Promise<void> {
    switch (kind) {
      case 'etcd member killed':
        await member.kill();
        await this.#pause(1_500, 2_500);
        member.start();
        await member.untilHealthy();
        return;
      case 'etcd member stopped':
        member.pause();
        await this.#pause(2_000, 3_000);
        member.resume();
        await member.untilHealthy();
        return;
      case 'etcd leader moved':
        await this.#moveLeader();
        return;
      case 'etcd compacted':
        // At what was just written; what has not been seen yet is needed for the verdict.
        await (await this.#leader()).compact(this.#options.observer.cursor);
        await this.#pause(300, 500);
        return;
      case 'etcd slow before the WAL is synced':
        await this.#slowWal();
        return;
      case 'etcd panics before the WAL is synced': {
        const leader = await this.#leader();
        await leader.setFault('walBeforeSync', 'panic("chaos")');
        await leader.untilEnded(panicMs);
        await this.#pause(1_000, 1_500);
        leader.start();
        await leader.untilHealthy();
        return;
      }
    }
  }

  async #killNode(kind: FaultKind, node: StageNode, term: number | undefined): Promise<void> {
    this.#gone(kind, node, term);
    await node.process.end('SIGKILL');
    await this.#pause(this.#options.leaseTtlMs / 2, this.#options.leaseTtlMs);
    node.process.start();
  }

  /** What the budget P4 is about: free slots, and the leader asked before and after. */
  async #killNodeAlone(kind: FaultKind, node: StageNode): Promise<void> {
    const { stage, leaseTtlMs } = this.#options;
    await stage.untilJoined();
    await sleep(systemClock, 1_000);
    const before = await stage.etcd.leader();
    const loss = this.#gone(kind, node, before?.term);
    await node.process.end('SIGKILL');
    if (kind === "node and etcd's leader killed") await before?.member.kill();
    await eventually(
      () => {
        if ((loss?.waiting.size ?? 0) > 0) throw new Error('Steps still wait');
      },
      3 * leaseTtlMs + 3_000,
    ).catch(() => undefined);
    const after = await stage.etcd.leader();
    if (loss !== undefined) loss.hadOneLeader = before !== undefined && before.term === after?.term;
    await stage.heal();
    await stage.untilJoined();
  }

  async #oneWay(kind: FaultKind, node: StageNode, direction: 'toServer' | 'toClient'): Promise<void> {
    const { leaseTtlMs, random } = this.#options;
    this.#gone(kind, node);
    for (const proxy of node.proxies) proxy.pause(direction);
    await this.#pause(leaseTtlMs, 2_000);
    // What was held back comes late, or never.
    const isLost = random.next() < 0.4;
    for (const proxy of node.proxies) {
      if (isLost) proxy.cut();
      proxy.resume();
    }
  }

  async #moveLeader(): Promise<void> {
    const { stage, random } = this.#options;
    await eventually(async () => {
      const leader = await this.#leader();
      const others = stage.etcd.members.filter((member) => member !== leader);
      const target = others[randomBelow(random, others.length)];
      await leader.moveLeader((await target?.status())?.memberId ?? '');
    }, 20_000);
    await this.#pause(500, 1_000);
  }

  /** So long that others elect a leader meanwhile, or only so that answers come late. */
  async #slowWal(): Promise<void> {
    const leader = await this.#leader();
    const terms = this.#options.random.next() < 0.5 ? '1*sleep(6000)' : 'sleep(600)';
    await leader.setFault('walBeforeSync', terms);
    await this.#pause(2_500, 1_500);
    await eventually(async () => {
      await leader.setFault('walBeforeSync');
    }, 20_000);
    await leader.untilHealthy();
  }

  async #killAll(): Promise<void> {
    const { stage } = this.#options;
    for (const node of stage.nodes) this.#gone('everything killed', node);
    const processes = [...stage.nodes, ...stage.controllers].map((part) => part.process);
    await Promise.all(
      [...processes, stage.array].map(async (part) => {
        await part.end('SIGKILL');
      }),
    );
    await stage.etcd.stop();
    await this.#pause(200, 1_000);
    await stage.heal();
    await stage.untilJoined();
  }

  #gone(kind: FaultKind, node: StageNode, term?: number): ReturnType<Restarts['onGone']> {
    return this.#options.restarts.onGone(kind, node.name, term);
  }

  async #leader(): Promise<EtcdMember> {
    return await eventually(async () => {
      const leader = await this.#options.stage.etcd.leader();
      if (leader === undefined) throw new Error('etcd has no leader');
      return leader.member;
    }, 20_000);
  }

  async #pause(leastMs: number, moreMs: number): Promise<void> {
    await sleep(systemClock, leastMs + this.#options.random.next() * moreMs);
  }
}
