/**
 * A thousand workflows end under one watch, while its connection is cut five times, the node that serves it is killed and
 * etcd is compacted in between: no end is lost or told twice.
 */
import { expect } from 'chai';
import { createSeededRandom, randomBelow } from '../../src/base/random.js';
import {
  basic,
  connect,
  newPlan,
  stateNameOf,
  watchAll,
  type SteplockClient,
  type TypedPlan,
  type WorkflowHandle,
} from '../../src/client/index.js';
import { startSteplock, type RunningProcess } from '../integration/support/processes.js';
import { freePorts, startEtcd, type EtcdProcess } from '../support/etcd.js';
import { eventually, within } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const workflows = 1_000;
const cuts = 5;
const waitMsMax = 30_000;
const atOnce = 100;
const nodes = 3;
const startMs = 120_000;
/** Generous: the machine may be busy with other things. */
const allMs = 300_000;

interface Member {
  readonly port: number;
  readonly proxy: TcpProxy;
  process: RunningProcess;
}

/** What was seen of one workflow. */
interface Seen {
  readonly ends: string[];
  readonly steps: string[];
  readonly resynchronised: number;
}

describe('A watch of a thousand workflows', function () {
  this.timeout(allMs + 2 * startMs);
  let etcd: EtcdProcess;
  const members: Member[] = [];
  let client: SteplockClient | undefined;

  const start = async (port: number): Promise<RunningProcess> => {
    const options = ['--capacity', '1000', '--lease-ttl', '15s', '--log-level', 'warn'];
    const listen = ['--listen', `127.0.0.1:${port}`];
    const node = startSteplock([
      'server',
      '--etcd',
      etcd.url,
      '--node-id',
      `n${port}`,
      ...listen,
      ...options,
    ]);
    // As long as it takes: when one is killed, all cores may be busy with what the others take over.
    await eventually(() => {
      expect(node.output.out + node.output.err).to.contain('steplock listens at');
    }, startMs);
    return node;
  };
  const addressOf = ({ proxy }: Member): string => proxy.url.slice('http://'.length);

  before(async () => {
    etcd = await startEtcd();
    for (let index = 0; index < nodes; index++) {
      const [port] = await freePorts();
      members.push({ port, proxy: await TcpProxy.start(port), process: await start(port) });
    }
    client = await connect(members.map(addressOf), { timeoutMs: 60_000 });
  });
  after(async () => {
    client?.close();
    for (const { process } of members) process.kill('SIGKILL');
    await Promise.all(members.map(async ({ process }) => await process.ended));
    await Promise.all(
      members.map(async ({ proxy }) => {
        await proxy.stop();
      }),
    );
    await etcd.stop();
  });

  const compact = async (): Promise<void> => {
    interface Answer {
      readonly header?: { readonly revision?: string };
      readonly message?: string;
    }
    const post = async (path: string, body: object): Promise<Answer> => {
      const response = await fetch(`${etcd.url}/v3/kv/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      return (await response.json()) as Answer;
    };
    const { header } = await post('range', { key: Buffer.from('a').toString('base64') });
    expect(Number(header?.revision)).to.be.greaterThan(1);
    // Where nothing was written since the last one, it is compacted already.
    const { message } = await post('compaction', { revision: header?.revision });
    expect(message ?? 'has been compacted').to.contain('has been compacted');
  };

  const submitAll = async (): Promise<WorkflowHandle<unknown>[]> => {
    const random = createSeededRandom(1_000);
    const plans = Array.from({ length: workflows }, (_, index): TypedPlan<unknown> => {
      const plan = newPlan();
      const waited = plan.call('waited', basic('wait'), { with: { ms: randomBelow(random, waitMsMax) } });
      // Every tenth one fails, and is rolled back.
      const last = index % 10 === 0 ? basic('fail') : basic('echo');
      plan.call('last', last as ReturnType<typeof basic<'fail'>>, { needs: [waited] });
      return plan.build();
    });
    const handles: WorkflowHandle<unknown>[] = [];
    for (let from = 0; from < workflows; from += atOnce) {
      const some = plans.slice(from, from + atOnce).map(async (plan, index) => {
        return await client!.submit(plan, { workflowId: `w-${from + index}`, timeoutMs: 60_000 });
      });
      handles.push(...(await Promise.all(some)));
    }
    return handles;
  };

  it('hears of each end once, across five cuts, two killed nodes and compactions', async () => {
    const handles = await submitAll();
    const seen = new Map<string, { ends: string[]; steps: string[]; resynchronised: number }>();
    for (const { name } of handles) seen.set(name, { ends: [], steps: [], resynchronised: 0 });
    let ended = 0;
    const watching = (async () => {
      for await (const update of watchAll(handles)) {
        const of = seen.get(update.name)!;
        if (update.ended) of.ends.push(stateNameOf(update.workflow.state));
        if (update.ended) ended += 1;
        if (update.resynchronised) of.resynchronised += 1;
        for (const { name, state, attempts } of update.steps) of.steps.push(`${name} ${state} ${attempts}`);
      }
    })();
    watching.catch(() => undefined);
    const endsAtCuts: number[] = [];
    for (let cut = 1; cut <= cuts; cut++) {
      await eventually(() => {
        expect(ended).to.be.at.least((workflows * cut) / (cuts + 2));
      }, allMs / 2);
      endsAtCuts.push(ended);
      const serving = members.find((member) => addressOf(member) === client?.endpoint)!;
      for (const { proxy } of members) proxy.cut();
      await compact();
      if (cut % 2 === 0) {
        serving.process.kill('SIGKILL');
        await serving.process.ended;
        serving.process = await start(serving.port);
      }
    }
    await within(allMs, 'the watch', watching).catch(async (error: unknown) => {
      // Of those that never ended, which is no fault of the watch: what they wait for.
      const open = handles.find(({ name }) => seen.get(name)?.ends.length === 0);
      const steps = (await open?.steps()) ?? [];
      throw new Error(
        `${ended} ended. ${JSON.stringify(steps.map(({ name, error, lastAttempts }) => [name, error, lastAttempts]))}`,
        { cause: error },
      );
    });
    // It was cut while workflows were still to end.
    expect(endsAtCuts.every((count) => count < workflows)).to.equal(true);
    const wrong: string[] = [];
    const all: Seen[] = [];
    for (const handle of handles) {
      const of = seen.get(handle.name)!;
      all.push(of);
      const state = stateNameOf((await handle.get()).state);
      if (of.ends.join() !== state) wrong.push(`${handle.name}: ${of.ends.join()} in place of ${state}`);
      if (new Set(of.steps).size !== of.steps.length) wrong.push(`${handle.name} twice: ${of.steps.join()}`);
    }
    expect(wrong).to.deep.equal([]);
    expect(all.filter(({ ends }) => ends[0] === 'ROLLED_BACK')).to.have.length(workflows / 10);
    // What was open at a cut is marked by its next update.
    expect(all.filter(({ resynchronised }) => resynchronised > 0).length).to.be.greaterThan(workflows / 4);
    expect(Math.max(...all.map(({ resynchronised }) => resynchronised))).to.be.at.most(cuts + 2);
  });
});
